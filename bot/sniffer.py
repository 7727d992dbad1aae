"""Records the packets of this machine in a file, by dumpcap or tcpdump; it knows neither calls nor keys.

The program writes its capture into a pipe and this process writes the file. So it is known what has been
captured, the file belongs to the user whoever the program runs as, it keeps every packet that arrived
when this process is killed, and the program then ends with the next packet, for nobody reads its pipe.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .errors import ConfigError, NativeError

__all__ = ["Place", "Sniffer"]

START_S: Final = 15.0
MARKER_S: Final = 10.0
END_S: Final = 10.0
CHUNK: Final = 1 << 18
SNAPSHOT: Final = 262144
"""Bytes kept of a packet: more than any has."""
BUFFER_MIB: Final = 16
"""Of the kernel: a second of a thousand streams."""
LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = "any"
SERVERS: Final = "/usr/sbin:/sbin"
"""Where tcpdump may be, and where the PATH of a user does not always lead."""
SIP_PORTS: Final = (5060, 5061)
DROPPED: Final = (
    re.compile(rb"received/dropped on interface .*: \d+/(\d+)"),  # dumpcap
    re.compile(rb"(\d+) packets? dropped by kernel"),  # tcpdump
)
ROUTINE: Final = re.compile(
    "Capturing on |File: |Packets captured|Packets received/dropped"  # dumpcap
    "|tcpdump: data link type |tcpdump: listening on |dropped privs to |[0-9]+ packets? "  # tcpdump
)
HOW_TO: Final = (
    "run as root, or allow it to this user: sudo setcap cap_net_raw,cap_net_admin=eip $(command -v dumpcap), "
    "or on Debian sudo dpkg-reconfigure wireshark-common and sudo usermod -a -G wireshark $USER"
)
HOW_TO_GET: Final = "apt-get install wireshark-common (or tcpdump), or brew install wireshark"


@dataclass(frozen=True)
class Place:
    """Where packets are looked for: an interface, and what a packet must have to be kept."""

    interface: str
    own: str
    """An address of this machine whose packets to itself pass the interface and the filter."""
    filter: str
    """In the language of pcap-filter(7)."""

    @classmethod
    def of(cls, binds: Iterable[str | None], sip_ports: Iterable[int] = ()) -> Place:
        """Where the packets of endpoints that are bound to these addresses pass; None is all interfaces.

        Loopback addresses have an interface of their own. Packets between two other addresses of this
        machine take that one too, so for those it has to be every interface. All UDP is kept, for RTP is
        on any port, and TCP of the ``sip_ports`` and of those that are SIP's own.
        """
        addresses = {bind or "0.0.0.0" for bind in binds}
        parsed = [ipaddress.ip_address(address) for address in addresses]
        ports = " or ".join(f"tcp port {port}" for port in sorted({*SIP_PORTS, *sip_ports} - {0}))
        kept, own = f"udp or {ports}", LOOPBACK
        if not any(address.is_unspecified for address in parsed):
            own = min(addresses)
            kept = f"({kept}) and ({' or '.join(f'host {address}' for address in sorted(addresses))})"
        interface = loopback() if all(address.is_loopback for address in parsed) else EVERYWHERE
        return cls(interface, own, kept)


class Sniffer:
    """A context manager: in its block every packet that passes is recorded, from the first to the last.

    Raises ConfigError when the file cannot be written, NativeError when there is no program that may
    capture, and at the end when it broke off.
    """

    def __init__(self, path: Path, place: Place) -> None:
        self.path = path
        self.place = place
        self.dropped: int | None = None
        """Packets that the kernel had no room for; None before the end, or when the program does not say."""
        self._program = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._begun = False
        self._ended = False
        self._awaited = b""
        self._tail = b""
        self._seen = False
        self._problem: str | None = None

    def __enter__(self) -> Self:
        is_new = not self.path.exists()
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot write the capture: {error.strerror}") from None
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise ConfigError(f"{self.path}: is a pipe or a device; name a file, for it is read again")
            os.fchmod(self._file, 0o600)  # SDP in clear has the keys in it
            self._start()
            self._await_marker("begins")
            self._check()
        except BaseException:
            self._end_program()
            nothing = os.fstat(self._file).st_size == 0
            os.close(self._file)
            if is_new and nothing:
                self.path.unlink(missing_ok=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._await_marker("ends")
        finally:
            said = self._end_program()
            os.close(self._file)
        if error is None:
            self._check(said)

    def _check(self, said: str = "") -> None:
        if self._problem is not None:
            why = f"{self._problem}: {said}" if said else self._problem
            raise NativeError(f"{self.path}: the capture is incomplete: {why}")

    # ---- the program

    def _start(self) -> None:
        """Start the first program that may capture; its file header says that it does."""
        refusals: list[str] = []
        for command in commands(self.place):
            name = self._program = Path(command[0]).name
            try:
                self._run(command)
            except OSError as error:
                refusals.append(f"{name}: {error.strerror}")
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._begun or self._ended, START_S)
                if self._begun:
                    return
            refusals.append(f"{name}: {self._end_program() or 'it captures nothing'}")
        if not refusals:
            raise NativeError(f"cannot capture: neither dumpcap nor tcpdump is installed: {HOW_TO_GET}")
        raise NativeError(f"cannot capture on {self.place.interface}: {'; '.join(refusals)} ({HOW_TO})")

    def _run(self, command: list[str]) -> None:
        self._ended = False
        process = self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,  # an interrupt typed at the terminal is the parent's alone
        )
        self._thread = threading.Thread(
            target=self._keep, args=(process,), name="srtpbot-sniffer", daemon=True
        )
        self._thread.start()

    def _end_program(self) -> str:
        """End it and keep what it still writes; the first thing that it complained about."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.terminate()
        self._thread.join(END_S)
        if self._thread.is_alive():
            process.kill()
            self._thread.join()
        assert process.stderr is not None
        with process.stderr as stream:
            said = stream.read()
        process.wait()
        counts = [int(found[1]) for pattern in DROPPED for found in pattern.finditer(said)]
        self.dropped = sum(counts) if counts else None
        return first_complaint(said)

    # ---- the file

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        """Write what comes until the program closes its pipe, or the file can take no more."""
        assert process.stdout is not None
        with process.stdout as pipe:
            try:
                while chunk := os.read(pipe.fileno(), CHUNK):
                    if not self._begun:
                        os.ftruncate(self._file, 0)  # an older capture stays when nobody may capture now
                    write(self._file, chunk)
                    self._look_for_marker(chunk)
            except OSError as error:
                self._problem = f"cannot write: {error.strerror}"
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _look_for_marker(self, chunk: bytes) -> None:
        with self._changed:
            self._begun = True
            if self._awaited and not self._seen:
                searched = self._tail + chunk
                self._seen = self._awaited in searched
                self._tail = searched[-len(self._awaited) :]
            self._changed.notify_all()

    def _await_marker(self, what: str) -> None:
        """Send a datagram to ourselves; when it is in the file, so is everything that was sent before it."""
        with self._changed:
            self._awaited, self._tail, self._seen = marker(what), b"", False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try:
                end.bind((self.place.own, 0))
                end.sendto(self._awaited, end.getsockname())
            except OSError as error:
                self._problem = f"cannot send from {self.place.own}: {error.strerror}"
                return
            with self._changed:
                self._changed.wait_for(lambda: self._seen or self._ended, MARKER_S)
                if self._seen or self._problem:
                    return
                late = f"did not see our own packet on {self.place.interface} within {MARKER_S:g} s"
                self._problem = f"{self._program} {'ended by itself' if self._ended else late}"


