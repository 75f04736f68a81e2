"""Which flows are lines of one channel."""

from tests.compare import check_exact
from tests.engine import Engine
from tests.feed.receiver import books, drops_of, lines, push, session
from tests.oracle import itch, pcap, streams
from tests.oracle.streams import Framing

FIVE_GROUPS = [f"233.54.12.{n}" for n in range(1, 6)]


def test_heartbeats_of_a_known_session_are_a_line() -> None:
    """A MoldUDP64 heartbeat names no feed; its session does once another line has spoken."""
    messages = session("itch", 3, 120)
    a, _ = lines("itch", messages, 3)
    with Engine() as engine:
        push(engine, a[0])
        push(engine, streams.heartbeat(Framing(), 1, a[1].seq, a[0].ts_ns + 1))
        engine.run()
        channel = engine.channel(0)
        assert (channel.lines, channel.heartbeats) == (2, 1)
        assert drops_of(engine) == {}


def test_a_heartbeat_reveals_what_the_other_line_lost() -> None:
    messages = session("itch", 4, 120)
    a, _ = lines("itch", messages, 4)
    with Engine() as engine:
        push(engine, a[0])
        push(engine, streams.heartbeat(Framing(), 1, a[1].seq + a[1].count, a[0].ts_ns + 1))
        engine.end()
        assert (engine.channel(0).gaps, engine.channel(0).lost) == (1, a[1].count)


def test_more_lines_than_a_channel_has_are_counted_not_booked_twice() -> None:
    messages = session("itch", 5, 200)
    truth = books("itch")
    for message in messages:
        truth.apply(message)
    a, _ = lines("itch", messages, 5)
    with Engine() as engine:
        for d in a:
            for group in FIVE_GROUPS:
                engine.push(pcap.frame_of(d.payload, group), ts_ns=d.ts_ns)
        engine.end()
        assert engine.channel(0).lines == 4
        assert drops_of(engine)["channels_full"] == len(a)
        check_exact(engine, truth)


def test_books_of_a_new_session_are_known_again() -> None:
    """Directory first, then a plain add: that order alone must make the book valid again."""
    day = [
        itch.build("S", event="O"),
        itch.build("R", locate=1, stock="ONE", round_lot=100),
        itch.build("A", locate=1, ref=7, side="B", shares=100, stock="ONE", price=1_000_000),
    ]
    first = streams.packetise(day, Framing(), 0, 1)
    second = streams.packetise(
        day, Framing(session=b"000010059C"), 0, 1, start_ns=first[-1].ts_ns + 1_000_000
    )
    with Engine() as engine:
        for d in first:
            push(engine, d)
        engine.drain()
        for d in second:
            push(engine, d)
        engine.end()
        assert engine.channel(0).session_changes == 1
        one = engine.instruments()[1]
        assert engine.levels(one, 0) == [(1_000_000, 100, 1)]
        assert engine.state(one) == "VALID"
