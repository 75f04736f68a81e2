/* soup.c - see soup.h: the frames of logins. */
#include "order/soup.h"

static void pad_right(char *to, const char *text, uint32_t n)
{
    uint32_t i = 0;
    for (; i < n && text[i]; i++)
        to[i] = text[i];
    memset(to + i, ' ', n - i);
}

static void pad_left(char *to, const char *text, uint32_t n)
{
    uint32_t length = 0;
    while (length < n && text[length])
        length++;
    memset(to, ' ', n - length);
    memcpy(to + n - length, text, length);
}

static void put_number(char *to, uint64_t v, uint32_t n)
{
    memset(to, ' ', n);
    do {
        to[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v && n);
}

/* ASCII digits, spaces before or after them; blank is 0. */
static int read_number(const char *p, uint32_t n, uint64_t *out)
{
    uint64_t v = 0;
    while (n && *p == ' ')
        p++, n--;
    while (n && p[n - 1] == ' ')
        n--;
    for (; n; p++, n--)
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return -1;
    *out = v;
    return 0;
}

/* Without the padding on both sides, NUL at the end; to has room for n + 1. */
static void read_text(char *to, const char *p, uint32_t n, int capitals)
{
    while (n && *p == ' ')
        p++, n--;
    while (n && (p[n - 1] == ' ' || p[n - 1] == 0))
        n--;
    for (uint32_t i = 0; i < n; i++)
        to[i] = (char)(capitals && p[i] >= 'a' && p[i] <= 'z' ? p[i] - 'a' + 'A' : p[i]);
    to[n] = 0;
}

uint32_t soup_put_login(uint8_t *to, const char *user, const char *password, const char *session,
                        uint64_t sequence)
{
    struct soup_login_request *r = (struct soup_login_request *)to;
    soup_put_header(to, SOUP_LOGIN_REQUEST, sizeof *r - SOUP_HEADER);
    pad_right(r->user, user, SOUP_USER);
    pad_right(r->password, password, SOUP_PASSWORD);
    pad_left(r->session, session, SOUP_SESSION);
    put_number(r->sequence, sequence, SOUP_NUMBER);
    return sizeof *r;
}

uint32_t soup_put_accepted(uint8_t *to, const char *session, uint64_t sequence)
{
    struct soup_login_accepted *r = (struct soup_login_accepted *)to;
    soup_put_header(to, SOUP_LOGIN_ACCEPTED, sizeof *r - SOUP_HEADER);
    pad_left(r->session, session, SOUP_SESSION);
    put_number(r->sequence, sequence, SOUP_NUMBER);
    return sizeof *r;
}

uint32_t soup_put_rejected(uint8_t *to, uint8_t reason)
{
    soup_put_header(to, SOUP_LOGIN_REJECTED, 1);
    to[SOUP_HEADER] = reason;
    return sizeof(struct soup_login_rejected);
}

uint32_t soup_put_empty(uint8_t *to, uint8_t type)
{
    soup_put_header(to, type, 0);
    return SOUP_HEADER;
}

int soup_read_login(const struct soup_frame *f, struct soup_login *out)
{
    const struct soup_login_request_410 *r =
        (const struct soup_login_request_410 *)(f->payload - SOUP_HEADER);
    uint64_t heartbeat = 0;
    if (f->type != SOUP_LOGIN_REQUEST || (f->bytes != sizeof r->old && f->bytes != sizeof *r) ||
        read_number(r->old.sequence, SOUP_NUMBER, &out->sequence) != 0)
        return -1;
    if (f->bytes == sizeof *r &&
        read_number(r->heartbeat_ms, sizeof r->heartbeat_ms, &heartbeat) != 0)
        return -1;
    read_text(out->user, r->old.user, SOUP_USER, 1);
    read_text(out->password, r->old.password, SOUP_PASSWORD, 1);
    read_text(out->session, r->old.session, SOUP_SESSION, 0);
    out->heartbeat_ms = (uint32_t)heartbeat;
    return 0;
}

int soup_read_accepted(const struct soup_frame *f, char session[SOUP_SESSION + 1],
                       uint64_t *sequence)
{
    const struct soup_login_accepted *r =
        (const struct soup_login_accepted *)(f->payload - SOUP_HEADER);
    if (f->type != SOUP_LOGIN_ACCEPTED || f->bytes != sizeof *r ||
        read_number(r->sequence, SOUP_NUMBER, sequence) != 0)
        return -1;
    read_text(session, r->session, SOUP_SESSION, 0);
    return 0;
}

int soup_read_rejected(const struct soup_frame *f, uint8_t *reason)
{
    if (f->type != SOUP_LOGIN_REJECTED || f->payload_bytes != 1)
        return -1;
    *reason = f->payload[0];
    return 0;
}
