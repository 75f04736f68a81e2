"""Parquet files of a replay: ``bbo.parquet`` and ``trades.parquet``, written while it runs.

Prices stay integers: the price is ``px * 10**price_exp``, with the exponent in a column and in
the file's metadata. Times are ns. A row group is written every 262,144 rows, so memory does not
grow with the capture.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pinnacle import tables
from pinnacle.abi import lib
from pinnacle.drive import is_trade
from pinnacle.errors import OutputError
from pinnacle.layout import StructArray
from pinnacle.region import View
from pinnacle.replay import Step

_ROW_GROUP = 262_144

_NAME = pa.dictionary(pa.int32(), pa.string())

BBO_SCHEMA = pa.schema([
    pa.field("ts_ns", pa.int64()), pa.field("rx_ns", pa.int64()), pa.field("seq", pa.uint64()),
    pa.field("instrument", _NAME), pa.field("instrument_id", pa.uint32()),
    pa.field("state", _NAME), pa.field("price_exp", pa.int8()),
    pa.field("bid_px", pa.int32()), pa.field("bid_size", pa.uint64()),
    pa.field("bid_orders", pa.uint32()),
    pa.field("ask_px", pa.int32()), pa.field("ask_size", pa.uint64()),
    pa.field("ask_orders", pa.uint32()),
])  # fmt: skip

TRADES_SCHEMA = pa.schema([
    pa.field("ts_ns", pa.int64()), pa.field("rx_ns", pa.int64()), pa.field("seq", pa.uint64()),
    pa.field("instrument", _NAME), pa.field("instrument_id", pa.uint32()),
    pa.field("kind", _NAME), pa.field("side", _NAME), pa.field("price_exp", pa.int8()),
    pa.field("px", pa.int32()), pa.field("size", pa.uint64()),
    pa.field("ref", pa.uint64()), pa.field("match", pa.uint64()),
])  # fmt: skip

_META = {
    b"pinnacle.price": b"price = px * 10^price_exp; px is null on an empty side",
    b"pinnacle.ts_ns": b"venue time: ITCH ns since midnight Eastern, IEX ns since the epoch UTC",
    b"pinnacle.rx_ns": b"receive time of the capture, ns since the epoch (raw ITCH: midnight)",
}


class NameTable:
    """Names and price scales of instruments by number, fetched when first needed."""

    def __init__(self, view: View, only: frozenset[str]) -> None:
        self._view, self._only = view, only
        self.names: list[str] = []
        self._code_of_name: dict[str, int] = {}
        self._code = np.full(1024, -1, np.int32)
        self._exp = np.zeros(1024, np.int8)
        self._named = np.zeros(1024, bool)
        self._wanted = np.zeros(1024, bool)

    def learn(self, numbers: "np.typing.NDArray[Any]") -> None:
        """Makes sure that all of ``numbers`` are known; those without a name are asked again."""
        if not len(numbers):
            return
        need = int(numbers.max()) + 1
        if need > len(self._code):
            self._grow(max(need, 2 * len(self._code)))
        for number in np.unique(numbers[~self._named[numbers]]):
            found = self._view.instrument(int(number))
            name = found.name or f"#{found.locate}"
            if name not in self._code_of_name:
                self._code_of_name[name] = len(self.names)
                self.names.append(name)
            self._code[number] = self._code_of_name[name]
            self._exp[number] = found.price_exp
            self._named[number] = bool(found.name)
            self._wanted[number] = not self._only or found.name in self._only

    def _grow(self, size: int) -> None:
        more = size - len(self._code)
        self._code = np.concatenate([self._code, np.full(more, -1, np.int32)])
        self._exp = np.concatenate([self._exp, np.zeros(more, np.int8)])
        self._named = np.concatenate([self._named, np.zeros(more, bool)])
        self._wanted = np.concatenate([self._wanted, np.zeros(more, bool)])

    def wanted(self, rows: StructArray) -> StructArray:
        """Rows of the instruments to export."""
        return rows[self._wanted[rows["instrument"]]] if self._only else rows

    def columns(self, rows: StructArray) -> tuple[pa.Array, pa.Array, pa.Array]:
        """The instrument, instrument_id and price_exp columns."""
        numbers = rows["instrument"]
        names = pa.DictionaryArray.from_arrays(self._code[numbers], pa.array(self.names))
        return names, _array(numbers), pa.array(self._exp[numbers])


def _array(values: "np.typing.NDArray[Any]", empty: Any = None) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), mask=empty)


def _signed(values: "np.typing.NDArray[Any]") -> pa.Array:
    return pa.array(values.astype(np.int64))


def _coded(codes: "np.typing.NDArray[Any]", words: list[str], empty: Any = None) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=empty)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words))


class _File:
    """One Parquet file that is written in row groups and moved into place when complete."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.rows = path, 0
        self._schema = schema.with_metadata(_META)
        self._part = path.with_suffix(".parquet.part")
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._writer = pq.ParquetWriter(self._part, self._schema, compression="zstd")

    def add(self, columns: list[pa.Array]) -> None:
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self.rows += table.num_rows
        self._pending_rows += table.num_rows
        self._pending.append(table)
        if self._pending_rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending).unify_dictionaries())
        self._pending, self._pending_rows = [], 0

    def close(self) -> None:
        self._flush()
        self._writer.close()
        self._part.replace(self.path)


