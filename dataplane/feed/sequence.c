/* sequence.c - see sequence.h. */
#include "feed/sequence.h"

#include <string.h>

static void emit(struct sequencer *s, struct run_list *out, struct run run)
{
    run.channel = s->channel;
    out->run[out->count++] = run;
}

static void publish_epoch(struct sequencer *s, uint8_t waiting)
{
    if (s->waiting == waiting)
        return;
    s->waiting = waiting;
    __atomic_store_n(&s->ch->epoch, s->ch->epoch + 1, __ATOMIC_RELEASE);
}

/* What recovery is to ask for; published before the epoch that says something is missing. */
static void publish_wanted(struct sequencer *s)
{
    uint64_t end = s->held_count ? s->held[0].seq : s->target;
    __atomic_store_n(&s->ch->wanted_end, end > s->ch->next_seq ? end : 0, __ATOMIC_RELAXED);
}

int sequence_resume(struct sequencer *s)
{
    struct pn_channel *ch = s->ch;
    if (ch->epoch & 1)
        __atomic_store_n(&ch->epoch, ch->epoch + 1, __ATOMIC_RELEASE);
    if (!ch->resets)
        return 1;
    if (ch->resets != ch->resets_applied)
        return 0;
    s->started = 1;
    s->session[0] = ch->session_key[0];
    s->session[1] = ch->session_key[1];
    s->begin_ns = s->newest_ns = ch->newest_ns;
    /*
     * What was delivered but not applied is missing now: to be asked for, and the books wait. Their
     * time to come begins with the first packet that shows the gap, which need not be long ago.
     */
    uint64_t known = ch->next_seq > ch->wanted_end ? ch->next_seq : ch->wanted_end;
    s->target = ch->next_seq = ch->applied_seq + 1;
    ch->wanted_end = known > ch->next_seq ? known : 0;
    publish_epoch(s, known > ch->next_seq);
    return 1;
}

static void advance(struct sequencer *s, uint64_t next)
{
    s->ch->next_seq = next;
    if (s->target < next)
        s->target = next;
}

/* Messages that were had before: a whole packet, or the beginning of one. */
static void count_duplicates(struct sequencer *s, uint8_t line, uint64_t n)
{
    s->ch->line[line].duplicates += n;
    s->ch->duplicates += n;
}

static void drop_duplicate(struct sequencer *s, uint8_t line, uint64_t n)
{
    s->drops[PN_R_SEQ_DUPLICATE]++;
    count_duplicates(s, line, n);
}

/* Delivers what is new of blocks that begin at or before the next message. */
static void emit_data(struct sequencer *s, struct run_list *out, const uint8_t *blocks,
                      const struct held *h)
{
    uint64_t next = s->ch->next_seq;
    uint32_t skip = (uint32_t)(next - h->seq);
    emit(s, out,
         (struct run){.kind = RUN_DATA,
                      .blocks = blocks,
                      .bytes = h->bytes,
                      .skip = skip,
                      .seq = next,
                      .count = h->count - skip,
                      .rx_ns = h->rx_ns});
    s->ch->line[h->line].messages += h->count - skip;
    if (PN_UNLIKELY(skip))
        count_duplicates(s, h->line, skip);
    advance(s, h->seq + h->count);
}

static struct held held_of(const struct packet *p, uint32_t offset)
{
    return (struct held){.seq = p->seq,
                         .rx_ns = p->rx_ns,
                         .count = p->count,
                         .bytes = p->bytes,
                         .offset = offset,
                         .line = p->line};
}

/* Delivers held packets that have become next; drops those that have become old. */
static void drain(struct sequencer *s, struct run_list *out)
{
    uint32_t done = 0;
    while (done < s->held_count && s->held[done].seq <= s->ch->next_seq) {
        const struct held *h = &s->held[done++];
        s->held_bytes -= h->bytes;
        if (h->seq + h->count > s->ch->next_seq)
            emit_data(s, out, s->arena + h->offset, h);
        else
            drop_duplicate(s, h->line, h->count);
    }
    s->held_count -= done;
    memmove(s->held, s->held + done, s->held_count * sizeof *s->held);
}

