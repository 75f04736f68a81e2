"""Style that can be checked by reading: sizes, headings, include direction, dead files, words.

The rules only ever say where something is, never how it should be mended.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.project import ROOT, files, lines, read

FILE_LINES = 450
FUNCTION_LINES = 80
LINE_LENGTH = 100

# A folder of dataplane/ may include from itself and from those to its left; the files directly in
# dataplane/ may include from all of them. The public headers serve everybody: the layouts include
# nothing, and the functions of api.h are written where what they show is kept.
LAYERS = ("base", "shm", "io", "net", "feed", "book", "quote", "gate", "order", "sim", "live")
SHARED = {"shm/abi.h", "api.h", "live.h"}

CODE = files(".c", ".h", ".py", ".sh")
C_FILES = files(".c", ".h")
PYTHON = files(".py")


def report(findings: list[str]) -> None:
    assert not findings, "\n".join(["", *findings])


def c_functions(path: Path) -> Iterator[tuple[int, int]]:
    """Yields the first line and length of each C function; a body opens with '{' in column 1."""
    start = 0
    for number, line in enumerate(lines(path), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start + 1
            start = 0


def python_functions(path: Path) -> Iterator[tuple[int, int]]:
    for node in ast.walk(ast.parse("\n".join(lines(path)))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines(path), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if found:
            yield number, found[1]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse("\n".join(lines(path)))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def test_there_is_something_to_check() -> None:
    assert len(C_FILES) > 5
    assert len(PYTHON) > 5
    assert any(True for path in C_FILES for _ in c_functions(path))


def test_files_are_short() -> None:
    report([f"{f}: {len(lines(f))} lines" for f in CODE if len(lines(f)) > FILE_LINES])


def test_lines_are_short() -> None:
    report(
        [
            f"{path}:{number}: {len(line)} characters"
            for path in CODE + files(".build", ".toml", ".yaml")
            for number, line in enumerate(lines(path), 1)
            if len(line) > LINE_LENGTH
        ]
    )


def test_functions_are_short() -> None:
    found = [(f, *place) for f in C_FILES for place in c_functions(f)]
    found += [(f, *place) for f in PYTHON for place in python_functions(f)]
    report([f"{f}:{at}: {length} lines" for f, at, length in found if length > FUNCTION_LINES])


def test_files_open_with_what_they_are() -> None:
    findings = []
    for path in C_FILES:
        if not read(path).startswith("/*"):
            findings.append(f"{path}: no opening comment")
    for path in PYTHON:
        if read(path).strip() and not ast.get_docstring(ast.parse("\n".join(lines(path)))):
            findings.append(f"{path}: no docstring")
    for path in files(".sh"):
        if not lines(path)[1].startswith(f"# {path.name} - "):
            findings.append(f"{path}: line 2 does not say what it is")
    report(findings)


def test_headers_are_guarded() -> None:
    guard = re.compile(r"^(#ifndef \w+_H|#pragma once)$", re.MULTILINE)
    report([f"{f}: no include guard" for f in files(".h") if not guard.search(read(f))])


def test_includes_point_downward() -> None:
    findings = []
    for path in files(".c", ".h", under="dataplane"):
        inside = path.parts[1:-1]
        rank = LAYERS.index(inside[0]) if inside else len(LAYERS)
        for number, name in includes(path):
            if name in SHARED:
                continue
            folder = name.split("/")[0] if "/" in name else ""
            if name.startswith("..") or folder == "tests":
                findings.append(f"{path}:{number}: includes {name}")
            elif folder in LAYERS and LAYERS.index(folder) > rank:
                findings.append(f"{path}:{number}: {inside[0]} includes {name}")
            elif inside and not folder and name != "abi_hash.h":
                findings.append(f"{path}:{number}: {inside[0]} includes {name} from above")
    report(findings)


def test_product_imports_no_test_code() -> None:
    report(
        [
            f"{path}:{number}: imports {name}"
            for path in files(".py", under="controlplane")
            for number, name in imports(path)
            if name.split(".")[0] in {"tests", "scapy", "pytest", "hypothesis", "perf"}
        ]
    )


def test_every_folder_is_explained() -> None:
    found = [p for p in sorted(ROOT.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    folders = [p for p in found if p.name not in {"build", "captures", "dist"}]
    report([f"{p.name}: no README.md" for p in folders if not (p / "README.md").is_file()])


def test_every_c_file_is_built() -> None:
    findings = []
    for path in files(".c"):
        folder = path.parent
        while not (ROOT / folder / "meson.build").is_file():
            folder = folder.parent
        text = "\n".join(line.split("#")[0] for line in lines(folder / "meson.build"))
        names = set(re.findall(r"'([^'\n]*)'", text))
        short = re.sub(r"^(test|fuzz|bench|check)_", "", path.stem)
        if not names & {str(path.relative_to(folder)), path.name, path.stem, short}:
            findings.append(f"{path}: not in {folder}/meson.build")
    report(findings)


def test_every_header_is_included() -> None:
    used = {Path(name).name for path in C_FILES for _, name in includes(path)}
    report([f"{f}: nobody includes it" for f in files(".h") if f.name not in used])


def test_scripts_are_careful() -> None:
    findings = []
    for path in [*files(".sh"), Path(".ci/run")]:
        text = read(path)
        if not text.startswith("#!/usr/bin/env bash\n") or "\nset -euo pipefail\n" not in text:
            findings.append(f"{path}: needs the bash line and set -euo pipefail")
        if not (ROOT / path).stat().st_mode & 0o100:
            findings.append(f"{path}: not executable")
    report(findings)


def test_words() -> None:
    """No path of one machine, nothing left open; a C test may name its temporary file."""
    machine = re.compile(r"(?<![\w.$}*-])/(?:work|home|root|tmp|opt)/")
    left_open = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    findings = []
    for path in CODE + files(".md", ".yaml", ".toml", ".build", ".options"):
        if path == Path(__file__).relative_to(ROOT):
            continue
        for number, line in enumerate(lines(path), 1):
            for rule in (machine, left_open):
                found = rule.search(line)
                if found and not (path.suffix == ".c" and found[0] == "/tmp/"):
                    findings.append(f"{path}:{number}: {found[0]}")
    report(findings)
