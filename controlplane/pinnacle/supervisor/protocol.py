"""What client and server say to each other over the control socket.

One JSON object a line: ``{"verb": ..., "args": {...}}`` is answered by ``{"ok": true, "result":
...}`` or ``{"ok": false, "error": ..., "exit_code": ...}``. The arguments of every verb are a model
here; what is not described is refused.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pinnacle.errors import PinnacleError, UsageError

REQUEST_BYTES = 16_384  # longest request
IDLE_S = 60.0  # a connection that asks nothing for so long is closed
WRITE_S = 10.0  # a client that does not read for so long is dropped
CONNECTIONS = 64


class Args(BaseModel):
    """Base of all arguments."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NoArgs(Args):
    """None at all."""


class BooksArgs(Args):
    """Which books, and how much of each."""

    names: list[str] = Field(default=[], max_length=1000)
    state: Literal["empty", "valid", "stale"] | None = None
    limit: int = Field(default=0, ge=0, le=1_048_576)
    depth: int = Field(default=0, ge=0, le=1000)


class SampleArgs(Args):
    """How many books."""

    limit: int = Field(default=20, ge=0, le=1000)


class DescribeArgs(Args):
    """Which thing."""

    kind: Literal["channel", "port", "book", "shard"]
    name: str = Field(max_length=100)


class CommandArgs(Args):
    """A command of the control segment."""

    name: Literal["capture-start", "capture-stop"]
    text: str = Field(default="", max_length=319)
    shard: int | None = Field(default=None, ge=0, le=7)
    timeout_s: float = Field(default=5.0, ge=0.0, le=60.0)


#: verb -> (model of its arguments, whether it changes anything)
VERBS: dict[str, tuple[type[Args], bool]] = {
    "ping": (NoArgs, False),
    "status": (NoArgs, False),
    "config": (NoArgs, False),
    "feeds": (NoArgs, False),
    "books": (BooksArgs, False),
    "queues": (NoArgs, False),
    "counters": (NoArgs, False),
    "sample": (SampleArgs, False),
    "describe": (DescribeArgs, False),
    "stop": (NoArgs, True),
    "restart": (NoArgs, True),
    "command": (CommandArgs, True),
}


def parse_request(line: bytes) -> tuple[str, Args, bool]:
    """Verb, checked arguments, and whether it changes anything; ``UsageError`` otherwise."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("a request is one JSON object on one line") from error
    if not isinstance(request, dict) or not set(request) <= {"verb", "args"}:
        raise UsageError('a request is {"verb": NAME, "args": {...}}')
    verb = request.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        raise UsageError(f"no such verb; there are: {', '.join(VERBS)}")
    model, changes = VERBS[verb]
    try:
        return verb, model.model_validate(request.get("args") or {}), changes
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{verb}: {where}: {first['msg']}") from error


def encode(reply: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def refusal(error: PinnacleError) -> dict[str, Any]:
    """The reply to what cannot be done."""
    return {"ok": False, "error": str(error), "exit_code": error.exit_code}
