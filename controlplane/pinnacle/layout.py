"""numpy dtypes and readable records, derived once from the C structures of ``shm/abi.h``.

Nothing is written down a second time: names, offsets and sizes come from the compiled module.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pinnacle.abi import ffi

StructArray = npt.NDArray[np.void]

_FLOATS = {"double": np.float64, "float": np.float32}


def _field_dtype(ctype: Any) -> Any:
    if ctype.kind == "array":
        item = ctype.item
        if item.cname == "char":
            return np.dtype((np.bytes_, ctype.length))
        return np.dtype((_field_dtype(item), (ctype.length,)))
    if ctype.kind == "struct":
        return struct_dtype(ctype.cname)
    if ctype.cname in _FLOATS:
        return np.dtype(_FLOATS[ctype.cname])
    size = ffi.sizeof(ctype)
    signed = int(ffi.cast(ctype, -1)) < 0
    return np.dtype(f"{'i' if signed else 'u'}{size}")


@cache
def struct_dtype(name: str) -> "np.dtype[np.void]":
    """The dtype of a C structure, such as ``struct_dtype("struct pn_event")``."""
    ctype = ffi.typeof(name)
    names, formats, offsets = [], [], []
    for field_name, field in ctype.fields:
        names.append(field_name)
        formats.append(_field_dtype(field.type))
        offsets.append(field.offset)
    spec = {"names": names, "formats": formats, "offsets": offsets, "itemsize": ffi.sizeof(ctype)}
    return np.dtype(spec)  # type: ignore[call-overload,no-any-return]


EVENT = struct_dtype("struct pn_event")
BBO = struct_dtype("struct pn_bbo")
LEVEL = struct_dtype("struct pn_level")
ORDER = struct_dtype("struct pn_order")
TOP = struct_dtype("struct pn_top")
CHANNEL = struct_dtype("struct pn_channel")
COUNTERS = struct_dtype("struct pn_counters")


def empty(dtype: "np.dtype[np.void]", count: int) -> StructArray:
    """A zeroed array of ``count`` records."""
    return np.zeros(count, dtype)


def pointer(array: StructArray, ctype: str) -> Any:
    """``array``'s memory as a C pointer; keep the array alive while C uses it."""
    return ffi.cast(ctype, ffi.from_buffer(array))


def text(raw: Any) -> str:
    """A NUL-padded C char array as text; bytes that are not ASCII are shown as ``\\xNN``."""
    data = raw if isinstance(raw, bytes) else bytes(ffi.buffer(raw))
    return data.split(b"\0", 1)[0].decode("ascii", "backslashreplace").rstrip(" ")
