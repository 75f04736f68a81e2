"""The generated stream is a valid, plausible day: judged by an independent slow model."""

import hashlib
import math
import shutil
import statistics
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pinnacle.abi import ffi, lib
from pinnacle.capture.generate import Config, stream

from tests.oracle import itch_model

SIM = Path(__file__).resolve().parents[2] / "dataplane" / "sim"
SMALL = Config(seed=42, symbols=20, messages=20_000)
#: Every build on every machine makes these bytes; a change of the generator changes this line.
SMALL_SHA256 = "65222611d65124f7dc2dd06cd545717e56752a750f1da05f3e31e622cea453e8"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fill(config: Any, cap: int) -> bytes:
    """The stream through pn_flow_next with a buffer of ``cap`` bytes."""
    err, buffer = ffi.new("char[256]"), ffi.new("uint8_t[]", cap)
    flow = lib.pn_flow_open(config, err, 256)
    assert flow != ffi.NULL, ffi.string(err)
    parts = []
    while size := lib.pn_flow_next(flow, buffer, cap, ffi.NULL):
        parts.append(bytes(ffi.buffer(buffer, size)))
    lib.pn_flow_close(flow)
    return b"".join(parts)


def c_config(config: Config) -> Any:
    c = ffi.new("struct pn_flow_config *")
    lib.pn_flow_config_default(c)
    c.seed, c.symbols, c.messages = config.seed, config.symbols, config.messages
    return c


def test_same_seed_same_bytes_in_every_build() -> None:
    first = stream(SMALL)
    assert first == stream(SMALL)
    assert sha(first) == SMALL_SHA256
    assert first != stream(Config(seed=43, symbols=20, messages=20_000))


@pytest.mark.parametrize("cap", [1024, 1500, 70_000])
def test_buffer_size_changes_nothing(cap: int) -> None:
    assert sha(fill(c_config(SMALL), cap)) == SMALL_SHA256


MAIN = r"""
#include <stdio.h>
#include "sim/flow.h"
int main(void)
{
    struct pn_flow_config c;
    char err[256];
    uint64_t bytes, messages;
    pn_flow_config_default(&c);
    c.seed = 42;
    c.symbols = 20;
    c.messages = 20000;
    uint8_t *data = pn_flow_make(&c, &bytes, &messages, err, sizeof err);
    if (!data)
        return 1;
    fwrite(data, 1, bytes, stdout);
    pn_flow_free(data);
    return 0;
}
"""


@pytest.mark.parametrize(
    "command", ["gcc -O0 -fsanitize=undefined,address -fno-sanitize-recover=all", "clang -O2"]
)
def test_other_compilers_make_the_same_bytes(command: str, tmp_path: Path) -> None:
    compiler = shutil.which(command.split()[0])
    if not compiler:
        pytest.skip(f"{command.split()[0]} is not installed")
    (tmp_path / "main.c").write_text(MAIN)
    sources = [str(p) for p in sorted(SIM.glob("flow*.c"))]
    flags = ["-std=gnu17", "-D_GNU_SOURCE", f"-I{SIM.parent}", "-o", str(tmp_path / "run")]
    subprocess.run([*command.split(), *flags, str(tmp_path / "main.c"), *sources], check=True)
    out = subprocess.run([str(tmp_path / "run")], check=True, stdout=subprocess.PIPE).stdout
    assert sha(out) == SMALL_SHA256


@pytest.mark.parametrize(
    ("symbols", "messages", "seed"),
    [(1, 3_000, 1), (2, 5_000, 2), (3, 5_000, 3), (4, 5_000, 4), (700, 20_000, 5)],
)
def test_odd_sizes_are_valid_days(symbols: int, messages: int, seed: int) -> None:
    model = itch_model.run(stream(Config(seed=seed, symbols=symbols, messages=messages)))
    assert model.counts.total() == messages
    assert model.events == "OSQMEC"


@pytest.mark.parametrize("symbols", [1, 2, 500])
def test_smallest_day(symbols: int) -> None:
    messages = lib.pn_flow_messages_min(symbols)
    model = itch_model.run(stream(Config(symbols=symbols, messages=messages)))
    assert model.counts.total() == messages
    assert model.events == "OSQMEC"