class ParquetSink:
    """A sink of ``drive`` that writes both files into a folder; ``only`` limits instruments.

    Trades are those that the engine counts, and breaks as rows of kind ``broken``. Raises
    ``OutputError`` when the folder cannot be written.
    """

    events = True
    bbo = True

    def __init__(self, folder: str | Path, view: View, only: frozenset[str] = frozenset()) -> None:
        self._folder = Path(folder)
        self._names = NameTable(view, only)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._bbo = _File(self._folder / "bbo.parquet", BBO_SCHEMA)
            self._trades = _File(self._folder / "trades.parquet", TRADES_SCHEMA)
        except OSError as error:
            raise self._error(error) from error

    def take(self, step: Step) -> None:
        """Adds the changes and trades of one step."""
        try:
            self._add_bbo(step.bbo)
            self._add_trades(step.events)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> dict[str, int]:
        """Completes the files; returns the rows by file name."""
        try:
            for file in (self._bbo, self._trades):
                file.close()
        except OSError as error:
            raise self._error(error) from error
        return {file.path.name: file.rows for file in (self._bbo, self._trades)}

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"--export {self._folder}: {error.strerror or error}; is the folder "
                           "writable and is there room?")  # fmt: skip

    def _add_bbo(self, rows: StructArray) -> None:
        self._names.learn(rows["instrument"])
        rows = self._names.wanted(rows)
        if not len(rows):
            return
        names, numbers, exps = self._names.columns(rows)
        states = [tables.BOOK_STATES[i] for i in range(len(tables.BOOK_STATES))]
        self._bbo.add([
            _signed(rows["ts_ns"]), _signed(rows["rx_ns"]), _array(rows["seq"]), names, numbers,
            _coded(rows["state"], states), exps,
            _array(rows["bid_px"], rows["bid_size"] == 0), _array(rows["bid_size"]),
            _array(rows["bid_orders"]),
            _array(rows["ask_px"], rows["ask_size"] == 0), _array(rows["ask_size"]),
            _array(rows["ask_orders"]),
        ])  # fmt: skip

    def _add_trades(self, events: StructArray) -> None:
        broken = (events["kind"] == lib.PN_EV_BROKEN) & (
            (events["flags"] & lib.PN_EVF_REJECTED) == 0
        )
        rows = events[is_trade(events) | broken]
        self._names.learn(rows["instrument"])
        rows = self._names.wanted(rows)
        if not len(rows):
            return
        names, numbers, exps = self._names.columns(rows)
        kinds = [tables.EVENT_KINDS[i] for i in range(len(tables.EVENT_KINDS))]
        sideless = np.isin(rows["kind"], (lib.PN_EV_CROSS, lib.PN_EV_BROKEN))
        self._trades.add([
            _signed(rows["ts_ns"]), _signed(rows["rx_ns"]), _array(rows["seq"]), names, numbers,
            _coded(rows["kind"], kinds), _coded(rows["side"], ["bid", "ask"], sideless), exps,
            _array(rows["px"]), _array(rows["size"]), _array(rows["ref"]), _array(rows["ref2"]),
        ])  # fmt: skip
