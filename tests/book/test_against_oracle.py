"""The engine's order books against the slow oracle: random valid and invalid event sequences."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.compare import check_exact, check_honest
from tests.engine import LINK_BLOCKS, Engine, Event
from tests.oracle import itch, streams
from tests.oracle.books import Applied, ItchChannel
from tests.support.effort import effort, quiet

LOCATES = (1, 2, 1500)
REFS = st.integers(1, 14)
SIZES = st.sampled_from((0, 1, 2, 5, 100, 100, 300, 2**31, 2**32 - 1))
PRICES = st.one_of(
    st.sampled_from(range(999_000, 1_001_000, 100)),
    st.sampled_from((1_000_001, 1_000_050, 999_999, 12_345, 6_400)),
    st.sampled_from((0, 1, 2, 63, 64, 1_999_999_999, 2_000_000_000, 1_999_999_900)),
    st.integers(0, 2_000_000_000),
    st.sampled_from((1_000_000, 2_000_000_001, 2**32 - 1)),
    st.integers(0, 300).map(lambda i: 1_000_000 + i * 640_000),
)
BASE = {"locate": st.sampled_from(LOCATES), "ts": st.integers(0, 2**40)}
SIDES = st.sampled_from("BS")
MATCHES = st.integers(1, 8)

Ops = list[bytes]


def build(kind: str, fields: dict[str, Any]) -> bytes:
    return itch.build(kind, **fields)


def op(kind: str, **fields: st.SearchStrategy[int] | st.SearchStrategy[str]
       ) -> st.SearchStrategy[bytes]:  # fmt: skip
    """A strategy for one message of that type."""
    return st.fixed_dictionaries({**BASE, **fields}).map(lambda v: build(kind, v))


ADD = op("A", ref=REFS, side=SIDES, shares=SIZES, price=PRICES, stock=st.just("X"))
CHANGES = (
    op("F", ref=REFS, side=SIDES, shares=SIZES, price=PRICES, stock=st.just("X"),
       mpid=st.just("GSCO")),
    op("E", ref=REFS, shares=SIZES, match=MATCHES),
    op("C", ref=REFS, shares=SIZES, match=MATCHES, printable=st.sampled_from("YN"), price=PRICES),
    op("X", ref=REFS, shares=SIZES),
    op("D", ref=REFS),
    op("U", ref=REFS, new_ref=REFS, shares=SIZES, price=PRICES),
    op("P", side=SIDES, shares=SIZES, stock=st.just("X"), price=PRICES, match=MATCHES),
    op("Q", shares=st.sampled_from((0, 1, 10**9)), stock=st.just("X"), match=MATCHES),
    op("B", match=MATCHES),
)  # fmt: skip
SEQUENCES = st.lists(st.one_of(ADD, ADD, *CHANGES), min_size=1, max_size=60)
OPENING = itch.build("S", event="O")
CONTROL = {"system", "reset"}
BOOK_KINDS = {"add", "execute", "execute_at", "cancel", "delete", "replace"}
STRICT = ("book_unknown_ref", "book_duplicate_ref", "book_over_reduce", "book_mismatch",
          "trade_unknown", "msg_field", "msg_short", "msg_unknown_type", "msg_empty")  # fmt: skip
QUIET = quiet(200, 20_000)


def check_event(event: Event, applied: Applied) -> None:
    """One event as the run returned it, against what the oracle did."""
    if applied.kind not in BOOK_KINDS:
        assert event.kind == applied.kind or applied.kind == "info", event
        return
    assert event.kind == applied.kind
    assert event.rejected == applied.rejected, (event, applied)
    if event.rejected:
        return
    assert (event.side, event.px, event.size) == (applied.side, applied.px, applied.size), event


def check_reasons(engine: Engine, truth: ItchChannel) -> None:
    """Counters by reason, as long as every book's meaning is fixed."""
    if any(b.vague for b in truth.books.values()):
        return
    drops = engine.drops()
    want = {r: truth.reasons[r] for r in STRICT if truth.reasons[r]}
    assert {r: n for r, n in drops.items() if r in STRICT} == want
    counters = engine.counters()
    assert counters.live_orders == sum(len(b.orders) for b in truth.books.values())


