"""Damaged streams against the truth: a book equals it or is marked stale, never valid and wrong.

What can be repaired must be: where every message came in time on one of the lines, all books end
valid and the digest is that of the undamaged run.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.compare import check_exact, check_honest
from tests.engine import Engine
from tests.oracle import iex, pcap, sequence, streams
from tests.oracle.books import IexChannel, ItchChannel
from tests.oracle.streams import Datagram, Framing

GROUPS = ("233.54.12.111", "233.54.12.222")
MOLD = Framing()
DEEP = Framing(iex.DEEP)
TOPS = Framing(iex.TOPS)
FEEDS = {"itch": MOLD, "deep": DEEP, "tops": TOPS}
SHORT_NS = 20_000  # of delay: some 20 messages, well within the reorder window
LONG_NS = 600_000_000  # well beyond the time that is waited for


def session(feed: str, seed: int, count: int) -> list[bytes]:
    make: dict[str, Callable[[int, int], list[bytes]]] = {
        "itch": streams.itch_session,
        "deep": streams.deep_session,
        "tops": streams.tops_session,
    }
    return make[feed](seed, count)


def books(feed: str) -> ItchChannel | IexChannel:
    return ItchChannel() if feed == "itch" else IexChannel(FEEDS[feed].protocol)


def lines(feed: str, messages: list[bytes], seed: int) -> tuple[list[Datagram], list[Datagram]]:
    """A and B with different packet boundaries."""
    framing = FEEDS[feed]
    return (
        streams.packetise(messages, framing, 0, seed),
        streams.packetise(messages, framing, 1, seed + 1, most=13),
    )


def push(engine: Engine, d: Datagram) -> None:
    engine.push(pcap.frame_of(d.payload, GROUPS[d.line]), ts_ns=d.ts_ns)


def undamaged_digest(feed: str, messages: list[bytes], seed: int) -> str:
    with Engine() as engine:
        for d in lines(feed, messages, seed)[0]:
            push(engine, d)
        engine.end()
        return engine.digest()


class Receiver:
    """An engine fed datagram by datagram and held against the truth at every step."""

    def __init__(self, feed: str, messages: list[bytes], every: int, **config: Any) -> None:
        self.feed = feed
        self.truth = sequence.Truth(books(feed), messages)
        self.engine = Engine(**config)
        self.every = every
        self.valid_checks = 0
        self.stale_checks = 0

    def check(self) -> None:
        channel = self.engine.channel(0)
        self.truth.move_to(channel.next_seq - 1)
        valid, stale = check_honest(self.engine, self.truth.channel)
        self.valid_checks += valid
        self.stale_checks += stale

    def take(self, datagrams: list[Datagram]) -> None:
        for i, d in enumerate(datagrams):
            push(self.engine, d)
            if i % self.every == 0:
                self.engine.drain_quietly()
                self.check()
        self.engine.end()
        self.check()


def feed_all(
    feed: str, messages: list[bytes], datagrams: list[Datagram], every: int = 7, **config: Any
) -> Receiver:
    receiver = Receiver(feed, messages, every, **config)
    receiver.take(datagrams)
    return receiver


def assert_repaired(r: Receiver, messages: list[bytes], seed: int) -> None:
    """All messages delivered once, every book valid and right, the digest undamaged."""
    with r.engine as engine:
        channel = engine.channel(0)
        assert channel.next_seq == len(messages) + 1
        assert channel.messages == len(messages)
        assert (channel.gaps, channel.lost, channel.gap_epoch) == (0, 0, 0)
        assert channel.epoch % 2 == 0
        check_exact(engine, r.truth.channel)
        assert not any(b.why for b in r.truth.channel.books.values())
        assert engine.digest() == undamaged_digest(r.feed, messages, seed)


FEED = st.sampled_from(("itch", "deep", "tops"))
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


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
        assert channel.messages + channel.lost == channel.next_seq - 1
        if channel.lost and feed != "tops":
            assert all(engine.state(n) == "STALE" for n in touched(engine))
        assert channel.next_seq - 1 == max(d.seq + d.count - 1 for d in arrivals)


@pytest.mark.parametrize("feed", list(FEEDS))
@pytest.mark.parametrize("loss", [0.01, 0.1, 0.3])
def test_loss_on_one_line_is_repaired_by_the_other(feed: str, loss: float) -> None:
    for seed in range(6):
        messages = session(feed, seed, 600)
        a, b = lines(feed, messages, seed)
        a = streams.lose(random.Random(seed), a, loss)
        r = feed_all(feed, messages, streams.merge(a, b))
        assert_repaired(r, messages, seed)


def test_a_long_stretch_of_loss_with_a_lagging_line_is_repaired() -> None:
    """B lags 40 datagrams behind a lossy A: something is always missing, and always comes."""
    messages = session("itch", 21, 9000)
    framing = FEEDS["itch"]
    a = streams.packetise(messages, framing, 0, 21, most=12)
    b = streams.packetise(messages, framing, 1, 22, most=12)
    a = [a[0], *streams.lose(random.Random(21), a[1:], 0.3)]
    b = streams.delay(random.Random(22), b, 1.0, 250_000, 250_000)
    r = feed_all("itch", messages, streams.merge(a, b), every=50)
    assert_repaired(r, messages, 21)


@pytest.mark.parametrize("feed", list(FEEDS))
def test_burst_loss_on_alternating_lines_is_repaired(feed: str) -> None:
    for seed in range(6):
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
    for seed in range(6):
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
    for seed in range(4):
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


def drops_of(engine: Engine) -> dict[str, int]:
    """Counts by reason without the note that a book is crossed, which valid streams may cause."""
    return {reason: n for reason, n in engine.drops().items() if reason != "book_crossed"}


def touched(engine: Engine) -> list[int]:
    """Instruments that events have reached."""
    return [n for n in engine.instruments().values() if engine.state(n) != "EMPTY"]


def test_end_of_session_and_what_comes_after() -> None:
    messages = session("itch", 6, 120)
    a, _ = lines("itch", messages, 6)
    last = a[-1].seq + a[-1].count
    end = streams.end_of_session(MOLD, 0, last, a[-1].ts_ns + 1)
    extra = Datagram(end.ts_ns + 1, 0, last, 1, MOLD.payload(last, [messages[-1]], 0))
    with Engine() as engine:
        for d in [*a, end]:
            push(engine, d)
        ran = engine.drain()
        assert [e.kind for e in ran.events if e.kind in ("end", "reset")] == ["reset", "end"]
        assert engine.channel(0).ended == 1
        before = engine.digest()
        push(engine, extra)
        engine.drain_quietly()
        assert engine.drops().get("seq_after_end") == 1
        assert engine.digest() == before


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("feed", ["itch", "deep"])
def test_session_change_empties_the_books(feed: str, ended: bool) -> None:
    """The next session starts at 1: its books are those of the new stream alone."""
    old, new = session(feed, 7, 200), session(feed, 8, 150)
    framing = FEEDS[feed]
    other = Framing(framing.protocol, b"000010060A", framing.iex_session + 1)
    first = streams.packetise(old, framing, 0, 7)
    at = first[-1].ts_ns
    second = streams.packetise(new, other, 0, 8, start_ns=at + 1000)
    arrivals = list(first)
    if ended and feed == "itch":
        arrivals.append(streams.end_of_session(framing, 0, len(old) + 1, at + 1))
    truth = books(feed)
    for message in new:
        truth.apply(message)
    with Engine() as engine:
        for d in [*arrivals, *second]:
            push(engine, d)
        ran = engine.end()
        assert [e.kind for e in ran.events].count("reset") == 2
        channel = engine.channel(0)
        assert channel.session_changes == 1
        assert channel.next_seq == len(new) + 1
        check_exact(engine, truth)
        for key, number in engine.instruments().items():
            if key not in truth.books:
                assert engine.state(number) == "EMPTY"
                assert engine.levels(number, 0) == engine.levels(number, 1) == []
    with Engine() as engine:
        for d in [*arrivals, *second, *first[-3:]]:
            push(engine, d)
        engine.end()
        assert engine.drops().get("seq_old_session") == 3
        check_exact(engine, truth)


def test_packets_of_a_wrong_session_are_dropped() -> None:
    """A few packets of another session far from its beginning change nothing."""
    messages = session("itch", 9, 200)
    a, _ = lines("itch", messages, 9)
    other = Framing(session=b"OTHER     ")
    wrong = [Datagram(d.ts_ns + 1, 0, d.seq, d.count, other.payload(d.seq + 500, [b"S" * 12], 0))
             for d in a[10:40:10]]  # fmt: skip
    truth = books("itch")
    for message in messages:
        truth.apply(message)
    with Engine() as engine:
        for d in streams.merge(a, wrong):
            push(engine, d)
        engine.end()
        assert drops_of(engine) == {"seq_wrong_session": len(wrong)}
        assert engine.channel(0).session_changes == 0
        check_exact(engine, truth)


@pytest.mark.parametrize("feed", ["deep", "tops"])
def test_restart_under_the_same_session(feed: str) -> None:
    """IEX test environments restart at 1 under one session id, with later send times."""
    first, second = session(feed, 10, 150), session(feed, 11, 100)
    framing = FEEDS[feed]
    a = streams.packetise(first, framing, 0, 10)
    b = streams.packetise(second, framing, 0, 11, start_ns=a[-1].ts_ns + 10**9)
    truth = books(feed)
    for message in second:
        truth.apply(message)
    with Engine() as engine:
        for d in [*a, *b]:
            push(engine, d)
        engine.end()
        channel = engine.channel(0)
        assert (channel.restarts, channel.gaps, channel.next_seq) == (1, 0, len(second) + 1)
        check_exact(engine, truth)


@pytest.mark.parametrize("feed", list(FEEDS))
def test_late_join_is_stale(feed: str) -> None:
    messages = session(feed, 12, 300)
    a, _ = lines(feed, messages, 12)
    r = Receiver(feed, messages, 1)
    with r.engine as engine:
        for d in a[30:]:
            push(engine, d)
        engine.end()
        channel = engine.channel(0)
        assert channel.late_join == 1
        assert channel.first_seq == a[30].seq
        r.truth.move_to(channel.next_seq - 1)
        if feed == "tops":
            check_honest(engine, r.truth.channel)
        else:
            assert all(engine.state(n) == "STALE" for n in touched(engine))


def test_a_new_session_does_not_vouch_for_the_old_ones_books() -> None:
    """Between two sessions, stopped after every event: what was stale stays so until emptied."""
    old, new = session("itch", 14, 200), session("itch", 15, 60)
    first = streams.packetise(old, MOLD, 0, 14)[20:]
    other = Framing(session=b"000010060A")
    second = streams.packetise(new, other, 0, 15, start_ns=first[-1].ts_ns + 1000)
    truth = sequence.Truth(books("itch"), new)
    renewed = False
    with Engine() as engine:
        for d in [*first, *second]:
            push(engine, d)
        resets = 0
        while ran := engine.run(max_events=1).events:
            resets += ran[0].kind == "reset"
            if resets < 2:
                assert all(engine.state(n) != "VALID" for n in engine.instruments().values())
            elif ran[0].kind != "reset":
                renewed = True
                truth.move_to(ran[0].seq)
                check_honest(engine, truth.channel)
        assert renewed


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


def test_implausible_sequence_numbers_are_dropped() -> None:
    messages = session("itch", 13, 400)
    a, _ = lines("itch", messages, 13)
    wild = [2**24 + 10_000, 2**40, 2**63, 2**64 - 1]
    bad = [Datagram(a[20 + 10 * i].ts_ns + 1, 0, 0, 1, MOLD.payload(seq, [messages[0]], 0))
           for i, seq in enumerate(wild)]  # fmt: skip
    truth = books("itch")
    for message in messages:
        truth.apply(message)
    with Engine() as engine:
        for d in streams.merge(a, bad):
            push(engine, d)
        engine.end()
        drops = drops_of(engine)
        assert sum(drops.values()) == len(wild)
        assert set(drops) <= {"seq_implausible", "seq_overflow"}
        assert engine.channel(0).gaps == 0
        check_exact(engine, truth)
