"""Turns the shared C headers into what the build needs: cffi's cdef, and the ABI hash.

Run by meson: ``gen_abi.py cdef HEADER... OUT`` and ``gen_abi.py hash HEADER OUT``.
The headers stay plain C; what cffi must not see stands between ``#ifndef ABI_CDEF`` and its
``#endif``.
"""

import hashlib
import re
import sys
from pathlib import Path


def strip_header(text: str) -> str:
    """Returns the declarations of a header: no comments, no preprocessor blocks."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    kept: list[str] = []
    depth = 0
    for line in text.splitlines():
        if re.match(r"\s*#\s*if", line):
            depth += 1
        elif re.match(r"\s*#\s*endif", line):
            depth -= 1
        elif depth == 0 and line.strip() and not line.lstrip().startswith("#"):
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"


def main(argv: list[str]) -> int:
    verb, *headers, out = argv
    text = "".join(strip_header(Path(h).read_text()) for h in headers)
    if verb == "hash":
        # White space and comments do not change a layout, so they do not change the hash.
        digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]
        text = f"#define PN_ABI_HASH 0x{digest}ull\n"
    Path(out).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
