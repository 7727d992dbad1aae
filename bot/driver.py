"""The parent's end of the pipe to one agent process: starts it, hears it, notices its death.

It knows processes and bytes, and nothing of calls.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from .commands import AnyCommand, Request, Shutdown
from .deadline import Deadline
from .events import AgentCrashed, AgentStopped, AnyEvent, Heartbeat
from .wire import encode_request, events_decoder

__all__ = ["Driver"]

START_S = 15.0
"""How long a process may take to its first sign of life."""
REAP_S = 0.3
STOP_S = 4.0
LOG_LINES = 30
CHUNK = 1 << 16
STARVATION_PROBE_S = 0.05


class Driver:
    """Runs ``python -m bot.agent`` and hands each of its events to ``on_event``.

    ``on_event`` is called on the driver's own thread, the last time with AgentStopped or
    AgentCrashed; ``on_log`` gets each line of the agent's standard error.
    """

    def __init__(
        self, on_event: Callable[[AnyEvent], None], on_log: Callable[[str], None] = lambda line: None
    ) -> None:
        self._on_event = on_event
        self._on_log = on_log
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._half_line = b""
        self._stopped = False
        self._silent_until = time.monotonic() + START_S
        self._decoder = events_decoder()
        mine, its = socket.socketpair()
        for end in (mine, its):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._socket = mine
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bot.agent", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[its.fileno()],
                process_group=0,  # an interrupt typed at the terminal is the parent's alone
                env=environment(),
            )
        self._thread = threading.Thread(target=self._listen, name="srtpbot-driver", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The agent's process id."""
        return self._process.pid

    def send(self, command: AnyCommand) -> int:
        """Send a command and return the number that its answer will carry.

        An agent that is gone answers nothing; its end is reported as an event. Raises ConfigError for values
        of the wrong type.
        """
        with self._sending:
            number = next(self._numbers)
            line = encode_request(Request(number, command))
            with contextlib.suppress(OSError):
                self._socket.sendall(line)
            return number

    def stop(self) -> None:
        """End the agent in order, or by force when it does not."""
        self.send(Shutdown())
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join()

    def _listen(self) -> None:
        reason = ""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._socket, selectors.EVENT_READ, self._hear)
                assert self._process.stderr is not None
                selector.register(self._process.stderr, selectors.EVENT_READ, self._read_log)
                reason = self._serve(selector)
        except msgspec.DecodeError as error:
            reason = f"it wrote what is no event: {error}"
        finally:
            self._process.kill()
            status = self._process.wait()
            self._drain_log()
            self._socket.close()
            assert self._process.stderr is not None
            self._process.stderr.close()
        if not self._stopped:
            reason = reason or exit_reason(status)
            self._on_event(AgentCrashed(at=time.monotonic(), reason=reason, log=list(self._log)))

    def _serve(self, selector: selectors.BaseSelector) -> str:
        """Serve both streams until the agent's socket closes; the reason if that was our doing."""
        while True:
            ready = selector.select(max(0.0, self._silent_until - time.monotonic()))
            for key, _ in ready:
                if not key.data():
                    if key.fileobj is self._socket:
                        self._reap()
                        return ""
                    selector.unregister(key.fileobj)
            if not ready and time.monotonic() >= self._silent_until:
                starved = self._is_starved()
                if self._has_beaten(selector):
                    continue
                if starved:
                    self._silent_until = time.monotonic() + STARVATION_PROBE_S
                    continue
                self._abort()
                return "it hung: its pump stopped turning"

    def _has_beaten(self, selector: selectors.BaseSelector) -> bool:
        """Whether a heartbeat came after all, while the agent was probed."""
        for key, _ in selector.select(0):
            if key.fileobj is self._socket:
                self._hear()
        return time.monotonic() < self._silent_until

    def _hear(self) -> bool:
        try:
            chunk = self._socket.recv(CHUNK)
        except OSError:
            return False
        for event in self._decoder.feed(chunk):
            if isinstance(event, Heartbeat):
                self._silent_until = time.monotonic() + event.next_s
                continue
            if isinstance(event, AgentStopped):
                self._stopped = True
            self._on_event(event)
        return bool(chunk)

    def _read_log(self) -> bool:
        assert self._process.stderr is not None
        chunk = os.read(self._process.stderr.fileno(), CHUNK)
        *lines, self._half_line = (self._half_line + chunk).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            self._log.append(text)
            self._on_log(text)
        return bool(chunk)

    def _drain_log(self) -> None:
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while self._read_log():
                pass

    def _reap(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)

    def _abort(self) -> None:
        """Make a hung process say where it hangs, before it is killed."""
        self._process.send_signal(signal.SIGABRT)
        self._reap()

    def _is_starved(self) -> bool:
        """Whether the agent wants to run and gets no processor: then it is late, not hung.

        Any of its threads counts, since the pump may wait for the interpreter that another one holds.
        """
        deadline = Deadline(STARVATION_PROBE_S)
        try:
            before = self._waited_ns()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(deadline.left)
            return self._waited_ns() - before > STARVATION_PROBE_S * 1e9 / 5
        except (OSError, ValueError, IndexError):
            return False

    def _waited_ns(self) -> int:
        """How long its threads have been runnable without running: the second number of Linux's schedstat."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(statistics.read_text().split()[1]) for statistics in threads)


def environment() -> dict[str, str]:
    """The parent's, with this very ``bot`` first on the path, whatever the working directory holds."""
    here = str(Path(__file__).resolve().parent.parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def exit_reason(status: int) -> str:
    """A process's exit status in words."""
    if status < 0:
        return f"it was killed by {signal.Signals(-status).name}"
    return f"it exited with status {status}"