/* After anything was delivered or missed: what is still missing, and since when? */
static void settle(struct sequencer *s, uint64_t now_ns, int progressed, struct run_list *out)
{
    uint8_t missing = s->held_count || s->target > s->ch->next_seq;
    if (missing && (progressed || !s->missing))
        s->waiting_ns = now_ns;
    if (!missing && s->missing && progressed)
        s->ch->recovered++;
    s->missing = missing;
    if (PN_UNLIKELY(missing || s->ch->wanted_end))
        publish_wanted(s);
    publish_epoch(s, (uint8_t)(missing || s->far_packets));
    if (s->end_pending && !missing && !s->ch->ended) {
        s->ch->ended = 1;
        s->end_pending = 0;
        emit(s, out, (struct run){.kind = RUN_END, .seq = s->ch->next_seq, .rx_ns = now_ns});
    }
}

/* The first missing stretch is lost for good. */
static void give_up(struct sequencer *s, uint64_t now_ns, struct run_list *out)
{
    uint64_t next = s->ch->next_seq;
    uint64_t to = s->held_count ? s->held[0].seq : s->target;
    if (to > next) {
        emit(s, out,
             (struct run){.kind = RUN_GAP, .seq = next, .count = to - next, .rx_ns = now_ns});
        /* More of the last gap, told of later by heartbeats or by time, is no new one. */
        s->ch->gaps += next != s->gap_end;
        s->gap_end = to;
        s->ch->lost += to - next;
        advance(s, to);
    }
    drain(s, out);
    s->waiting_ns = now_ns;
    settle(s, now_ns, 0, out);
}

void sequence_tick(struct sequencer *s, uint64_t now_ns, struct run_list *out)
{
    if (PN_LIKELY(!s->missing || now_ns < s->waiting_ns || now_ns - s->waiting_ns <= s->reorder_ns))
        return;
    give_up(s, now_ns, out);
}

void sequence_flush(struct sequencer *s, struct run_list *out)
{
    while (s->held_count || s->target > s->ch->next_seq)
        give_up(s, s->waiting_ns, out);
    s->far_packets = 0;
    publish_epoch(s, 0);
}

/*
 * Room by what is held, not by how full the arena is: that depends on how the input was cut into
 * bursts, and the outcome must not. The arena itself has room, see sequence_is_full.
 */
static int has_room(const struct sequencer *s, const struct packet *p)
{
    return s->held_count < s->held_max && s->held_bytes + p->bytes <= s->arena_bytes / 2 &&
           p->bytes <= s->arena_bytes - s->arena_used;
}

/*
 * What comes too early while missing messages are asked for need not be kept at any price: the
 * latest held packets give way to an earlier one, and they, or p itself, are asked for later.
 * 1 if there is room for p now.
 */
static int make_room(struct sequencer *s, const struct packet *p)
{
    uint64_t end = p->seq + p->count;
    while (s->held_count && !has_room(s, p)) {
        const struct held *last = &s->held[s->held_count - 1];
        if (last->seq <= p->seq)
            break;
        if (last->seq + last->count > end)
            end = last->seq + last->count;
        s->held_bytes -= last->bytes;
        s->held_count--;
        s->drops[PN_R_SEQ_HELD_FULL]++;
    }
    if (s->target < end)
        s->target = end;
    if (has_room(s, p))
        return 1;
    s->drops[PN_R_SEQ_HELD_FULL]++;
    return 0;
}

static void hold(struct sequencer *s, const struct packet *p, struct run_list *out)
{
    uint32_t i = s->held_count;
    while (i && s->held[i - 1].seq > p->seq)
        i--;
    if (i && s->held[i - 1].seq == p->seq && s->held[i - 1].count >= p->count) {
        drop_duplicate(s, p->line, p->count);
        return;
    }
    if (PN_UNLIKELY(s->recovery) && !has_room(s, p)) {
        if (!make_room(s, p))
            return;
    } else if (!has_room(s, p)) {
        /* No room: the oldest hole is given up, and then this one may fit or be next itself. */
        give_up(s, p->rx_ns, out);
        if (!has_room(s, p) || p->seq <= s->ch->next_seq) {
            struct held fresh = held_of(p, 0);
            if (p->seq <= s->ch->next_seq && p->seq + p->count > s->ch->next_seq)
                emit_data(s, out, p->blocks, &fresh);
            else
                s->drops[PN_R_SEQ_HELD_FULL]++;
            drain(s, out);
            return;
        }
        i = s->held_count;
        while (i && s->held[i - 1].seq > p->seq)
            i--;
    }
    memmove(&s->held[i + 1], &s->held[i], (s->held_count - i) * sizeof *s->held);
    s->held[i] = held_of(p, s->arena_used);
    memcpy(s->arena + s->arena_used, p->blocks, p->bytes);
    s->arena_used += p->bytes;
    s->held_bytes += p->bytes;
    s->held_count++;
    s->ch->reorders++;
}