@pytest.fixture(scope="module")
def day_bytes() -> bytes:
    return stream(Config(seed=3, symbols=200, messages=200_000))


@pytest.fixture(scope="module")
def day(day_bytes: bytes) -> itch_model.Model:
    """The model checks as it goes: live references, sizes that fit, price-time, never crossed."""
    return itch_model.run(day_bytes)


def test_every_type_occurs(day: itch_model.Model) -> None:
    assert set(day.counts) == set(itch_model.LENGTHS)
    assert day.counts.total() == 200_000


@pytest.mark.parametrize("symbols", [1, 500, 8000])
def test_every_type_occurs_in_a_day_of_100000(symbols: int) -> None:
    kinds = {m[0] for m in itch_model.blocks(stream(Config(symbols=symbols, messages=100_000)))}
    assert kinds == {ord(k) for k in itch_model.LENGTHS}


def test_mix_is_that_of_a_real_day(day: itch_model.Model) -> None:
    share = {k: 100 * n / day.counts.total() for k, n in day.counts.items()}
    bounds = {"A": (41, 46), "D": (36, 41), "U": (7.5, 10), "E": (3.5, 6), "X": (1.8, 3),
              "F": (1, 2), "P": (0.2, 0.6), "C": (0.05, 0.6), "I": (0.05, 0.3)}  # fmt: skip
    for kind, (low, high) in bounds.items():
        assert low <= share[kind] <= high, (kind, share[kind])


def test_mix_can_be_set() -> None:
    mix = {"A": 30.0, "D": 25.0, "U": 30.0, "X": 0.0}
    config = Config(symbols=10, messages=50_000, mix=mix)
    counts = itch_model.run(stream(config)).counts
    assert counts["X"] == 0
    assert counts["U"] > 0.2 * counts.total()


def test_activity_is_zipf(day: itch_model.Model) -> None:
    counts = sorted((b.messages for b in day.books.values() if b.name), reverse=True)
    points = [(math.log(r + 2), math.log(n - 8)) for r, n in enumerate(counts[:100])]
    slope = statistics.linear_regression(*zip(*points, strict=True)).slope
    assert -1.15 < slope < -0.85
    by_locate = [day.books[i].messages for i in range(1, 201)]
    assert by_locate != sorted(by_locate, reverse=True)


def test_prices_cluster_at_the_touch(day: itch_model.Model) -> None:
    total = day.depths.total()
    assert day.depths.most_common(1)[0][0] == 0
    assert sum(n for d, n in day.depths.items() if d <= 0) > 0.2 * total
    assert sum(n for d, n in day.depths.items() if d <= 1_000) > 0.6 * total
    assert sum(n for d, n in day.depths.items() if d < 0) < 0.1 * total
    assert sum(n for d, n in day.depths.items() if d > 10_000) > 0.01 * total


def test_price_grids(day: itch_model.Model) -> None:
    dollar = [o.px for o in day.orders.values() if o.px >= 10_000]
    below = [o.px for o in day.orders.values() if 100 < o.px < 10_000]
    assert all(px % 100 == 0 for px in dollar)
    assert any(px % 100 for px in below)


def test_prices_travel(day_bytes: bytes) -> None:
    """Prints of the busiest instruments spread over many ticks, both ways."""
    trades: dict[int, list[int]] = {}
    for m in itch_model.blocks(day_bytes):
        if m[0:1] == b"P":
            trades.setdefault(itch_model.be(m, 1, 2), []).append(itch_model.be(m, 32, 4))
    busiest = sorted(trades.values(), key=len)[-3:]
    for prices in busiest:
        steps = [b - a for a, b in pairwise(prices)]
        assert len(set(prices)) > 8
        assert min(steps) < 0 < max(steps)
    assert max((max(p) - min(p)) / p[0] for p in busiest) > 0.002


