"""Packet recorder: captures the traffic of this machine into a file with dumpcap or tcpdump.

The program writes its capture into a pipe, and this process writes the file. This has four advantages. The
recorder knows which packets have been captured. The file belongs to the user, whatever user the program
runs as. If this process is killed, the file keeps every packet that arrived. The program then ends at the
next packet, because its pipe has no reader. This module handles no calls and no keys.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from bot.errors import ConfigError, NativeError
from bot.files import Draft
from bot.pipes import pipe

__all__ = ["CaptureFilter", "PacketRecorder"]

START_S: Final = 15.0
MARKER_S: Final = 10.0
END_S: Final = 10.0
CHUNK: Final = 1 << 18
SNAPSHOT: Final = 262144
"""Bytes kept of each packet (snapshot length); larger than any packet."""
BUFFER_MIB: Final = 16
"""Size of the kernel buffer: one second of a thousand streams."""
LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = "any"
SERVERS: Final = "/usr/sbin:/sbin"
"""Directories of tcpdump that may be missing from a user's PATH."""
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
class CaptureFilter:
    """A place to capture: an interface and a filter expression."""

    interface: str
    own: str
    """An address of this machine; a packet from it to itself passes the interface and the filter."""
    filter: str
    """The filter expression in the syntax of pcap-filter(7)."""

    @classmethod
    def of(cls, binds: Iterable[str | None], sip_ports: Iterable[int] = ()) -> CaptureFilter:
        """The filter for endpoints that are bound to these addresses; None means all interfaces.

        Loopback addresses have their own interface. Packets between two other addresses of this machine
        also pass it, so for those addresses all interfaces are captured. The filter keeps all UDP, because
        RTP may use any port, and TCP on the ``sip_ports`` and the standard SIP ports.
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


class PacketRecorder:
    """A context manager that records every packet of its block, from the first packet to the last one.

    Raises ConfigError when the file cannot be written, and NativeError when no program may capture. At the
    end it raises NativeError when the capture broke off.
    """

    def __init__(self, path: Path, place: CaptureFilter) -> None:
        self.path = path
        self.place = place
        self.dropped: int | None = None
        """Packets that the kernel had no room for; None before the end, or when the program does not say."""
        self._program = ""
        self._running: Program | None = None
        self._changed = threading.Condition()
        self._begun = False
        self._ended = False
        self._awaited = b""
        self._tail = b""
        self._seen = False
        self._problem: str | None = None

    def __enter__(self) -> Self:
        if self.path.exists() and not self.path.is_file():
            raise ConfigError(f"{self.path}: is a pipe or a device; name a file, for it is read again")
        try:
            draft = Draft(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot write the capture: {error.strerror}") from None
        self._file = draft.handle
        try:
            self._start()
            draft.publish()
            self._await_marker("begins")
            self._check()
        except BaseException:
            self._end_program()
            os.close(self._file)
            draft.discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._await_marker("ends")
        finally:
            complaint = self._end_program()
            os.close(self._file)
        if error is None:
            self._check(complaint)

    def _check(self, complaint: str = "") -> None:
        if self._problem is not None:
            why = f"{self._problem}: {complaint}" if complaint else self._problem
            raise NativeError(f"{self.path}: the capture is incomplete: {why}")

    # ---- the program

    def _start(self) -> None:
        """Start the first program that may capture; the file header is the proof that it captures."""
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
        program = self._running = Program(command)
        self._thread = threading.Thread(
            target=self._keep, args=(program.stdout,), name="srtpbot-sniffer", daemon=True
        )
        self._thread.start()

    def _end_program(self) -> str:
        """Stop the program and keep its remaining output; returns its first error message."""
        program, self._running = self._running, None
        if program is None:
            return ""
        program.process.terminate()
        self._thread.join(END_S)
        if self._thread.is_alive():
            program.process.kill()
            self._thread.join()
        with program.stderr as stream:
            messages = stream.read()
        program.process.wait()
        counts = [int(found[1]) for pattern in DROPPED for found in pattern.finditer(messages)]
        self.dropped = sum(counts) if counts else None
        return first_complaint(messages)

    # ---- the file

    def _keep(self, stdout: BinaryIO) -> None:
        """Copy the program's output until the pipe is closed or the file cannot grow."""
        with stdout as pipe:
            try:
                while chunk := os.read(pipe.fileno(), CHUNK):
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
        """Send a datagram to this machine; once it is in the file, all earlier packets are in the file."""
        with self._changed:
            self._awaited, self._tail, self._seen = marker(what), b"", False
        family = socket.AF_INET6 if ":" in self.place.own else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as end:
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


class Program:
    """A running capture program with the pipes of its output and its messages."""

    def __init__(self, command: list[str]) -> None:
        """Raises OSError when it cannot be started."""
        with ExitStack() as opened:
            self.stdout, output = pipe(opened)
            self.stderr, messages = pipe(opened)
            with output, messages:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=messages,
                    process_group=0,  # only the parent handles an interrupt from the terminal
                )
            opened.pop_all()


def commands(place: CaptureFilter) -> list[list[str]]:
    """The installed programs, with the options that make them write whole packets to a pipe at once.

    dumpcap comes first: it flushes its buffer four times per second, tcpdump once per second.
    """
    found = []
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), SERVERS))
    common = ["-i", place.interface, "-p", "-s", str(SNAPSHOT), "-w", "-"]
    # mode=F_OK: a program that this user may not execute also counts as installed
    if program := shutil.which("dumpcap", mode=os.F_OK, path=path):
        found.append([program, "-q", "-P", "-B", str(BUFFER_MIB), *common, "-f", place.filter])
    if program := shutil.which("tcpdump", mode=os.F_OK, path=path):
        found.append([program, "-n", "-U", "-B", str(BUFFER_MIB * 1024), *common, place.filter])
    return found


def marker(what: str) -> bytes:
    """The payload of the marker datagram; its first byte excludes RTP, STUN and DTLS (RFC 7983)."""
    return f"srtpbot: the capture {what} ({secrets.token_hex(8)})".encode()


def loopback() -> str:
    """The name of the loopback interface of this machine."""
    names = [name for _, name in socket.if_nameindex() if re.fullmatch("lo[0-9]*", name)]
    return min(names, default="lo")


def first_complaint(messages: bytes) -> str:
    """The line of the program's output that names the error."""
    lines = [line.strip() for line in messages.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not ROUTINE.match(line)]
    return re.sub(r"^(?:dumpcap|tcpdump): ", "", lines[0]).rstrip(".") if lines else ""


def write(file: int, content: bytes) -> None:
    """Write all bytes."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
