"""Kamailio's dispatcher as the front: its configuration, its process, and what it is told of lost calls.

It runs in the foreground, with a folder of its own, and is started again when it dies. A kill of this process
ends it too, where the system has ``setpriv`` (util-linux).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.config import LimitsConfig
from bot.errors import NativeError
from bot.files import write_whole
from bot.front.pool import WorkerPool
from bot.model import Transport

__all__ = ["KamailioFront", "installed_kamailio", "printed_configuration"]

TEMPLATE = Path(__file__).parents[2] / "configs" / "kamailio" / "dispatcher.cfg"
MISSING = (
    "--front kamailio: there is no program kamailio; install it (apt install kamailio, or dnf install "
    "kamailio), or use --front redirect"
)
START_S, STOP_S, RETRY_S = 10.0, 3.0, 0.05
AGAIN_S = 0.5
"""Pause before it is started again."""
LOG_LINES = 20
NOTIFIES = 3
"""Datagrams of one notice: none of them is confirmed."""
UNLIMITED = 1_000_000


def configuration(
    bind: str | None, port: int, transports: Sequence[Transport], limits: LimitsConfig, **more: str
) -> str:
    """The configuration of a front; ``more`` are further names of the template."""
    names: Mapping[str, str] = {
        **({"FRONT_HOST": f"[{bind}]" if ":" in bind else bind} if bind else {}),
        "FRONT_PORT": str(port),
        "FRONT_INVITES": str(round(limits.invites_per_s) or UNLIMITED),
        "FRONT_MESSAGES": str(round(limits.messages_per_s) or UNLIMITED),
        **({"WITH_TCP": ""} if Transport.TCP in transports else {}),
        **more,
    }
    first, _, rest = TEMPLATE.read_text().partition("\n")
    return "\n".join([first, *(f"#!define {name} {value}".rstrip() for name, value in names.items()), rest])


def printed_configuration(
    bind: str | None, port: int, transports: Sequence[Transport], limits: LimitsConfig
) -> str:
    """The configuration for Kamailio of one's own, with workers on several hosts."""
    return configuration(bind, port, transports, limits, FRONT_WORKERS='"/etc/kamailio/dispatcher.list"')


def installed_kamailio() -> str:
    """The path of the program; raises NativeError without it."""
    program = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NativeError(MISSING)
    return program


class KamailioFront:
    """Starts Kamailio in front of the workers; a context manager. Raises NativeError where there is none."""

    def __init__(
        self,
        pool: WorkerPool,
        *,
        name: str,
        bind: str | None,
        port: int,
        transports: Sequence[Transport],
        limits: LimitsConfig,
        on_end: Callable[[str], None] = lambda why: None,
    ) -> None:
        """``on_end`` is called with the reason when it has ended and is started again."""
        self._on_end = on_end
        self._program = installed_kamailio()
        self._pool = pool
        self._address = bind or "127.0.0.1", port
        self._supervisor = secrets.token_hex(16)
        self._text = configuration(bind, port, transports, limits, FRONT_SUPERVISOR=f'"{self._supervisor}"')
        self._has_tcp = Transport.TCP in transports
        host = bind or pool.workers[0].endpoint.started.listeners[0].host
        where = f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
        self.uris = [f"sip:{name}@{where};transport={transport.value}" for transport in transports]
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._folder = tempfile.TemporaryDirectory(prefix="srtpbot-front-")
        self._notices = socket.socket(
            socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET, socket.SOCK_DGRAM
        )
        self._thread = threading.Thread(target=self._supervise, name="srtpbot-kamailio", daemon=True)

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        workers = [
            f"1 sip:{worker.endpoint.uri.partition('@')[2].partition(';')[0]} 0 0 "
            f"duid={number};maxload={worker.slots}\n"
            for number, worker in enumerate(self._pool.workers, start=1)
        ]
        write_whole(folder / "dispatcher.list", "".join(workers).encode())
        first, _, rest = self._text.partition("\n")
        defined = f'{first}\n#!define FRONT_WORKERS "{folder}/dispatcher.list"\n{rest}'
        write_whole(folder / "kamailio.cfg", defined.encode())
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._answers():
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise NativeError(f"--front kamailio: it does not start: {self._why()}")
        self._ready.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._terminate()
        self._thread.join()
        self._notices.close()
        self._folder.cleanup()

    def drain(self) -> None:
        """Refuse every further call with 503."""
        self._notify("drain", "drain@srtpbot")

    def lost(self, call_ids: list[str]) -> None:
        """An agent took these calls along: they count no more."""
        for call_id in call_ids:
            self._notify("lost", call_id)

    # ---- the process

    @property
    def pid(self) -> int | None:
        """The process id of Kamailio's main process."""
        return self._process.pid if self._process is not None else None

    def _supervise(self) -> None:
        """Run it until the end; the system ends it with this thread."""
        folder = self._folder.name
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        memory = ["-m", "64", "-M", "8"]
        files = ["-f", f"{folder}/kamailio.cfg", "-P", f"{folder}/kamailio.pid", "-Y", folder, "-w", folder]
        while not self._closing.is_set():
            self._process = subprocess.Popen(
                [*guard, self._program, "-DD", "-E", *memory, *files],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
            )
            if self._closing.is_set():
                self._terminate()
            reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
            reader.start()
            self._process.wait()
            with contextlib.suppress(ProcessLookupError):  # without their first process the others stay
                os.killpg(self._process.pid, signal.SIGKILL)
            reader.join()
            if not self._ready.is_set():
                return
            if not self._closing.is_set():
                self._on_end(self._why())
            self._closing.wait(AGAIN_S)

    def _read(self, process: subprocess.Popen[str]) -> None:
        with process.stderr or contextlib.nullcontext(()) as lines:
            for line in lines:
                self._log.append(line.rstrip())

    def _terminate(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def _why(self) -> str:
        """The errors of its log, without the times and the process ids."""
        wrong = [line for line in self._log if "ERROR" in line or "CRITICAL" in line]
        return "; ".join(line.partition("]: ")[2] or line for line in wrong[-3:]) or "it says nothing"

    # ---- messages to it

    def _answers(self) -> bool:
        """Whether it answers OPTIONS within a moment."""
        self._notices.settimeout(RETRY_S)
        try:
            self._notices.sendto(self._request("OPTIONS", "front", "options", "ready@srtpbot"), self._address)
            return self._notices.recv(2048).startswith(b"SIP/2.0 200")
        except OSError:
            self._closing.wait(RETRY_S)
            return False

    def _notify(self, event: str, call_id: str) -> None:
        for _ in range(NOTIFIES):
            with contextlib.suppress(OSError):
                self._notices.sendto(self._request("NOTIFY", self._supervisor, event, call_id), self._address)

    def _request(self, method: str, user: str, event: str, call_id: str) -> bytes:
        host, port = self._address
        where = f"[{host}]" if ":" in host else host
        lines = [
            f"{method} sip:{user}@{where}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {where};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 10",
            f"From: <sip:supervisor@{where}>;tag={secrets.token_hex(4)}",
            f"To: <sip:front@{where}>",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            f"Event: {event}",
            "Content-Length: 0",
        ]
        return "\r\n".join([*lines, "", ""]).encode()