def check_traded(engine: Engine, truth: ItchChannel) -> None:
    numbers = engine.instruments()
    for key, book in truth.books.items():
        if key in numbers:
            assert engine.traded(numbers[key]) == (book.trades, book.volume), key


def check_queue(engine: Engine, truth: ItchChannel) -> None:
    """Queue position of every live order, and of one that is not there."""
    numbers = engine.instruments()
    for key, book in truth.books.items():
        if book.vague or key not in numbers:
            continue
        for ref in book.orders:
            assert engine.queue(ref, numbers[key]) == book.queue(ref), ref
        assert engine.queue(10**15, numbers[key]) is None


def unique_matches(ops: Ops) -> Ops:
    """Match numbers made unique among trades, as they are on the wire; breaks stay as they are."""
    out: Ops = []
    seen: Counter[int] = Counter()
    for data in ops:
        m = itch.decode(data)
        if m.type in "ECPQ":
            seen[m.u["match"]] += 1
            if seen[m.u["match"]] > 1:
                match = m.u["match"] + 16 * seen[m.u["match"]]
                fields: dict[str, Any] = {**m.u, **m.a, "match": match}
                data = itch.build(m.type, **fields)
        out.append(data)
    return out


def add(ref: int, side: str = "B", shares: int = 100, price: int = 1_000_000, locate: int = 1,
        ) -> bytes:  # fmt: skip
    return itch.build("A", locate=locate, ref=ref, side=side, shares=shares, stock="X", price=price)


STEP_CHANGE = [add(1, price=1_000_000), add(2, price=1_000_100), add(3, price=1_000_150),
               add(4, price=1_000_151), itch.build("D", locate=1, ref=3),
               itch.build("D", locate=1, ref=1)]  # fmt: skip
ONTO_ITSELF = [add(1), add(2), itch.build("U", locate=1, ref=1, new_ref=1, shares=50,
                                          price=1_000_000)]  # fmt: skip
ONTO_LIVE = [add(1), add(2), itch.build("U", locate=1, ref=1, new_ref=2, shares=5, price=1_000_000)]


@QUIET
@given(SEQUENCES, st.lists(st.integers(1, 6), min_size=1, max_size=8))
@example(STEP_CHANGE, [1])
@example(ONTO_ITSELF, [1])
@example(ONTO_LIVE, [1])
def test_chunks(ops: Ops, chunks: list[int]) -> None:
    """Messages in chunks, one frame each; everything is compared after every chunk."""
    ops = unique_matches(ops)
    truth = ItchChannel()
    truth.apply(OPENING)
    with Engine() as engine:
        engine.push(itch.join_blocks([OPENING]), link=LINK_BLOCKS)
        at = turn = 0
        while at < len(ops):
            count = chunks[turn % len(chunks)]
            part = ops[at : at + count]
            at += count
            turn += 1
            engine.push(itch.join_blocks(part), ts_ns=turn, link=LINK_BLOCKS)
            events = [e for e in engine.drain().events if e.kind not in CONTROL]
            done = [a for a in (truth.apply(m) for m in part) if a is not None]
            assert len(events) == len(done)
            for event, applied in zip(events, done, strict=True):
                check_event(event, applied)
            check_exact(engine, truth)
            check_reasons(engine, truth)
            check_traded(engine, truth)
            check_queue(engine, truth)


