"""Damaged streams against the truth: a book equals it or is marked stale, never valid and wrong.

What can be repaired must be: where every message came in time on one of the lines, all books end
valid and the digest is that of the undamaged run.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import Engine
from tests.feed.receiver import (
    FEEDS,
    LONG_NS,
    SHORT_NS,
    TOPS,
    assert_repaired,
    feed_all,
    lines,
    push,
    session,
    touched,
    undamaged_digest,
)
from tests.oracle import iex, pcap, sequence, streams
from tests.oracle.streams import Datagram
from tests.support.effort import effort, quiet

FEED = st.sampled_from(("itch", "deep", "tops"))
QUIET = quiet(100, 10_000)


@QUIET
@given(
    feed=FEED,
    seed=st.integers(0, 2**16),
    loss_a=st.sampled_from((0.0, 0.05, 0.3)),
    loss_b=st.sampled_from((0.0, 0.05, 1.0)),
    copies=st.sampled_from((0.0, 0.2)),
    late=st.sampled_from((0.0, 0.05, 0.3)),
    late_ns=st.sampled_from((SHORT_NS, 200_000, LONG_NS)),
    window=st.sampled_from((1, 4, 64)),
    every=st.sampled_from((1, 5, 50)),
)
def test_any_damage_is_honest(
    feed: str, seed: int, loss_a: float, loss_b: float, copies: float, late: float, late_ns: int,
    window: int, every: int
) -> None:  # fmt: skip
    """Loss on one or both lines, duplicates, reordering: never valid and different."""
    rng = random.Random(seed)
    messages = session(feed, seed, 250)
    a, b = lines(feed, messages, seed)
    first = a[0]  # the session's beginning is heard; late joining has its own tests
    damaged = []
    for line, loss in ((a, loss_a), (b, loss_b)):
        line = streams.lose(rng, line, loss)
        line = streams.duplicate(rng, line, copies)
        damaged.append(streams.delay(rng, line, late, late_ns))
    arrivals = [first, *streams.merge(*damaged)]
    r = feed_all(feed, messages, arrivals, every, reorder_datagrams=window)
    with r.engine as engine:
        channel = engine.channel(0)
        never = sequence.missing([(d.seq, d.count) for d in arrivals], channel.next_seq - 1)
        assert channel.lost >= len(never)
        heard = [channel.line[i] for i in range(channel.lines)]
        assert sum(line.messages for line in heard) == channel.messages
        assert sum(line.duplicates for line in heard) == channel.duplicates
        assert channel.messages + channel.lost == channel.next_seq - 1
        if channel.lost and feed != "tops":
            assert all(engine.state(n) == "STALE" for n in touched(engine))
        assert channel.next_seq - 1 == max(d.seq + d.count - 1 for d in arrivals)


@pytest.mark.parametrize("feed", list(FEEDS))
@pytest.mark.parametrize("loss", [0.01, 0.1, 0.3])
def test_loss_on_one_line_is_repaired_by_the_other(feed: str, loss: float) -> None:
    for seed in range(effort(4, 200)):
        messages = session(feed, seed, 600)
        a, b = lines(feed, messages, seed)
        a = streams.lose(random.Random(seed), a, loss)
        r = feed_all(feed, messages, streams.merge(a, b))
        assert_repaired(r, messages, seed)


def test_a_long_stretch_of_loss_with_a_lagging_line_is_repaired() -> None:
    """B lags 40 datagrams behind a lossy A: something is always missing, and always comes."""
    messages = session("itch", 21, 30_000)
    framing = FEEDS["itch"]
    a = streams.packetise(messages, framing, 0, 21, most=12)
    b = streams.packetise(messages, framing, 1, 22, most=12)
    a = [a[0], *streams.lose(random.Random(21), a[1:], 0.3)]
    b = streams.delay(random.Random(22), b, 1.0, 250_000, 250_000)
    with Engine() as engine:
        for i, d in enumerate(streams.merge(a, b)):
            push(engine, d)
            if i % 50 == 0:
                engine.drain_quietly()
        engine.end()
        channel = engine.channel(0)
        assert (channel.gaps, channel.lost, channel.messages) == (0, 0, len(messages))
        assert "seq_held_full" not in engine.drops()
        assert all(engine.state(n) == "VALID" for n in touched(engine))
        assert engine.digest() == undamaged_digest("itch", messages, 21)


@pytest.mark.parametrize("feed", list(FEEDS))
def test_heartbeats_within_a_gap_do_not_make_it_many(feed: str) -> None:
    """One stretch of loss that heartbeats reveal bit by bit is one gap."""
    messages = session(feed, 6, 200)
    a, _ = lines(feed, messages, 6)
    lost, after = a[10:13], a[13:]
    later = 10**9
    with Engine() as engine:
        for d in a[:10]:
            push(engine, d)
        for i, d in enumerate(lost):
            at = d.ts_ns + i * later
            push(engine, streams.heartbeat(FEEDS[feed], 0, d.seq + d.count, at))
        for d in after:
            push(engine, Datagram(d.ts_ns + 3 * later, 0, d.seq, d.count, d.payload))
        kinds = [e for e in engine.end().events if e.kind == "gap"]
        channel = engine.channel(0)
        assert len(kinds) == len(lost)
        assert (channel.gaps, channel.lost) == (1, sum(d.count for d in lost))


@pytest.mark.parametrize("feed", list(FEEDS))
def test_burst_loss_on_alternating_lines_is_repaired(feed: str) -> None:
    for seed in range(effort(4, 200)):
        rng = random.Random(seed)
        messages = session(feed, seed, 800)
        a, b = lines(feed, messages, seed)
        split = len(messages) // 2
        a = streams.lose_burst(rng, [d for d in a if d.seq < split - 60], 15) + [
            d for d in a if d.seq >= split - 60
        ]
        b = [d for d in b if d.seq < split] + streams.lose_burst(
            rng, [d for d in b if d.seq >= split], 15
        )
        r = feed_all(feed, messages, streams.merge(a, b))
        assert_repaired(r, messages, seed)


@pytest.mark.parametrize("feed", list(FEEDS))
def test_reordering_within_the_window_is_repaired(feed: str) -> None:
    for seed in range(effort(4, 200)):
        rng = random.Random(seed)
        messages = session(feed, seed, 600)
        a, _ = lines(feed, messages, seed)
        late = [a[0], *streams.delay(rng, a[1:], 0.3, SHORT_NS)]
        r = feed_all(feed, messages, streams.merge(late), every=1)
        assert r.engine.channel(0).reorders > 0
        assert r.engine.channel(0).recovered > 0
        assert_repaired(r, messages, seed)


@pytest.mark.parametrize("feed", list(FEEDS))
def test_duplicates_and_a_late_second_line_change_nothing(feed: str) -> None:
    for seed in range(effort(4, 200)):
        rng = random.Random(seed)
        messages = session(feed, seed, 500)
        a, b = lines(feed, messages, seed)
        a = streams.duplicate(rng, a, 0.3)
        b = streams.delay(rng, b, 1.0, 400_000, 400_000)
        r = feed_all(feed, messages, streams.merge(a, b))
        channel = r.engine.channel(0)
        assert channel.lines == 2
        assert channel.duplicates >= len(messages)
        assert_repaired(r, messages, seed)


@pytest.mark.parametrize("feed", list(FEEDS))
@pytest.mark.parametrize("window", [1, 8, 64])
def test_reordering_beyond_the_window_is_given_up_and_told(feed: str, window: int) -> None:
    messages = session(feed, 3, 900)
    a, _ = lines(feed, messages, 3)
    lost = a[20]
    rest = a[:20] + a[21:] + [lost]
    r = feed_all(feed, messages, rest, every=3, reorder_datagrams=window)
    with r.engine as engine:
        channel = engine.channel(0)
        assert (channel.gaps, channel.lost) == (1, lost.count)
        assert engine.drops()["seq_duplicate"] >= 1
        if feed == "tops":
            return
        assert all(engine.state(n) == "STALE" for n in touched(engine))


@pytest.mark.parametrize("feed", list(FEEDS))
def test_waiting_ends_with_time(feed: str) -> None:
    """One missing datagram, the next 200 ms later: the gap is given up at reorder_ns."""
    messages = session(feed, 4, 300)
    a, _ = lines(feed, messages, 4)
    with Engine(reorder_ns=100_000_000) as engine:
        for d in a[:10] + a[11:14]:
            push(engine, d)
        engine.drain_quietly()
        assert engine.channel(0).epoch % 2 == 1
        assert engine.channel(0).gaps == 0
        assert all(engine.state(n) == "STALE" for n in touched(engine))
        late = Datagram(a[14].ts_ns + 200_000_000, 0, a[14].seq, a[14].count, a[14].payload)
        push(engine, late)
        ran = engine.drain()
        channel = engine.channel(0)
        assert (channel.gaps, channel.lost, channel.epoch % 2) == (1, a[10].count, 0)
        gap = [e for e in ran.events if e.kind == "gap"]
        assert [(e.seq, e.size) for e in gap] == [(a[10].seq, a[10].count)]
        assert channel.next_seq == a[14].seq + a[14].count


@pytest.mark.parametrize("feed", list(FEEDS))
def test_heartbeat_reveals_a_lost_tail(feed: str) -> None:
    messages = session(feed, 5, 200)
    a, _ = lines(feed, messages, 5)
    tail = a[-1]
    beat = streams.heartbeat(FEEDS[feed], 0, tail.seq + tail.count, tail.ts_ns + 1)
    with Engine() as engine:
        for d in a[:-1]:
            push(engine, d)
        engine.drain_quietly()
        assert all(engine.state(n) == "VALID" for n in touched(engine))
        push(engine, beat)
        engine.drain_quietly()
        assert engine.channel(0).heartbeats == 1
        assert all(engine.state(n) == "STALE" for n in touched(engine))
        push(engine, tail)
        engine.end()
        assert engine.channel(0).gaps == 0
        assert all(engine.state(n) == "VALID" for n in touched(engine))
    with Engine() as engine:
        for d in [*a[:-1], beat]:
            push(engine, d)
        engine.end()
        channel = engine.channel(0)
        assert (channel.gaps, channel.lost) == (1, tail.count)
        assert all(engine.state(n) == "STALE" for n in touched(engine))


def test_tops_heals_with_the_next_quote() -> None:
    """A quote replaces the whole book, so it ends the doubt that a gap left."""
    build = iex.build
    quote = [build(iex.TOPS, "Q", symbol=s, bid_size=100, bid_price=p, ask_price=p + 100,
                   ask_size=200) for s, p in (("AA", 1000), ("BB", 2000))]  # fmt: skip
    messages = [build(iex.TOPS, "S", flags="O"), *quote, quote[0], quote[0], quote[0]]
    with Engine(reorder_datagrams=1) as engine:
        for seq in (1, 2, 3, 5, 6):
            payload = TOPS.payload(seq, [messages[seq - 1]], seq)
            engine.push(pcap.frame_of(payload), ts_ns=seq)
        engine.end()
        numbers = engine.instruments()
        assert engine.channel(0).gaps == 1
        assert engine.state(numbers["AA"]) == "VALID"
        assert engine.state(numbers["BB"]) == "STALE"
