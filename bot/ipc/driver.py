"""The driver of one agent process: starts it, sends commands, receives events, detects its end.

It handles processes and bytes, not calls.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import msgspec

from bot.deadline import Deadline
from bot.ipc.codec import encode_request, events_decoder
from bot.ipc.commands import AnyCommand, Request, Shutdown
from bot.ipc.events import UNREAD, UNREAD_STATUS, AgentCrashed, AgentStopped, AnyEvent, Heartbeat
from bot.ipc.process_environment import process_environment
from bot.ipc.silence import AGAIN_S, Silence
from bot.ipc.starvation import is_starved, state_of, times_of_threads
from bot.ipc.user_callbacks import raised_by_observer
from bot.pipes import pipe

__all__ = ["Driver"]

START_S = 15.0
"""Seconds from the start of a process to its first heartbeat."""
REAP_S = 0.3
STOP_S = 8.0
"""Twice the farewell and the end of the library: an agent that is killed there sends no BYE."""
SEND_S = 5.0
"""Seconds in which an agent has to read a command; a hung event loop is detected earlier."""
LOG_LINES = 30
CHUNK = 1 << 16
STARVATION_PROBE_S = 0.05
HELD = {"t", "D"}
"""The states of a process that a debugger has stopped, and that waits for a disk or for memory."""
STOPPED = "T"
"""The state after SIGSTOP, as proc_pid_stat(5) has it."""


NO_LIBRARY = (
    "calls need the native library, and there is no module pjsua2: pip install pjsua2-python (Python 3.11 or "
    "3.12 on x86-64 Linux, Windows or Apple silicon), or put a build of your own on PYTHONPATH "
    "(docs/build-of-your-own.md)"
)


class Driver:
    """Runs ``python -m bot.agent`` and passes each of its events to ``on_event``.

    ``on_event`` is called on the driver's own thread; the last event is AgentStopped or AgentCrashed. It
    must not wait. If it raises, CallbackFailed is reported and ``on_event`` is not called again. ``on_log``
    gets each line of the agent's standard error. ``numbers`` yields the request numbers; consecutive agents
    share it. Raises OSError if no process can be started, or if there is no native library.
    """

    def __init__(
        self,
        on_event: Callable[[AnyEvent], None],
        on_log: Callable[[str], None] = lambda line: None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        if find_spec("pjsua2") is None:
            raise OSError(errno.ENOENT, NO_LIBRARY)
        self._on_event = on_event
        self._on_log = on_log
        self._numbers = numbers if numbers is not None else itertools.count(1)
        self._sending = threading.Lock()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._half_line = b""
        self._stopped = False
        self._deaf = False
        self._silence = Silence(START_S)
        self._last_state = ""
        self._decoder = events_decoder()
        mine, its = socket.socketpair()
        for end in (mine, its):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._socket = mine
        with ExitStack() as opened:
            self._stderr, its_stderr = pipe(opened)
            with its, its_stderr:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "bot.agent", str(its.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=its_stderr,
                    pass_fds=[its.fileno()],
                    process_group=0,  # only the parent handles an interrupt from the terminal
                    env=process_environment(),
                )
            opened.pop_all()
        self._thread = threading.Thread(target=self._listen, name="srtpbot-driver", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The agent's process id."""
        return self._process.pid

    def send(self, command: AnyCommand) -> int:
        """Send a command and return the number that its answer will carry.

        A dead agent sends no answer; an event reports its end. Raises ConfigError for values of the wrong
        type.
        """
        with self._sending:
            number = next(self._numbers)
            line = encode_request(Request(number, command))
            try:
                self._put(line)
            except TimeoutError:
                self._deaf = True
                self._process.kill()
            except (OSError, ValueError):  # the agent has ended
                pass
            return number

    def _put(self, line: bytes) -> None:
        """Write all bytes; raises TimeoutError when the agent does not read."""
        left, deadline = memoryview(line), Deadline(SEND_S)
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        while left:
            try:
                left = left[self._socket.send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                if not room.poll(deadline.left * 1000) and deadline.passed:
                    raise TimeoutError from None

    def stop(self) -> None:
        """Stop the agent regularly, or kill it when it does not stop."""
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
                selector.register(self._stderr, selectors.EVENT_READ, self._read_log)
                reason = self._serve(selector)
        except msgspec.DecodeError as error:
            reason = f"it wrote an invalid event: {error}"
        except Exception as error:  # otherwise this thread and the agent would end without a message
            self._log.extend(traceback.format_exc().splitlines())
            reason = f"an event of its was not understood: {type(error).__name__}: {error}"
        finally:
            self._process.kill()
            status = self._process.wait()
            self._drain_log()
            self._socket.close()
            self._stderr.close()
        if not self._stopped:
            reason = reason or ("it hung: it read no commands" if self._deaf else exit_reason(status))
            self._on_event(AgentCrashed(at=time.monotonic(), reason=reason, log=list(self._log)))

    def _serve(self, selector: selectors.BaseSelector) -> str:
        """Serve both streams until the agent closes its socket.

        Returns the reason if this side ended the agent.
        """
        while True:
            ready = selector.select(self._silence.wait_s())
            for key, _ in ready:
                if not key.data():
                    if key.fileobj is self._socket:
                        self._reap()
                        return ""
                    selector.unregister(key.fileobj)
            spoke = any(key.fileobj is self._socket for key, _ in ready)
            if self._silence.is_over() and not spoke:
                more_s = self._excuse_s()
                if self._has_beaten(selector):
                    continue
                if more_s:
                    self._silence.heard(more_s)
                    continue
                self._abort()
                return "it hung: its pump stopped turning"

    def _excuse_s(self) -> float:
        """How much longer an agent may be silent that could not run; 0 when it could."""
        self._last_state = self._state()
        if self._last_state in HELD:
            return AGAIN_S
        return STARVATION_PROBE_S if self._is_starved() else 0.0

    def _has_beaten(self, selector: selectors.BaseSelector) -> bool:
        """Whether a heartbeat arrived while the agent was examined."""
        for key, _ in selector.select(0):
            if key.fileobj is self._socket:
                self._hear()
        return not self._silence.is_over()

    def _hear(self) -> bool:
        try:
            chunk = self._socket.recv(CHUNK)
        except OSError:
            return False
        for event in self._decoder.feed(chunk):
            if isinstance(event, Heartbeat):
                self._silence.heard(event.next_s)
                continue
            if isinstance(event, AgentStopped):
                self._stopped = True
            self._on_event(event)
        return bool(chunk)

    def _read_log(self) -> bool:
        chunk = os.read(self._stderr.fileno(), CHUNK)
        *lines, self._half_line = (self._half_line + chunk).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            self._log.append(text)
            failure = raised_by_observer("on_log", self._on_log, text)
            if failure is not None:
                self._on_log = lambda line: None
                self._on_event(failure)
        return bool(chunk)

    def _drain_log(self) -> None:
        os.set_blocking(self._stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while self._read_log():
                pass

    def _reap(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)

    def _abort(self) -> None:
        """Make a hung process log its stack before it is killed; a stopped process cannot."""
        if self._last_state != STOPPED:
            self._process.send_signal(signal.SIGABRT)
            self._reap()

    def _is_starved(self) -> bool:
        """Whether the agent is runnable but gets no processor: then it is slow, not hung."""
        before = times_of_threads(self.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STARVATION_PROBE_S)
        return is_starved(before, times_of_threads(self.pid), STARVATION_PROBE_S)

    def _state(self) -> str:
        """The state of its main thread, where the pump is, as proc_pid_stat(5) has it; empty if unknown."""
        try:
            return state_of(Path(f"/proc/{self.pid}"))
        except (OSError, IndexError):
            return ""


def exit_reason(status: int) -> str:
    """The exit status of a process in words."""
    if status < 0:
        return f"it was killed by {signal.Signals(-status).name}"
    if status == UNREAD_STATUS:
        return f"it ended: {UNREAD}"
    return f"it exited with status {status}"