def test_lifetimes_are_heavy_tailed(day_bytes: bytes) -> None:
    born: dict[int, int] = {}
    ages = []
    for i, m in enumerate(itch_model.blocks(day_bytes)):
        ref = itch_model.be(m, 11, 8)
        if m[0:1] in b"AF":
            born[ref] = i
        elif m[0:1] in b"EXDUC":
            ages.append(i - born[ref])
            if m[0:1] == b"U":
                born[itch_model.be(m, 19, 8)] = i
    ages.sort()
    assert ages[len(ages) // 2] < 6_000
    assert 0.04 < sum(a > 25_000 for a in ages) / len(ages) < 0.35
    assert ages[-1] > 100_000


def test_intensity_is_u_shaped(day_bytes: bytes) -> None:
    half_hours = Counter(
        itch_model.be(m, 5, 6) // 1_800_000_000_000 for m in itch_model.blocks(day_bytes)
    )
    opening, noon, closing = half_hours[19], half_hours[25], half_hours[31]
    assert opening > 2 * noon
    assert closing > 1.5 * noon
    assert sum(half_hours[i] for i in range(19, 32)) > 0.8 * half_hours.total()


def test_messages_come_in_bursts(day_bytes: bytes) -> None:
    times = [itch_model.be(m, 5, 6) for m in itch_model.blocks(day_bytes)]
    gaps = sorted(b - a for a, b in pairwise(times))
    assert statistics.mean(gaps) > 50 * gaps[len(gaps) // 2]


def test_resting_orders_are_built_up_and_held() -> None:
    config = Config(symbols=50, messages=60_000, max_live_orders=6_000)
    sizes = []
    model = itch_model.Model()
    for i, m in enumerate(itch_model.blocks(stream(config))):
        model.apply(m)
        if i % 500 == 0:
            sizes.append(len(model.orders))
    steady = sizes[len(sizes) * 6 // 10 :]
    assert min(steady) > 0.95 * 6_000
    assert max(sizes) < 1.15 * 6_000


def test_halts_and_auctions_follow_their_order(day_bytes: bytes) -> None:
    states: dict[int, str] = {}
    for m in itch_model.blocks(day_bytes):
        if m[0:1] == b"H":
            states[itch_model.be(m, 1, 2)] = states.get(itch_model.be(m, 1, 2), "") + chr(m[19])
    seen = Counter(states.values())
    assert seen["T"] > 190
    assert seen["TPQT"] >= 1
    assert seen["HQT"] == 2
    assert set(seen) <= {"T", "TPQT", "HQT"}


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("symbols", 0, "symbols"),
        ("symbols", 65536, "symbols"),
        ("messages", 100, "needs"),
        ("max_live_orders", 10, "live orders"),
        ("open_ns", 0, "follow"),
        ("end_ns", 1 << 60, "follow"),
    ],
)
def test_wrong_configuration_is_refused(field: str, value: int, text: str) -> None:
    config, err = c_config(SMALL), ffi.new("char[256]")
    setattr(config, field, value)
    assert lib.pn_flow_open(config, err, 256) == ffi.NULL
    assert text in ffi.string(err).decode()


def test_levels_are_those_of_the_model() -> None:
    config, err = c_config(SMALL), ffi.new("char[256]")
    flow, buffer = lib.pn_flow_open(config, err, 256), ffi.new("uint8_t[]", 200_000)
    size = lib.pn_flow_next(flow, buffer, 200_000, ffi.NULL)
    model = itch_model.run(bytes(ffi.buffer(buffer, size)))
    out, compared = ffi.new("struct pn_flow_level[5000]"), 0
    for symbol in range(20):
        for side, name in ((0, "B"), (1, "S")):
            count = lib.pn_flow_levels(flow, symbol, side, out, 5000)
            levels = model.books[symbol + 1].levels[name]
            want = [
                (px, sum(o.size for o in levels[px].values()), len(levels[px]))
                for px in sorted(levels, reverse=side == 0)
            ]
            assert [(x.px, x.size, x.orders) for x in out[0:count]] == want
            compared += count
    lib.pn_flow_close(flow)
    assert compared > 100
