"""The compiled boundary to the C engine: ``ffi`` and ``lib``, nothing else."""

from pinnacle.abi._pinnacle import ffi, lib

__all__ = ["ffi", "lib"]
