"""The supervisor: runs one data plane from a configuration until it is told to stop.

It renders the configuration into the control segment, starts ``pinnacle-dp`` or takes over one
that runs, beats, notices within milliseconds when it ends and within ``heartbeat.hang_ms`` when it
hangs, starts it again, and ends it in order. All of it is one asyncio loop; the slow work of
requests is done in threads, so that the heartbeat goes on.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pinnacle.config.live import LiveConfig
from pinnacle.errors import EXIT_CLASSES, ConfigError, PinnacleError, StartRefusedError
from pinnacle.supervisor import layout, logs, paths
from pinnacle.supervisor.backoff import Backoff
from pinnacle.supervisor.child import DataPlane, Exit
from pinnacle.supervisor.lock import FolderLock
from pinnacle.supervisor.notify import Notifier
from pinnacle.supervisor.readings import Instance
from pinnacle.supervisor.watch import Heartbeats

_LOOK_S = 0.01  # pause between looks at the heartbeats
_LOOK_STARTING_S = 0.002  # the same while a data plane comes up
_ALL_LOGS_S = 1.0  # pause between looks at the size of the data plane's log


class Supervisor:
    """One instance. ``state`` is starting, running, backing-off or stopping."""

    def __init__(
        self, config: LiveConfig, run_dir: Path, config_file: Path | None, echo: TextIO | None
    ) -> None:
        self.config, self.run_dir, self.config_file = config, run_dir, config_file
        self.pid = os.getpid()
        self.state = "starting"
        self.started = datetime.now(UTC)
        self.since = time.monotonic()
        self.restarts = 0
        self.last_exit: Exit | None = None
        self.last_down_ms: float | None = None
        self.next_start: float | None = None
        self.plane: DataPlane | None = None
        self.attached_to: int | None = None
        self.metrics_address: str | None = None
        self._wanted = config
        self._before: LiveConfig | None = None  # what ran before a restart, until the new is up
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._ever_ran = False
        self._gave_up = False
        self._changing = asyncio.Lock()
        self._stop = asyncio.Event()
        self._replaced = asyncio.Event()
        self._notify = Notifier()
        self._lock = FolderLock(run_dir)
        try:
            self._open(echo)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, echo: TextIO | None) -> None:
        """Everything that can be refused before a data plane runs."""
        logs_dir = Path(self.config.log.dir) if self.config.log.dir else self.run_dir
        try:
            logs_dir.mkdir(parents=True, exist_ok=True)
            self.log = logs.Log(logs_dir / paths.CTL_LOG, self.config.log, echo)
        except OSError as error:
            raise ConfigError(f"log.dir {logs_dir}: {error.strerror}; give another one") from error
        self.dp_log = logs_dir / paths.DP_LOG
        try:
            self.layout = layout.Layout(self.config, self.run_dir)
        except BaseException:
            self.log.close()
            if not layout.earlier(self.run_dir) and self.config.log.dir is None:
                (self.run_dir / paths.CTL_LOG).unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.run_dir.rmdir()
            raise
        self.layout.segment.beat()  # before a data plane looks
        self.backoff = Backoff(self.config.restart)
        self.write_record()
        self.instance = Instance(self.record())
        self._reader = Instance(self.instance.record)

    def record(self) -> dict[str, Any]:
        """What ``instance.json`` holds."""
        places = self.layout.places
        return {
            "instance": self.config.instance, "supervisor_pid": self.pid,
            "run_dir": str(self.run_dir),
            "control": str(places.control), "state": [str(path) for path in places.state],
            "memory_why": self.layout.why_no_hugepages,
            "config_file": str(self.config_file) if self.config_file else None,
            "ctl_log": str(self.dp_log.with_name(paths.CTL_LOG)), "dp_log": str(self.dp_log),
            "config": self.config.model_dump(mode="json"),
        }  # fmt: skip

    def write_record(self) -> None:
        """Puts ``instance.json`` in place."""
        paths.write_record(self.run_dir, self.record())

    def reader(self) -> Instance:
        """Views for requests, apart from those that the watch uses."""
        if self._reader.record != self.instance.record:
            self._reader = Instance(self.instance.record)
        return self._reader

    # -- running

    async def run(self, ready: "asyncio.Future[None] | None" = None) -> None:
        """Runs until ``stop``; raises ``StartRefusedError`` when the data plane gives up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, f"signal {number.name}")
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        beat = asyncio.create_task(self._beat())
        beat.add_done_callback(self._beat_ended)
        turning = asyncio.create_task(self._turn_logs())
        try:
            await self._supervise(ready)
        finally:
            self.state = "stopping"
            self._notify.send(STOPPING="1", STATUS="stopping")
            await self._end_data_plane()
            for task in (beat, turning):
                task.cancel()

    def stop(self, why: str) -> None:
        """Asks for an orderly end."""
        if not self._stop.is_set():
            self.log("info", "stopping", why=why)
            self.state = "stopping"
            self._stop.set()
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(StartRefusedError(f"stopped meanwhile: {why}"))

    async def _supervise(self, ready: "asyncio.Future[None] | None") -> None:
        """Start, watch, start again."""
        while not self._stop.is_set():
            plane = self._start()
            ended = await self._watch(plane, ready)
            if self._stop.is_set():
                return
            if not self._replaced.is_set():
                await self._recover(plane, ended)
            if self._replaced.is_set():  # by ``restart``: not a failure
                self._replaced.clear()
                self._before = self.config
                try:
                    self._change(self._wanted)
                except PinnacleError as error:
                    self._go_back(error)

    def _start(self) -> DataPlane:
        """Adopts the data plane that runs, or starts one."""
        if pid := self.layout.running:
            self.layout.running = None
            with contextlib.suppress(ProcessLookupError):
                self.plane = DataPlane.adopt(pid)
                self.attached_to = pid
                self.log("info", "attached to a running data plane", pid=pid)
                return self.plane
        self._log_from = self.dp_log.stat().st_size if self.dp_log.exists() else 0
        self.plane = DataPlane.spawn(self.layout.places.control, self.dp_log)
        self.log("info", "data plane started", pid=self.plane.pid, restarts=self.restarts)
        return self.plane

    async def _watch(self, plane: DataPlane, ready: "asyncio.Future[None] | None") -> bool:
        """Follows one data plane to its end; true if it ever was up."""
        beats = Heartbeats(self.instance, plane.pid)
        limits = self.config.heartbeat
        self.state, up = "starting", False
        while not plane.ended.is_set() and not self._stop.is_set():
            now = time.monotonic()
            beats.look(now)
            if not up and beats.up:
                up = self._ever_ran = True
                self.state = "running"
                self._came_up(plane, ready)
            silent = beats.silent_s
            if up and silent * 1000 > limits.hang_ms:
                plane.kill_why = f"killed: shard {beats.silent_shard} was silent {silent:.1f} s"
            elif not up and now - plane.since > limits.start_s:
                plane.kill_why = f"killed: not up after {limits.start_s} s"
            if plane.kill_why and not self._replaced.is_set():
                self.log("error", "data plane hangs", pid=plane.pid, why=plane.kill_why)
                plane.signal(signal.SIGKILL)
                await plane.ended.wait()
            await self._pause(plane.ended, _LOOK_S if up else _LOOK_STARTING_S)
        return up

    def _came_up(self, plane: DataPlane, ready: "asyncio.Future[None] | None") -> None:
        if self.last_exit and self.last_down_ms is None:
            self.last_down_ms = round((time.monotonic_ns() - self.last_exit.noticed_ns) / 1e6, 3)
        self.log("info", "data plane is up", pid=plane.pid, adopted=plane.adopted)
        self._before = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result({"data_plane_pid": plane.pid})
        self._notify.send(READY="1", STATUS=f"running, data plane {plane.pid}")
        if ready is not None and not ready.done():
            ready.set_result(None)

    async def _recover(self, plane: DataPlane, was_up: bool) -> None:
        """After a data plane ended by itself: pause, or give up."""
        self.last_exit, self.last_down_ms = plane.exit(), None
        facts = self.last_exit.facts()
        if self._before is not None and not was_up:
            self._go_back(StartRefusedError(self._last_words() or str(self.last_exit.why)))
            return
        if not self._ever_ran:
            # The data plane's exit codes are ours; only a plain failure has a code of its own.
            code = self.last_exit.code or 1
            kind = EXIT_CLASSES.get(code, StartRefusedError) if code > 1 else StartRefusedError
            raise kind(self._last_words() or f"the data plane {self.last_exit.why}")
        self.log("error", "data plane ended", **facts)
        pause = self.backoff.failed(time.monotonic())
        if pause is None:
            self._gave_up = True
            raise StartRefusedError(
                f"the data plane failed {self.backoff.recent} times within "
                f"{self.config.restart.window_s} s, the last time: "
                f"{self._last_words() or self.last_exit.why}"
            )
        self.restarts += 1
        if pause:
            self.state, self.next_start = "backing-off", time.monotonic() + pause
            self.log("warning", "pausing before the next start", seconds=round(pause, 3))
            self._notify.send(STATUS=f"data plane failed, next start in {pause:.1f} s")
            while not (self._stop.is_set() or self._replaced.is_set()):
                left = self.next_start - time.monotonic()
                if left <= 0:
                    break
                await asyncio.sleep(min(left, 0.02))
            self.next_start = None

    def _last_words(self) -> str:
        """What the data plane that just ended said last, if it was an error."""
        with contextlib.suppress(OSError), self.dp_log.open("rb") as file:
            file.seek(self._log_from)
            lines = file.read()[-65_536:].decode(errors="replace").strip().splitlines()
            for line in reversed(lines):
                record = logs.parse_line(line, "dp")
                said = str(record.get("event") or record.get("message") or line).strip()
                if said:
                    return said.removeprefix("pinnacle-dp: ").removeprefix("error: ")
        return ""

    @staticmethod
    async def _pause(event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    # -- commands

    def command(self, name: str, text: str = "", shard: int | None = None) -> int:
        """Gives the data plane a command through the control segment; returns its number."""
        return self.layout.segment.command(name, text, shard)

    async def restart(self) -> dict[str, Any]:
        """Ends the data plane in order, reads the configuration file anew, starts again.

        Returns once the next data plane is up. A file that is not valid is refused before anything
        is touched; one whose data plane does not come up is refused too, and the earlier
        configuration runs again.
        """
        async with self._changing:
            config = await asyncio.to_thread(self._reread)
            plane = self.plane
            changed = config != self.config
            self.log("info", "restart asked for", changed=changed)
            self._wanted, self.state = config, "starting"
            self._answer = asyncio.get_running_loop().create_future()
            self._replaced.set()  # the new configuration is taken over before the next start
            if plane:
                await self._end(plane)
            try:
                return {"changed": changed, **await self._answer}
            finally:
                self._answer = None

    def _reread(self) -> LiveConfig:
        from pinnacle.config.loader import load_live

        if self.config_file is None:
            return self.config
        config = load_live(self.config_file)
        for name in ("instance", "log", "metrics", "control"):
            if getattr(config, name) != getattr(self.config, name):
                raise ConfigError(f"{name} changed; that needs pinnacle-ctl stop and start")
        layout.check_renders(config, self.layout.places)
        return config

    def _go_back(self, error: PinnacleError) -> None:
        """The configuration of a restart does not work: the one before it is taken up again."""
        before, self._before = self._before, None
        self.log("error", "restart failed; the earlier configuration goes on", error=str(error))
        if before is not None:
            self._change(before)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(
                type(error)(f"{error}; the configuration that ran before goes on")
            )

    def _change(self, config: LiveConfig) -> None:
        """Takes over another configuration; no data plane runs now."""
        if config == self.config:
            return
        self.layout.segment.close(remove=True)
        layout.remove_segments(self.layout.places)
        self.config = config
        self.layout = layout.Layout(config, self.run_dir)
        self.write_record()
        self.instance = Instance(self.record())

    # -- ending

    async def _end(self, plane: DataPlane) -> None:
        """Stop command, then SIGTERM, then SIGKILL, each with its time."""
        limit = self.config.heartbeat.stop_s
        steps: tuple[Callable[[], object], ...] = (
            lambda: self.command("stop", str(plane.pid)),
            lambda: plane.signal(signal.SIGTERM),
            lambda: plane.signal(signal.SIGKILL),
        )
        for number, step in enumerate(steps):
            if plane.ended.is_set():
                break
            if number:
                self.log("warning", "data plane does not stop", pid=plane.pid, step=number)
            try:
                step()
            except PinnacleError as error:
                self.log("warning", "stop command failed", error=str(error))
                continue
            if await plane.ends_within(limit):
                break

    async def _end_data_plane(self) -> None:
        if self.plane:
            await self._end(self.plane)
            if self.plane.ended.is_set():
                self.log("info", "data plane ended", **self.plane.exit().facts())
            self.plane.forget()

    def close(self) -> None:
        """Removes everything that the instance has, when its data plane has ended; the logs of one
        that gave up stay."""
        self.log("info", "stopped")
        self.log.close()
        self.layout.segment.close(remove=True)
        layout.clean_up(self.run_dir, self.layout.places, self.config, keep_logs=self._gave_up)
        self._lock.release()

    # -- keeping alive

    async def _beat(self) -> None:
        pause = self.config.heartbeat.beat_ms / 1000
        while True:
            self.layout.segment.beat()
            self._notify.watchdog(time.monotonic())
            await asyncio.sleep(pause)

    def _beat_ended(self, beat: "asyncio.Task[None]") -> None:
        """Without it the data plane counts this process as lost: that is said, not hidden."""
        if not beat.cancelled():
            self.log("error", "heartbeat failed", error=repr(beat.exception()))
            self.stop("heartbeat failed")

    async def _turn_logs(self) -> None:
        while True:
            await asyncio.sleep(_ALL_LOGS_S)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(logs.turn_over, self.dp_log, self.config.log)