def commands(place: Place) -> list[list[str]]:
    """The programs that are installed, with what makes each of them write whole packets to a pipe at once.

    dumpcap first: it hands over what it has four times a second, tcpdump once.
    """
    found = []
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), SERVERS))
    common = ["-i", place.interface, "-p", "-s", str(SNAPSHOT), "-w", "-"]
    # a program that may not be executed is installed all the same: mode=F_OK
    if program := shutil.which("dumpcap", mode=os.F_OK, path=path):
        found.append([program, "-q", "-P", "-B", str(BUFFER_MIB), *common, "-f", place.filter])
    if program := shutil.which("tcpdump", mode=os.F_OK, path=path):
        found.append([program, "-n", "-U", "-B", str(BUFFER_MIB * 1024), *common, place.filter])
    return found


def marker(what: str) -> bytes:
    """What a person sees in the file too; it begins as no RTP, STUN or DTLS does (RFC 7983)."""
    return f"srtpbot: the capture {what} ({secrets.token_hex(8)})".encode()


def loopback() -> str:
    """The name of the interface on which this machine talks to itself."""
    names = [name for _, name in socket.if_nameindex() if re.fullmatch("lo[0-9]*", name)]
    return min(names, default="lo")


def first_complaint(said: bytes) -> str:
    """Of a program's words, the line that says what is wrong."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not ROUTINE.match(line)]
    return re.sub(r"^(?:dumpcap|tcpdump): ", "", lines[0]).rstrip(".") if lines else ""


def write(file: int, content: bytes) -> None:
    """All of it."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
