"""A supervisor with its doors open: control socket and metrics around ``core``."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from pinnacle.config.live import LiveConfig
from pinnacle.errors import PinnacleError, WaitTimeoutError, from_c
from pinnacle.supervisor import live_records, protocol, readings, status
from pinnacle.supervisor.core import Supervisor
from pinnacle.supervisor.metrics import MetricsServer
from pinnacle.supervisor.server import Server

_ASK_S = 0.005  # pause between looks whether a command was done


class Service:
    """Answers the verbs of ``protocol`` for one supervisor."""

    def __init__(self, boss: Supervisor) -> None:
        self._boss = boss
        self._reading = threading.Lock()  # views are refreshed by one thread at a time

    async def __call__(self, verb: str, args: protocol.Args) -> Any:
        """The result of one verb; reading is done in a thread, so that the heartbeat goes on."""
        if own := getattr(self, f"_{verb}", None):
            return await own(args)
        return await asyncio.to_thread(self._read, verb, args)

    def _read(self, verb: str, args: protocol.Args) -> Any:
        with self._reading:
            if verb == "status":
                return status.with_supervisor(self._boss)
            return getattr(readings, verb)(self._boss.reader(), **args.model_dump())

    async def _ping(self, args: protocol.Args) -> Any:
        return {"instance": self._boss.config.instance, "pid": self._boss.pid}

    async def _config(self, args: protocol.Args) -> Any:
        return self._boss.config.model_dump(mode="json")

    async def _stop(self, args: protocol.Args) -> Any:
        self._boss.stop("command")
        return {"pid": self._boss.pid}

    async def _restart(self, args: protocol.Args) -> Any:
        return await self._boss.restart()

    async def _command(self, args: protocol.Args) -> Any:
        """Gives a command to the data plane and waits until every shard meant has done it."""
        assert isinstance(args, protocol.CommandArgs)
        number = self._boss.command(args.name, args.text, args.shard)
        end = time.monotonic() + args.timeout_s
        while True:
            found = await asyncio.to_thread(self._daemons, args.shard)
            if found and all(one["commands"] >= number for one in found):
                break
            if time.monotonic() > end:
                raise WaitTimeoutError(f"{args.name}: no answer of the data plane; see status")
            await asyncio.sleep(_ASK_S)
        failed = [one for one in found if one["command_code"] < 0]
        if failed:
            text = f"{args.name}: {failed[0]['command_text']}"
            raise from_c(failed[0]["command_code"], text, "command")
        return {"number": number, "text": [one["command_text"] for one in found]}

    def _daemons(self, shard: int | None) -> list[dict[str, Any]]:
        with self._reading:
            views = self._boss.reader().views()
        return [live_records.daemon(view) for number, view in views if shard in (None, number)]


async def serve(
    config: LiveConfig, run_dir: Path, config_file: Path | None, echo: TextIO | None,
    ready: Any = None,
) -> None:  # fmt: skip
    """Runs an instance to its end; ``ready`` is called when the data plane is up.

    Raises ``AlreadyRunningError`` and the like before anything was started, ``StartRefusedError``
    when the data plane will not run.
    """
    boss = Supervisor(config, run_dir, config_file, echo)
    up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    up.add_done_callback(lambda done: done.cancelled() or (ready and ready()))
    try:
        server = Server(run_dir, config.control.read_only_group, Service(boss))
        metrics = MetricsServer(config.metrics, boss)
        boss.metrics_address = metrics.start()
        try:
            await server.start()
            await boss.run(up)
        finally:
            up.cancel()
            metrics.stop()
            await server.close()
    except PinnacleError as error:
        boss.log("error", str(error))
        raise
    finally:
        boss.close()