static void name_session(struct pn_channel *ch, const uint64_t session[2])
{
    char text[PN_SESSION_LEN] = {0};
    if (ch->framing == PN_FRAMING_MOLDUDP64) {
        memcpy(text, session, 10);
        for (int i = 0; i < 10; i++)
            text[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
    } else if (ch->framing == PN_FRAMING_IEXTP) {
        uint64_t v = session[0];
        int n = 0;
        char digits[PN_SESSION_LEN];
        do
            digits[n++] = (char)('0' + v % 10);
        while (v /= 10);
        for (int i = 0; i < n; i++)
            text[i] = digits[n - 1 - i];
    }
    memcpy(ch->session, text, sizeof text);
}

/* Begins a session at p; the first one of a channel empties nothing but does set the state. */
static void begin_session(struct sequencer *s, const struct packet *p, struct run_list *out)
{
    struct pn_channel *ch = s->ch;
    int numbered = !p->unsequenced && p->seq > 1 && ch->framing == PN_FRAMING_MOLDUDP64;
    /* A session that begins while the channel is watched was missed for a moment only. */
    int from_start = numbered && (s->recovery == PN_RECOVERY_FROM_START ||
                                  (s->recovery == PN_RECOVERY_GAPS && s->started));
    int late = p->midstream || (!p->unsequenced && p->seq > 1 && !from_start);
    s->has_old = s->started;
    s->old_session[0] = s->session[0];
    s->old_session[1] = s->session[1];
    s->session[0] = p->session[0];
    s->session[1] = p->session[1];
    s->new_packets = 0;
    s->far_packets = 0;
    s->held_count = 0;
    s->held_bytes = 0;
    s->target = 0;
    s->end_pending = 0;
    s->missing = 0;
    s->gap_end = 0;
    s->begin_ns = s->newest_ns = p->sender_ns;
    ch->ended = 0;
    ch->unsequenced = p->unsequenced == 1;
    publish_epoch(s, 0);
    uint64_t first = p->unsequenced || !p->seq || from_start ? 1 : p->seq;
    ch->first_seq = first;
    ch->wanted_end = 0;
    advance(s, first);
    /* Where the stream is; the packet itself may then be as far from its beginning as it likes. */
    if (from_start)
        s->target = p->seq;
    ch->session_key[0] = p->session[0];
    ch->session_key[1] = p->session[1];
    ch->newest_ns = p->sender_ns;
    ch->resets++;
    name_session(ch, p->session);
    emit(s, out,
         (struct run){.kind = RUN_RESET, .seq = first, .count = (uint64_t)late, .rx_ns = p->rx_ns});
    s->started = 1;
}

static int same_session(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

/* A packet of a session that is not the current one: 1 if it is current from now on. */
static int accept_session(struct sequencer *s, const struct packet *p, struct run_list *out)
{
    if (s->has_old && same_session(p->session, s->old_session)) {
        s->drops[PN_R_SEQ_OLD_SESSION]++;
        return 0;
    }
    if (!same_session(p->session, s->new_session) || !s->new_packets) {
        s->new_session[0] = p->session[0];
        s->new_session[1] = p->session[1];
        s->new_packets = 0;
    }
    s->new_packets++;
    if (p->seq > 1 && !s->ch->ended && s->new_packets < SEQUENCE_SESSION_PACKETS) {
        s->drops[PN_R_SEQ_WRONG_SESSION]++;
        return 0;
    }
    /* What the old session still waits for will not come. */
    sequence_flush(s, out);
    s->ch->session_changes++;
    begin_session(s, p, out);
    return 1;
}

/* The stream has begun anew under the same name: behind, and yet sent later than all before. */
static int is_restart(const struct sequencer *s, const struct packet *p)
{
    return p->sender_ns && p->seq < s->ch->next_seq &&
           p->sender_ns > s->newest_ns + SEQUENCE_RESTART_NS;
}

/* Too far ahead to be believed of one packet alone; 1 if it is to be dropped. */
static int is_implausible(struct sequencer *s, const struct packet *p)
{
    uint64_t near = s->recovery ? s->target : s->ch->next_seq;
    if (PN_LIKELY(p->seq <= near + SEQUENCE_FAR))
        return 0;
    if (s->far_packets && p->seq >= s->far_seq && p->seq - s->far_seq <= SEQUENCE_FAR)
        s->far_packets++;
    else
        s->far_packets = 1;
    s->far_seq = p->seq;
    publish_epoch(s, 1);
    if (s->far_packets < SEQUENCE_FAR_PACKETS) {
        s->drops[PN_R_SEQ_IMPLAUSIBLE]++;
        return 1;
    }
    s->far_packets = 0;
    return 0;
}

static void push_data(struct sequencer *s, const struct packet *p, struct run_list *out)
{
    struct pn_channel *ch = s->ch;
    uint64_t next = ch->next_seq, end = p->seq + p->count;
    if (PN_UNLIKELY(ch->ended && end > next)) {
        s->drops[PN_R_SEQ_AFTER_END]++;
        return;
    }
    if (PN_LIKELY(p->seq <= next)) {
        if (end <= next) {
            drop_duplicate(s, p->line, p->count);
            return;
        }
        struct held fresh = held_of(p, 0);
        emit_data(s, out, p->blocks, &fresh);
        if (PN_UNLIKELY(s->waiting)) {
            s->far_packets = 0;
            drain(s, out);
            settle(s, p->rx_ns, 1, out);
        }
        return;
    }
    if (is_implausible(s, p))
        return;
    hold(s, p, out);
    settle(s, p->rx_ns, 0, out);
}

void sequence_push(struct sequencer *s, struct packet *p, struct run_list *out)
{
    struct pn_channel *ch = s->ch;
    ch->datagrams++;
    ch->line[p->line].datagrams++;
    if (PN_UNLIKELY(!s->started))
        begin_session(s, p, out);
    else if (PN_UNLIKELY(!same_session(p->session, s->session))) {
        if (!accept_session(s, p, out))
            return;
    } else if (PN_UNLIKELY(s->new_packets))
        s->new_packets = 0;

    if (p->unsequenced) {
        /* In a stream with numbers, messages without one have no place. */
        if (PN_UNLIKELY(p->unsequenced == 1 && !ch->unsequenced)) {
            s->drops[PN_R_SEQ_UNNUMBERED]++;
            return;
        }
        p->seq = ch->next_seq;
        push_data(s, p, out);
        return;
    }
    if (PN_UNLIKELY(p->seq > UINT64_MAX - p->count)) {
        s->drops[PN_R_SEQ_OVERFLOW]++;
        return;
    }
    if (p->sender_ns) {
        if (PN_UNLIKELY(p->sender_ns + SEQUENCE_RESTART_NS < s->begin_ns)) {
            s->drops[PN_R_SEQ_OLD_SESSION]++;
            return;
        }
        if (PN_UNLIKELY(is_restart(s, p))) {
            sequence_flush(s, out);
            ch->restarts++;
            begin_session(s, p, out);
        }
        if (p->sender_ns > s->newest_ns)
            ch->newest_ns = s->newest_ns = p->sender_ns;
    }
    if (PN_LIKELY(p->kind == PACKET_DATA)) {
        push_data(s, p, out);
    } else {
        ch->heartbeats++;
        if (p->seq > ch->next_seq && is_implausible(s, p))
            return;
        if (p->seq > s->target)
            s->target = p->seq;
        if (p->kind == PACKET_END && p->seq >= ch->next_seq && !ch->ended)
            s->end_pending = 1;
        settle(s, p->rx_ns, 0, out);
    }
}
