"""Other software over the same stream, where it is installed: pip install itchfeed.

itchfeed is a parser of ITCH 5.0 in Python: a message is an object, and there are no books. Beside
it the same file through this package's Python API, as event records in arrays, with the books kept.
"""

import io
import time
from pathlib import Path

import pytest
from pinnacle.capture.generate import Config, generate
from pinnacle.replay import Replay

from perf.figures import Figures, row

MESSAGES = 200_000
STEP = 50_000


def test_itchfeed(rounds: int, figures: Figures, tmp_path: Path) -> None:
    parser = pytest.importorskip(
        "itch.parser", reason="itchfeed is not installed (pip install itchfeed)"
    )
    path = tmp_path / "peer.itch"
    truth = generate(path, Config(symbols=500, messages=MESSAGES), write_truth=False)
    data = path.read_bytes()
    theirs, ours = [], []
    for _ in range(rounds):
        start = time.thread_time_ns()
        count = sum(1 for _ in parser.MessageParser().parse_file(io.BytesIO(data)))
        theirs.append((time.thread_time_ns() - start) / count)
        assert count == truth.messages
        with Replay([path]) as replay:
            start = time.thread_time_ns()
            count = sum(step.messages for step in replay.steps(messages=STEP))
            ours.append((time.thread_time_ns() - start) / count)
        assert count == truth.messages
    figures.add(
        row("peers, from Python", "itchfeed: a message parsed", "ns", theirs, note="no books"),
        row("peers, from Python", "Replay: event records in arrays", "ns", ours, note="with books"),
    )
