"""Makes streams for tests: plausible messages, packets around them, and damage to the packets.

Everything comes from a seeded random.Random, so a failure can be repeated. Time is a plain
number: message i is sent at START_NS + i * STEP_NS, a packet at the time of its last message.
"""

import random
from dataclasses import dataclass, replace

from tests.oracle import iex, itch, mold

START_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000


@dataclass(frozen=True)
class Datagram:
    """A payload on its way: line, time, and the messages it carries (count 0: heartbeat)."""

    ts_ns: int
    line: int
    seq: int
    count: int
    payload: bytes


# -- message flows ---------------------------------------------------------------------------


class ItchFlow:
    """A valid ITCH 5.0 session: live references only, unique references and match numbers."""

    def __init__(self, seed: int, symbols: int = 5) -> None:
        self.rng = random.Random(seed)
        self.locates = [3 + 7 * i for i in range(symbols)]
        self.live: dict[int, tuple[int, int, int]] = {}  # ref -> locate, size, mid
        self.prints: list[tuple[int, int]] = []
        self.next_ref = 1000
        self.next_match = 1
        self.ts = 34_200_000_000_000

    def opening(self) -> list[bytes]:
        """System event O, directory and trading state of every symbol."""
        out = [itch.build("S", event="O")]
        for locate in self.locates:
            name = f"SYM{locate}"
            out.append(itch.build("R", locate=locate, stock=name, round_lot=100))
            out.append(itch.build("H", locate=locate, stock=name, state="T"))
        return out

    def _ref(self) -> int:
        self.next_ref += self.rng.randrange(1, 5)
        return self.next_ref

    def _add(self) -> bytes:
        rng = self.rng
        locate = rng.choice(self.locates)
        ref, size = self._ref(), rng.choice((1, 100, 100, 200, 500))
        side = rng.choice("BS")
        tick = 100 if rng.random() < 0.95 else 1
        away = int(rng.expovariate(0.15)) * tick
        px = 1_000_000 + locate * 1000 + (-100 - away if side == "B" else 100 + away)
        self.live[ref] = (locate, size, px)
        kind = "F" if rng.random() < 0.2 else "A"
        extra = {"mpid": "GSCO"} if kind == "F" else {}
        return itch.build(kind, locate=locate, ts=self.ts, ref=ref, side=side, shares=size,
                          stock=f"SYM{locate}", price=px, **extra)  # fmt: skip

    def _match(self, locate: int) -> int:
        self.next_match += 1
        self.prints.append((self.next_match, locate))
        return self.next_match

    def _change(self) -> bytes:
        rng = self.rng
        ref = rng.choice(list(self.live)[-200:])
        locate, size, px = self.live[ref]
        kind = rng.choice("EEDDDDXUUUC")
        base = {"locate": locate, "ts": self.ts, "ref": ref}
        if kind == "D":
            del self.live[ref]
            return itch.build("D", **base)
        if kind == "U":
            new, shares = self._ref(), rng.choice((50, 100, 300))
            price = px + rng.choice((-100, 0, 100))
            del self.live[ref]
            self.live[new] = (locate, shares, price)
            return itch.build("U", new_ref=new, shares=shares, price=price, **base)
        part = size if rng.random() < 0.5 else rng.randrange(1, size + 1)
        if part == size:
            del self.live[ref]
        else:
            self.live[ref] = (locate, size - part, px)
        if kind == "X":
            return itch.build("X", shares=part, **base)
        match = self._match(locate)
        if kind == "E":
            return itch.build("E", shares=part, match=match, **base)
        printable = rng.choice("YYN")
        if printable == "N":
            self.prints.pop()
        return itch.build("C", shares=part, match=match, price=px + 7, printable=printable, **base)

    def message(self) -> bytes:
        """The next message of the session."""
        rng = self.rng
        self.ts += rng.randrange(0, 5000)
        dice = rng.random()
        if dice < 0.02:
            locate = rng.choice(self.locates)
            return itch.build("P", locate=locate, ts=self.ts, side="B", shares=100,
                              stock=f"SYM{locate}", price=1_000_000,
                              match=self._match(locate))  # fmt: skip
        if dice < 0.025 and self.prints:
            match, locate = self.prints.pop(rng.randrange(len(self.prints)))
            return itch.build("B", locate=locate, ts=self.ts, match=match)
        if dice < 0.03:
            locate = rng.choice(self.locates)
            return itch.build("Y", locate=locate, ts=self.ts, stock=f"SYM{locate}", action="0")
        if len(self.live) < 20 or (dice < 0.55 and len(self.live) < 3000):
            return self._add()
        return self._change()


def itch_session(seed: int, messages: int, symbols: int = 5) -> list[bytes]:
    """A whole session of about that many messages."""
    flow = ItchFlow(seed, symbols)
    return flow.opening() + [flow.message() for _ in range(messages)]


