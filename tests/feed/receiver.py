"""What tests of damaged streams share: sessions on two lines, an engine held to the truth."""

from collections.abc import Callable
from typing import Any

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


def drops_of(engine: Engine) -> dict[str, int]:
    """Counts by reason without the note that a book is crossed, which valid streams may cause."""
    return {reason: n for reason, n in engine.drops().items() if reason != "book_crossed"}


def touched(engine: Engine) -> list[int]:
    """Instruments that events have reached."""
    return [n for n in engine.instruments().values() if engine.state(n) != "EMPTY"]
