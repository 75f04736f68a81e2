"""Reading a state segment: from another process, or the one an engine of this process owns.

A view never writes. Each reading is one C call that copies a record under its sequence lock, so
it is consistent while a writer runs at full speed. For hot loops ask the view for a reader once
and call that: it fills the same preallocated memory on every call.

>>> view = View.attach("/dev/hugepages/pinnacle.state")      # doctest: +SKIP
>>> read = view.top_reader("AAPL")                           # doctest: +SKIP
>>> top = read()                                             # doctest: +SKIP
>>> top.bid_px, top.bid_size                                 # doctest: +SKIP
(1823400, 300)
"""

import errno
from collections.abc import Callable
from os import PathLike, fspath
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from pinnacle import layout, records, tables
from pinnacle.abi import ffi, lib
from pinnacle.errors import RegionError, UnknownInstrumentError, from_c
from pinnacle.layout import StructArray

__all__ = ["Book", "View"]

InstrumentKey = int | str

_ERR_LEN = 512


class View:
    """Read-only access to the books, counters and channels of one state segment.

    Instruments are named by their index or their name. Names are looked up on each call, so
    keep the index (``view.find``) where speed matters. All methods raise
    ``UnknownInstrumentError`` for an instrument that is not there and ``RegionError`` when the
    writer died in the middle of an update of that record.
    """

    def __init__(self, handle: Any, owner: object = None) -> None:
        # The handle keeps the mapping alive, the owner the engine; readers hold on to both, so
        # closing a view never pulls memory away from under a reader.
        self._handle: Any = handle
        self._owner = owner

    @classmethod
    def attach(cls, path: str | PathLike[str]) -> "View":
        """Maps the state segment at ``path`` read-only.

        Raises ``RegionError`` if there is none, or one of another build.
        """
        err = ffi.new("char[]", _ERR_LEN)
        raw = lib.pn_view_open(fspath(path).encode(), err, _ERR_LEN)
        if raw == ffi.NULL:
            message = ffi.string(err).decode(errors="replace")
            raise from_c(-ffi.errno or -errno.EINVAL, message or f"{fspath(path)}", "region")
        return cls(ffi.gc(raw, lib.pn_view_close))

    def close(self) -> None:
        """Lets go of the segment; it is unmapped when its last reader is gone too."""
        self._handle = self._owner = None

    def __enter__(self) -> "View":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    @property
    def _view(self) -> Any:
        if self._handle is None:
            raise RegionError("the view is closed; attach again")
        return self._handle

    @property
    def handle(self) -> Any:
        """The C view, for readers of records that live instances have beside the books."""
        return self._view

    @property
    def header(self) -> records.Header:
        """Size, backing, writer's pid, and how many instruments and channels are in use."""
        return records.header_of(lib.pn_view_header(self._view))

    @property
    def counters(self) -> records.Counters:
        """Totals and drops by reason."""
        out = ffi.new("struct pn_counters *")
        lib.pn_view_counters(self._view, out)
        return records.counters_of(out)

    @property
    def digest(self) -> str:
        """As ``Replay.digest``, of a region that nobody writes just then."""
        out = ffi.new("uint64_t[2]")
        lib.pn_view_digest(self._view, out)
        return f"{out[0]:016x}{out[1]:016x}"

    @property
    def stages(self) -> dict[str, records.StageTime]:
        """How long the calls of each stage took; all zero unless stages were timed."""
        found, out = {}, ffi.new("struct pn_histogram *")
        for i, name in enumerate(tables.STAGES):
            if lib.pn_view_stage(self._view, i, out) == 0:
                found[name] = records.stage_of(out)
        return found

    def counters_into(self, out: Any) -> None:
        """Copies the counters into a ``struct pn_counters`` of the caller, for tight loops."""
        lib.pn_view_counters(self._view, out)

    @property
    def channels(self) -> list[records.Channel]:
        """All channels in use."""
        out = ffi.new("struct pn_channel *")
        found = []
        for i in range(lib.pn_view_header(self._view).channels):
            if lib.pn_view_channel(self._view, i, out) == 0:
                found.append(records.channel_of(i, out))
        return found

    @property
    def instruments(self) -> list[records.Instrument]:
        """All instruments that have a name or that an event has touched."""
        view, out, top = self._view, ffi.new("struct pn_instrument *"), ffi.new("struct pn_top *")
        found = []
        for i in range(lib.pn_view_header(view).instruments):
            if lib.pn_view_instrument(view, i, out):
                continue
            unheard = lib.pn_view_top(view, i, top) or top.state == lib.PN_BOOK_EMPTY
            if unheard and out.name[0] == b"\0":
                continue
            found.append(records.instrument_of(i, out))
        return found

    def find(self, name: str, start: int = 0) -> int:
        """Index of the first instrument of that name from ``start`` on.

        Two feeds may carry the same name: look on from the index found plus one.
        """
        index: int = lib.pn_view_find(self._view, name.encode(), start)
        if index < 0:
            raise UnknownInstrumentError(f"no instrument {name}; names are as in the feed")
        return index

    def index_of(self, instrument: InstrumentKey) -> int:
        """The index for an index or a name."""
        return self.find(instrument) if isinstance(instrument, str) else instrument

    def instrument(self, instrument: InstrumentKey) -> records.Instrument:
        """Name, feed, locate and price scale."""
        index = self.index_of(instrument)
        out = ffi.new("struct pn_instrument *")
        if code := lib.pn_view_instrument(self._view, index, out):
            _fail(code, index)
        return records.instrument_of(index, out)

    def top(self, instrument: InstrumentKey) -> records.Top:
        """A consistent copy of the best bid and offer, as a named tuple."""
        return records.top_of(self.top_reader(instrument)())

    def top_reader(self, instrument: InstrumentKey) -> Callable[[], Any]:
        """A function without arguments that reads the best bid and offer, for hot loops.

        It returns a C ``struct pn_top`` (attributes ``bid_px``, ``bid_size``, ``state``, ...),
        the same one refilled on every call: take what you need before you call again.
        """
        view, index, owner = self._view, self.index_of(instrument), self._owner
        reader = ffi.new("struct pn_top_reader *", {"view": view, "instrument": index})
        call, top = lib.pn_view_read, reader.top

        def read(_keep: object = owner) -> Any:
            if code := call(reader):
                _fail(code, index)
            return top

        read()
        return read

    def levels_reader(
        self, instrument: InstrumentKey, side: str, depth: int = 10
    ) -> Callable[[], StructArray]:
        """A function that reads up to ``depth`` levels of one side, best first, for hot loops.

        It returns an array of ``px, size, orders`` (int64, uint64, uint64), as long as there are
        levels; the array is a window of the same memory refilled on every call.
        """
        view, index, owner = self._view, self.index_of(instrument), self._owner
        number, array = _side(side), layout.empty(layout.LEVEL, max(depth, 1))
        out = layout.pointer(array, "struct pn_level *")
        windows = [array[:n] for n in range(depth + 1)]
        call = lib.pn_view_levels

        def read(_keep: object = owner) -> StructArray:
            count = call(view, index, number, out, depth)
            if count < 0:
                _fail(count, index)
            window: StructArray = windows[count]
            return window

        read()
        return read

    def levels(self, instrument: InstrumentKey, side: str, depth: int | None = None) -> StructArray:
        """A copy of the levels of one side, best first; all of them without ``depth``."""
        index, number = self.index_of(instrument), _side(side)
        room = 256 if depth is None else depth
        while True:
            array = layout.empty(layout.LEVEL, max(room, 1))
            out = layout.pointer(array, "struct pn_level *")
            count = lib.pn_view_levels(self._view, index, number, out, room)
            if count < 0:
                _fail(count, index)
            if count < room or depth is not None:
                return array[:count].copy() if count < len(array) // 2 else array[:count]
            room *= 4

    def traded(self, instrument: InstrumentKey) -> tuple[int, int]:
        """Number of trades and their volume, breaks taken back."""
        index = self.index_of(instrument)
        out = np.zeros(2, np.uint64)
        trades = ffi.cast("uint64_t *", ffi.from_buffer(out))
        if code := lib.pn_view_traded(self._view, index, trades, trades + 1):
            _fail(code, index)
        return int(out[0]), int(out[1])

    def book(self, instrument: InstrumentKey) -> "Book":
        """One instrument's book; it stays current, every call reads anew."""
        return Book(self, self.index_of(instrument))


