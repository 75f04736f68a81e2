"""Sessions against the truth: ends, changes, restarts, late joins, packets not of them."""

import pytest

from tests.compare import check_exact, check_honest
from tests.engine import Engine
from tests.feed.receiver import (
    FEEDS,
    MOLD,
    Receiver,
    books,
    drops_of,
    lines,
    push,
    session,
    touched,
)
from tests.oracle import sequence, streams
from tests.oracle.streams import Datagram, Framing


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
