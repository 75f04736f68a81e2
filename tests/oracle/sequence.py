"""What a receiver of a damaged stream may know.

The truth is the full stream, message n at index n - 1. A receiver that was handed some datagrams
has at best the messages in them; a book may claim to be valid only if it equals the truth after
the last message that was delivered in order.
"""

from collections.abc import Iterable

from tests.oracle.books import IexChannel, ItchChannel


def received(spans: Iterable[tuple[int, int]]) -> set[int]:
    """Numbers of the messages that came at least once; spans are (first seq, count)."""
    out: set[int] = set()
    for seq, count in spans:
        out.update(range(seq, seq + count))
    return out


def missing(spans: Iterable[tuple[int, int]], last: int) -> list[int]:
    """Numbers in 1..last that never came."""
    got = received(spans)
    return [n for n in range(1, last + 1) if n not in got]


def runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Neighbouring numbers joined to (first, count): the gaps."""
    out: list[tuple[int, int]] = []
    for n in numbers:
        if out and out[-1][0] + out[-1][1] == n:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((n, 1))
    return out


class Truth:
    """The right books after any message of a stream; only moves forward."""

    def __init__(self, channel: ItchChannel | IexChannel, messages: list[bytes]) -> None:
        self.channel = channel
        self.messages = messages
        self.at = 0

    def move_to(self, seq: int) -> None:
        """Books as they are after message seq."""
        assert seq >= self.at, f"truth cannot go back from {self.at} to {seq}"
        assert seq <= len(self.messages), f"message {seq} was never sent"
        for message in self.messages[self.at : seq]:
            self.channel.apply(message)
        self.at = seq
