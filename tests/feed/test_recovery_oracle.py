"""A channel with recovery against the truth: whatever is lost, asked for and answered, no book is
valid and wrong; and once everything that is wanted has come, the books are those of the whole
stream, however small the reorder window.

The server here is the test: it sees what the channel publishes as wanted and sends parts of it.
"""

import ipaddress
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinnacle.abi import ffi, lib

from tests.engine import ERR_BYTES
from tests.feed.receiver import (
    GROUPS,
    LONG_NS,
    MOLD,
    SHORT_NS,
    Receiver,
    assert_repaired,
    lines,
    push,
    session,
)
from tests.oracle import pcap, streams
from tests.support.effort import quiet

RECOVERY = 16  # input number of recovered frames
PORT = 26_477
QUIET = quiet(60, 5_000)


class Channel(Receiver):
    """A receiver with one declared channel of two lines, and the answers to what it wants."""

    def __init__(self, messages: list[bytes], every: int, kind: int, window: int) -> None:
        super().__init__("itch", messages, every, reorder_datagrams=window,
                         reorder_ns=3_000_000_000_000)  # fmt: skip
        self.messages, self.now_ns, self.answers = messages, 0, 0
        cfg, err = ffi.new("struct pn_channel_config *"), ffi.new("char[]", ERR_BYTES)
        cfg.name, cfg.feed, cfg.lines = b"itch", lib.PN_FEED_ITCH50, 2
        cfg.recovery = kind
        for i, group in enumerate(GROUPS):
            packed = ipaddress.IPv4Address(group).packed
            cfg.group_be[i] = int.from_bytes(packed, sys.byteorder)
            cfg.input[i] = 0  # not the input of recovered frames, which are let in all the same
        assert lib.pn_engine_add_channel(self.engine.engine, cfg, err, ERR_BYTES) == 0

    def wanted(self) -> range:
        """Numbers of the messages that the channel asks for."""
        channel = self.engine.channel(0)
        if channel.epoch % 2 == 0 or channel.wanted_end <= channel.next_seq:
            return range(0)
        return range(channel.next_seq, channel.wanted_end)

    def answer(self, rng: random.Random) -> None:
        """Some messages of what is wanted, mostly its first ones."""
        wanted = self.wanted()
        if not wanted:
            return
        first = wanted[0] if rng.random() < 0.8 else rng.choice(wanted)
        count = min(rng.randint(1, 9), wanted[-1] + 1 - first)
        payload = MOLD.payload(first, self.messages[first - 1 : first - 1 + count], 0)
        frame = pcap.frame_of(payload, GROUPS[0])
        self.engine.push(frame, ts_ns=self.now_ns, input=RECOVERY)
        self.answers += 1

    def live(self, datagrams: list[streams.Datagram], rng: random.Random, eager: float) -> None:
        """Datagrams arrive; now and then an answer comes in between."""
        for i, d in enumerate(datagrams):
            push(self.engine, d)
            self.now_ns = d.ts_ns
            if i % self.every == 0:
                self.engine.drain_quietly()
                self.check()
            if rng.random() < eager:
                self.engine.drain_quietly()
                self.answer(rng)

    def settle(self, rng: random.Random) -> None:
        """Answers until nothing is wanted; then the input ends."""
        for _ in range(20 * len(self.messages)):
            self.engine.drain_quietly()
            if not self.wanted():
                break
            self.answer(rng)
            self.check()
        assert not self.wanted()
        self.engine.end()
        self.check()


@QUIET
@given(
    seed=st.integers(0, 2**16),
    loss=st.sampled_from((0.02, 0.2, 0.6)),
    copies=st.sampled_from((0.0, 0.2)),
    late=st.sampled_from((0.0, 0.1)),
    late_ns=st.sampled_from((SHORT_NS, LONG_NS)),
    window=st.sampled_from((1, 3, 64)),
    eager=st.sampled_from((0.0, 0.1, 0.9)),
)
def test_everything_that_is_wanted_makes_it_whole(
    seed: int, loss: float, copies: float, late: float, late_ns: int, window: int, eager: float
) -> None:
    rng = random.Random(seed)
    messages = session("itch", seed, 250)
    a, _ = lines("itch", messages, seed)
    damaged = streams.duplicate(rng, streams.lose(rng, a[1:-1], loss), copies)
    arrivals = streams.merge([a[0]], streams.delay(rng, damaged, late, late_ns), [a[-1]])
    r = Channel(messages, 7, lib.PN_RECOVERY_GAPS, window)
    r.live(arrivals, rng, eager)
    r.settle(rng)
    assert_repaired(r, messages, seed)


@pytest.mark.parametrize("window", [1, 8, 64])
@pytest.mark.parametrize("seed", range(4))
def test_joined_late_from_the_start(seed: int, window: int) -> None:
    """Nothing is valid before the beginning has come; then all is."""
    rng = random.Random(seed)
    messages = session("itch", seed, 400)
    a, _ = lines("itch", messages, seed)
    r = Channel(messages, 3, lib.PN_RECOVERY_FROM_START, window)
    r.live(a[len(a) // 2 :], rng, 0.0)
    assert r.valid_checks == 0
    assert r.wanted()[0] == 1
    r.settle(rng)
    assert r.engine.channel(0).late_join == 0
    assert_repaired(r, messages, seed)
    assert r.answers > 10


def test_joined_late_otherwise() -> None:
    """With recovery of gaps only, what was before the join stays unknown and is said to be."""
    messages = session("itch", 1, 400)
    a, _ = lines("itch", messages, 1)
    r = Channel(messages, 3, lib.PN_RECOVERY_GAPS, 64)
    r.live(a[len(a) // 2 :], random.Random(1), 0.0)
    r.settle(random.Random(1))
    with r.engine as engine:
        assert engine.channel(0).late_join == 1 and r.answers == 0


def test_session_that_begins_unheard() -> None:
    """The first packets of the next session are lost: it is asked for from its beginning."""
    messages = session("itch", 2, 200)
    first = lines("itch", messages, 2)[0]
    other = streams.Framing(session=b"000010060A")
    again = streams.packetise(messages, other, 0, 2, start_ns=first[-1].ts_ns + 10**9)
    r = Channel(messages, 1000, lib.PN_RECOVERY_GAPS, 64)
    r.live([*first, *again[5:12]], random.Random(2), 0.0)
    r.engine.drain_quietly()
    channel = r.engine.channel(0)
    assert channel.session_changes == 1 and channel.late_join == 0
    assert r.wanted()[0] == 1
    r.engine.close()
