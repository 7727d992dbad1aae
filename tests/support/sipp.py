"""SIPp with its built-in scenarios and with ours, on ports of the test's own."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bot import Call, Endpoint
from bot.deadline import Deadline
from bot.sip.uri import parse_uri
from bot.ua.traced_message import TracedMessage
from tests.support.programs import LOOPBACK, Program, free_ports

__all__ = [
    "CAPTURES",
    "ENDED_BY_PEER",
    "ENDED_BY_US",
    "Scripted",
    "arrived",
    "assert_exchange",
    "line",
    "response_codes",
    "sipp",
]

CAPTURES = Path("/usr/share/sip-tester")
"""The captures of audio and digits that ``uac_pcap`` plays; a Debian package's folder."""
SCENARIOS = Path(__file__).parents[1] / "peers" / "scenarios"
ENDED_BY_US = "-> BYE", "<- 200 BYE"
ENDED_BY_PEER = "<- BYE", "-> 200 BYE"
"""The end of a call, as `assert_exchange` writes it."""
PLAYED_S = 20
LISTENING_S, LOOK_S = 15.0, 0.005
ARRIVAL_S = 15.0
"""On a busy machine SIPp takes its time to start."""
EXCHANGE_S = 5.0


def sipp(scenario: str, uri: str, folder: Path, *options: str) -> Program:
    """Start a scenario against a ``sip:USER@HOST:PORT`` URI; it ends by itself when its calls have."""
    address = uri.partition("@")[2].partition(";")[0]
    if scenario == "uac_pcap":
        (folder / "pcap").symlink_to(CAPTURES)
    arguments = [
        *("sipp", "-sn", scenario, address),
        *("-i", LOOPBACK, "-p", str(free_ports())),
        *("-mi", LOOPBACK, "-mp", str(free_ports(4))),
        *("-nostdin", "-trace_err", "-trace_error_codes"),
        *options,
    ]
    return Program(arguments, folder=folder)


def response_codes(program: Program, folder: Path) -> list[int]:
    """The status codes that the scenario did not expect, after its end."""
    codes: list[int] = []
    for file in folder.glob(f"*_{program.pid}_error_codes.csv"):
        with file.open(newline="") as stream:
            rows = list(csv.reader(stream, delimiter=";"))
        codes += [int(code) for row in rows for code in row[-1].split(",") if code.strip().isdigit()]
    return codes


class Scripted:
    """SIPp with a scenario of ours, performed once: ``calls/NAME`` calls ``uri``, ``answers/NAME`` is called.

    At the end of its block the scenario must have gone as it is written, every message and every
    check of it. ``words`` replace what stands in brackets in the messages. With ``sees_copies`` it
    neither sends anything again nor takes a copy of a message for a retransmission.
    """

    def __init__(
        self, scenario: str, folder: Path, *, uri: str = "", sees_copies: bool = False, **words: str
    ) -> None:
        self.port = free_ports()
        target = parse_uri(uri) if uri else None
        self._folder = folder
        self._arguments = [
            *("sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-nostdin", "-trace_err"),
            *("-timeout", str(PLAYED_S), "-timeout_error"),
            *(["-nr"] if sees_copies else []),
            *("-i", LOOPBACK, "-p", str(self.port), "-mp", str(free_ports(4))),
            *([f"{target.host}:{target.port}", "-s", target.user or ""] if target else []),
            *(word for key, value in words.items() for word in ("-key", key, value)),
        ]
        self._called = target is None

    @property
    def uri(self) -> str:
        """Where it is called."""
        return f"sip:sipp@{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._program = Program(self._arguments, folder=self._folder)
        if self._called:
            self._wait_until_it_listens()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._program:
            if error is None:
                assert self._program.wait(PLAYED_S) == 0, self.complaints
            elif self.complaints:
                error.add_note(self.complaints)

    @property
    def complaints(self) -> str:
        """What SIPp found wrong, in its words."""
        return "\n".join(log.read_text("utf-8", "replace") for log in self._folder.glob("*_errors.log"))

    def _wait_until_it_listens(self) -> None:
        """SIPp writes no line of that when its output is a pipe, so its sockets are looked at."""
        process, deadline = psutil.Process(self._program.pid), Deadline(LISTENING_S)
        while not any(one.laddr.port == self.port for one in process.net_connections("udp4") if one.laddr):
            assert not self._program.ended_within(LOOK_S), self._program.tail
            assert not deadline.passed, f"SIPp does not listen at {self.port} after {LISTENING_S:g} s"


def arrived(endpoint: Endpoint) -> Call:
    """The call that SIPp makes there, once it has; it may have arrived already."""
    with endpoint.expect_call(ARRIVAL_S) as incoming:
        pass
    return incoming.value


def assert_exchange(call: Call, *expected: str, copies: bool = False) -> None:
    """The call's messages, all of them in their order: ``-> INVITE``, ``<- 180 INVITE`` ...

    Retransmissions, which a slow machine may cause, are left out unless ``copies`` are what it is about.
    """

    def seen() -> list[str]:
        originals: dict[object, TracedMessage] = {}
        for number, one in enumerate(call.facts.messages):
            originals.setdefault(number if copies else (one.sent, one.text), one)
        return [line(one) for one in originals.values()]

    call.endpoint.wait_until(lambda: len(seen()) >= len(expected), Deadline(EXCHANGE_S))
    assert seen() == list(expected)


def line(traced: TracedMessage) -> str:
    """One message of an exchange."""
    message, way = traced.message, "->" if traced.sent else "<-"
    return f"{way} {message.method or f'{message.status} {message.cseq_method}'}"