def deep_session(seed: int, messages: int, symbols: int = 5) -> list[bytes]:
    """A DEEP 1.0 session: level updates with transitions, trades and breaks."""
    rng = random.Random(seed)
    names = [f"DP{i}" for i in range(symbols)]
    out = [iex.build(iex.DEEP, "S", flags="O", ts=START_NS)]
    out += [iex.build(iex.DEEP, "H", flags="T", ts=START_NS, symbol=n) for n in names]
    levels: dict[tuple[str, str], list[int]] = {(n, s): [] for n in names for s in "85"}
    trades: list[tuple[int, str, int, int]] = []
    ts = START_NS
    while len(out) < messages:
        ts += rng.randrange(1, 2000)
        name = rng.choice(names)
        if rng.random() < 0.1:
            trade = (len(trades) + 1, name, rng.choice((100, 5)), 500_000)
            trades.append(trade)
            out.append(iex.build(iex.DEEP, "T", ts=ts, symbol=name, size=trade[2],
                                 price=trade[3], trade=trade[0]))  # fmt: skip
            if rng.random() < 0.05:
                out.append(iex.build(iex.DEEP, "B", ts=ts, symbol=name, size=trade[2],
                                     price=trade[3], trade=trade[0]))  # fmt: skip
            continue
        updates = rng.choice((1, 1, 1, 2, 3))
        for i in range(updates):
            side = rng.choice("85")
            have = levels[name, side]
            flags = 1 if i == updates - 1 else 0
            if have and rng.random() < 0.45:
                px, size = rng.choice(have), rng.choice((0, 0, 100, 700))
            else:
                away = 100 * (1 + int(rng.expovariate(0.2)))
                px, size = 500_000 + (-away if side == "8" else away), rng.randrange(1, 900)
            if size and px not in have:
                have.append(px)
            if not size:
                have.remove(px)
            out.append(iex.build(iex.DEEP, side, flags=flags, ts=ts, symbol=name, size=size,
                                 price=px))  # fmt: skip
    return out


def tops_session(seed: int, messages: int, symbols: int = 5) -> list[bytes]:
    """A TOPS 1.6 session: quotes and trades."""
    rng = random.Random(seed)
    names = [f"TP{i}" for i in range(symbols)]
    out = [iex.build(iex.TOPS, "S", flags="O", ts=START_NS)]
    ts = START_NS
    while len(out) < messages:
        ts += rng.randrange(1, 2000)
        name = rng.choice(names)
        if rng.random() < 0.1:
            out.append(iex.build(iex.TOPS, "T", ts=ts, symbol=name, size=100, price=500_000,
                                 trade=len(out)))  # fmt: skip
            continue
        bid = rng.choice((0, 100, 300))
        ask = rng.choice((0, 100, 300))
        out.append(iex.build(iex.TOPS, "Q", ts=ts, symbol=name, bid_size=bid,
                             bid_price=(500_000 - 100 * rng.randrange(1, 9)) if bid else 0,
                             ask_price=(500_000 + 100 * rng.randrange(1, 9)) if ask else 0,
                             ask_size=ask))  # fmt: skip
    return out


# -- packets ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Framing:
    """How messages are packed: MoldUDP64, or IEX-TP of one protocol."""

    protocol: int = 0  # 0: MoldUDP64
    session: bytes = b"000010059B"
    iex_session: int = 1_132_527_616
    channel: int = 1

    def payload(self, seq: int, messages: list[bytes], send_ns: int, offset: int = 0) -> bytes:
        """One datagram's payload; no messages is a heartbeat."""
        if not self.protocol:
            return mold.build(mold.Packet(self.session, seq, tuple(messages)))
        return iex.build_segment(
            iex.Segment(
                self.protocol, self.channel, self.iex_session, offset, seq, send_ns, tuple(messages)
            )
        )


def packetise(
    messages: list[bytes], framing: Framing, line: int, seed: int, most: int = 8,
    first_seq: int = 1, start_ns: int = START_NS
) -> list[Datagram]:  # fmt: skip
    """Packs messages into datagrams of 1 to ``most`` messages, with boundaries from the seed."""
    rng = random.Random(seed)
    out = []
    at = offset = 0
    while at < len(messages):
        count = min(rng.randrange(1, most + 1), len(messages) - at)
        part = messages[at : at + count]
        ts = start_ns + (at + count) * STEP_NS + line
        payload = framing.payload(first_seq + at, part, ts, offset)
        out.append(Datagram(ts, line, first_seq + at, count, payload))
        offset += sum(2 + len(m) for m in part)
        at += count
    return out


def heartbeat(framing: Framing, line: int, next_seq: int, ts_ns: int) -> Datagram:
    """Says which number comes next."""
    return Datagram(ts_ns, line, next_seq, 0, framing.payload(next_seq, [], ts_ns))


def end_of_session(framing: Framing, line: int, next_seq: int, ts_ns: int) -> Datagram:
    """MoldUDP64's end of session."""
    payload = mold.build(mold.Packet(framing.session, next_seq, end=True))
    return Datagram(ts_ns, line, next_seq, 0, payload)


# -- damage ----------------------------------------------------------------------------------


def lose(rng: random.Random, line: list[Datagram], share: float) -> list[Datagram]:
    """Drops each datagram with that probability."""
    return [d for d in line if rng.random() >= share]


def lose_burst(rng: random.Random, line: list[Datagram], length: int) -> list[Datagram]:
    """Drops ``length`` neighbouring datagrams."""
    at = rng.randrange(max(1, len(line) - length))
    return line[:at] + line[at + length :]


def duplicate(rng: random.Random, line: list[Datagram], share: float) -> list[Datagram]:
    """Sends some datagrams a second time, a little later."""
    out = []
    for d in line:
        out.append(d)
        if rng.random() < share:
            out.append(replace(d, ts_ns=d.ts_ns + rng.randrange(1, 50_000)))
    return out


def delay(
    rng: random.Random, line: list[Datagram], share: float, most_ns: int, least_ns: int = 1
) -> list[Datagram]:
    """Delays some datagrams, so that others overtake them."""
    return [
        replace(d, ts_ns=d.ts_ns + rng.randrange(least_ns, most_ns + 1))
        if rng.random() < share
        else d
        for d in line
    ]


def merge(*lines: list[Datagram]) -> list[Datagram]:
    """All lines in order of arrival."""
    return sorted((d for line in lines for d in line), key=lambda d: d.ts_ns)