class Book:
    """The bids and asks of one instrument, read through a view.

    >>> book = view.book("AAPL")                             # doctest: +SKIP
    >>> book.levels("bid", 5)["px"]                          # doctest: +SKIP
    array([1823400, 1823300, 1823200, 1823100, 1823000])
    """

    def __init__(self, view: View, index: int) -> None:
        self._view = view
        self.instrument = view.instrument(index)

    @property
    def index(self) -> int:
        """Number of the instrument in its segment."""
        return self.instrument.index

    @property
    def name(self) -> str:
        """Name as in the feed."""
        return self.instrument.name

    @property
    def state(self) -> str:
        """``empty``, ``valid`` or ``stale``."""
        return self.top().state

    def top(self) -> records.Top:
        """Best bid and offer."""
        return self._view.top(self.index)

    def levels(self, side: str, depth: int | None = None) -> StructArray:
        """Levels of ``"bid"`` or ``"ask"``, best first, as ``px, size, orders``."""
        return self._view.levels(self.index, side, depth)

    def traded(self) -> tuple[int, int]:
        """Trades and volume."""
        return self._view.traded(self.index)


def _side(side: str) -> int:
    try:
        return tables.SIDES[side]
    except KeyError:
        raise ValueError(f"side {side!r} is neither 'bid' nor 'ask'") from None


def _fail(code: int, index: int) -> NoReturn:
    if code == -errno.EAGAIN:
        raise RegionError(f"instrument {index} is in the middle of an update that never ends; "
                          "restart its writer")  # fmt: skip
    raise UnknownInstrumentError(f"no instrument number {index} in this region")
