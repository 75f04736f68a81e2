"""The compiled module as type checkers see it: C functions and types are checked by cffi."""

from typing import Any

ffi: Any
lib: Any
