"""The project's own files, for the checks of this folder: nothing generated, nothing fetched."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", "build", "dist", "captures", "__pycache__", "results"}


def walk(folder: Path) -> Iterator[Path]:
    """Yields every file of the project below a folder, in order."""
    for entry in sorted(folder.iterdir()):
        if entry.name in NOT_OURS or entry.name.endswith("_cache") or entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name != ".hypothesis":
                yield from walk(entry)
        else:
            yield entry


def files(*suffixes: str, under: str = ".") -> list[Path]:
    """Returns the project's files with one of the suffixes, relative to its root."""
    folder = ROOT / under
    if not folder.is_dir():
        return []
    return [f.relative_to(ROOT) for f in walk(folder) if f.suffix in suffixes]


def read(path: Path) -> str:
    """Returns the text of a project file given relative to the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def lines(path: Path) -> list[str]:
    """Returns its lines."""
    return read(path).splitlines()