@QUIET
@given(SEQUENCES, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_stops_between_events(ops: Ops, stops: list[int]) -> None:
    """All messages at once; the run stops anywhere, and the books are those of that message."""
    ops = [OPENING, *unique_matches(ops)]
    truth = ItchChannel()
    with Engine() as engine:
        engine.push(itch.join_blocks(ops), link=LINK_BLOCKS)
        at = turn = 0
        while at < len(ops):
            ran = engine.run(max_events=stops[turn % len(stops)])
            turn += 1
            assert ran.events, f"stopped at message {at} of {len(ops)}"
            for message in ops[at : ran.events[-1].seq]:
                truth.apply(message)
            at = ran.events[-1].seq
            check_exact(engine, truth)
        assert not engine.run().events


@QUIET
@given(SEQUENCES)
def test_best_bid_and_offer_records(ops: Ops) -> None:
    """The recorded changes of every top are those that the oracle sees, in order."""
    truth = ItchChannel()
    truth.apply(OPENING)
    with Engine() as engine:
        engine.push(itch.join_blocks([OPENING, *ops]), link=LINK_BLOCKS)
        bbos = engine.drain().bbos
        numbers = engine.instruments()
    assert {b.instrument for b in bbos} <= {numbers[k] for k in LOCATES if k in numbers}
    for key, number in ((k, numbers[k]) for k in LOCATES if k in numbers):
        truth = ItchChannel()
        want: list[tuple[int, object]] = []
        last: object = (None, None)
        for seq, message in enumerate(ops, 2):
            truth.apply(message)
            book = truth.books.get(key)
            if book is None:
                continue
            if book.vague:
                break
            if book.top() != last:
                last = book.top()
                want.append((seq, last))
        got: list[tuple[int, object]] = []
        last = (None, None)
        until = want[-1][0] if want else 0
        for at, b in enumerate(bbos):
            # A replace takes an order away and adds one: the last record of a message counts.
            if any(x.instrument == b.instrument and x.seq == b.seq for x in bbos[at + 1 :]):
                continue
            if b.instrument != number or (key in truth.books and truth.books[key].vague
                                          and b.seq > until):  # fmt: skip
                continue
            bid = (b.bid_px, b.bid_size, b.bid_orders) if b.bid_size else None
            ask = (b.ask_px, b.ask_size, b.ask_orders) if b.ask_size else None
            if (bid, ask) != last:
                last = (bid, ask)
                got.append((b.seq, last))
        assert got == want


def run_limited(ops: Ops, **limits: Any) -> tuple[dict[str, int], int, int]:
    """Runs against a small engine; (drops, valid books, stale books), none of them wrong."""
    truth = ItchChannel()
    with Engine(**limits) as engine:
        for i, message in enumerate([OPENING, *ops]):
            engine.push(itch.join_blocks([message]), ts_ns=i, link=LINK_BLOCKS)
            truth.apply(message)
            if i % 200 == 0:
                engine.drain_quietly()
                check_honest(engine, truth)
        engine.drain_quietly()
        valid, stale = check_honest(engine, truth)
        return engine.drops(), valid, stale


def far_adds(count: int) -> Ops:
    return [add(i, "BS"[i % 2], 100, 5_000 + i * 6_400 * 3, 1 + i % 3) for i in range(1, count)]


@pytest.mark.parametrize("max_orders", [16, 64, 1000])
def test_order_table_full_is_counted_and_stale(max_orders: int) -> None:
    ops = [add(i, "BS"[i % 2], 100, 1_000_000 + i % 7 * 100, 1 + i % 3) for i in range(1, 3000)]
    ops += [itch.build("D", locate=1 + i % 3, ref=i) for i in range(1, 3000)]
    drops, _, stale = run_limited(ops, max_orders=max_orders)
    assert drops["book_orders_full"] > 0
    assert stale == 3


@pytest.mark.parametrize("max_pages", [4, 16, 64])
def test_page_table_full_is_counted_and_stale(max_pages: int) -> None:
    ops = far_adds(1200)
    ops += [itch.build("D", locate=1 + i % 3, ref=i) for i in range(1, 1200)]
    drops, _, stale = run_limited(ops, max_pages=max_pages)
    assert drops["book_pages_full"] > 0
    assert stale == 3


def test_many_far_pages_are_right() -> None:
    """Hundreds of pages a side, filled and emptied in a scattered order."""
    ops = far_adds(1200)
    order = sorted(range(1, 1200), key=lambda i: i * 7919 % 1201)
    ops += [itch.build("D", locate=1 + i % 3, ref=i) for i in order]
    drops, valid, _ = run_limited(ops)
    assert not {k: n for k, n in drops.items() if k != "book_crossed"}
    assert valid == 3


def test_instrument_table_full_is_counted() -> None:
    ops = [add(i, locate=1 + i * 1024 % 65536) for i in range(1, 64)]
    drops, valid, stale = run_limited(ops, max_instruments=2048)
    assert drops["instruments_full"] > 0
    assert valid + stale > 0


def test_sum_of_sizes_beyond_its_range_is_stale() -> None:
    ops = [add(i, shares=2**32 - 1) for i in range(1, 300)]
    drops, _, stale = run_limited(ops)
    assert drops["book_size_overflow"] > 0
    assert stale == 1


@pytest.mark.parametrize("field", [{"shares": 0}, {"side": "X"}, {"price": 2_000_000_001},
                                   {"price": 2**31}, {"price": 2**32 - 1}])  # fmt: skip
def test_impossible_fields_of_an_add(field: dict[str, int | str]) -> None:
    values: dict[str, Any] = {
        "locate": 1,
        "ref": 2,
        "side": "B",
        "shares": 5,
        "stock": "X",
        "price": 1_000_000,
    }
    drops, _, _ = run_limited([add(1), itch.build("A", **{**values, **field})])
    assert drops == {"msg_field": 1}


def test_breaks_of_trades_that_are_no_longer_on_record() -> None:
    """Only the last max_trades matches can be broken; older ones are counted."""
    ops = [OPENING] + [itch.build("P", locate=1, side="B", shares=1, stock="X", price=10, match=i)
                       for i in range(1, 65)]  # fmt: skip
    ops += [itch.build("B", locate=1, match=i) for i in range(1, 65)]
    truth = ItchChannel(max_trades=16)
    with Engine(max_trades=16) as engine:
        for message in ops:
            truth.apply(message)
            engine.push(itch.join_blocks([message]), link=LINK_BLOCKS)
        engine.drain_quietly()
        assert engine.drops() == {"trade_unknown": 48}
        check_traded(engine, truth)


@pytest.mark.parametrize("seed", range(effort(4, 200)))
def test_long_valid_session(seed: int) -> None:
    """Thousands of live orders; nothing is refused and every book is valid and exact."""
    truth = ItchChannel()
    messages = streams.itch_session(seed, 6000, symbols=8)
    with Engine() as engine:
        for at in range(0, len(messages), 500):
            part = messages[at : at + 500]
            engine.push(itch.join_blocks(part), ts_ns=at, link=LINK_BLOCKS)
            engine.drain_quietly()
            for message in part:
                truth.apply(message)
            check_exact(engine, truth)
            check_traded(engine, truth)
        assert not {k: n for k, n in engine.drops().items() if k != "book_crossed"}
        check_queue(engine, truth)


def test_two_channels_may_use_the_same_references() -> None:
    """Order references and match numbers belong to their channel."""
    ops = [add(1), add(2, "S", price=1_000_100),
           itch.build("P", locate=1, side="B", shares=7, stock="X", price=10, match=5),
           itch.build("E", locate=1, ref=1, shares=30, match=6),
           itch.build("B", locate=1, match=5)]  # fmt: skip
    framing = streams.Framing()
    from tests.oracle import pcap

    truth = ItchChannel()
    with Engine() as engine:
        for session, group in ((b"SESSION--A", "233.54.12.111"), (b"SESSION--B", "233.54.12.222")):
            mine = replace(framing, session=session)
            for i, message in enumerate([OPENING, *ops]):
                payload = mine.payload(i + 1, [message], i)
                engine.push(pcap.frame_of(payload, group), ts_ns=i)
        engine.drain_quietly()
        for message in [OPENING, *ops]:
            truth.apply(message)
        assert not engine.drops()
        for channel in (0, 1):
            check_exact(engine, truth, channel)
            number = engine.instruments(channel)[1]
            assert engine.traded(number) == (truth.books[1].trades, truth.books[1].volume)
