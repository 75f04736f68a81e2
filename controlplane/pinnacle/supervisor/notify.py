"""What systemd wants to hear: readiness, status and the watchdog, as datagrams to its socket."""

import os
import socket


class Notifier:
    """Sends to ``NOTIFY_SOCKET``; does nothing outside systemd. The variables are taken away, so
    that the data plane does not speak for the supervisor."""

    def __init__(self) -> None:
        self.address = os.environ.pop("NOTIFY_SOCKET", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        pid = os.environ.pop("WATCHDOG_PID", "")
        mine = usec.isdigit() and (not pid or pid == str(os.getpid()))
        #: seconds between watchdog messages, 0 for none: half of what systemd waits
        self.every_s = int(usec) / 2e6 if mine and self.address else 0.0
        self._last = 0.0

    def send(self, **states: str) -> None:
        """Sends ``STATE=value`` lines; a socket that has gone is not an error."""
        if not self.address:
            return
        text = "\n".join(f"{name}={value}" for name, value in states.items())
        where = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(text.encode(), where)
            except OSError:
                return

    def watchdog(self, now: float) -> None:
        """Pats the watchdog when it is time; ``now`` in seconds."""
        if self.every_s and now - self._last >= self.every_s:
            self._last = now
            self.send(WATCHDOG="1")
