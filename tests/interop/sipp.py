"""SIPp with its built-in scenarios, on ports of the test's own."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.interop.programs import LOOPBACK, Program, free_ports

__all__ = ["CAPTURES", "response_codes", "sipp"]

CAPTURES = Path("/usr/share/sip-tester")
"""The captures of audio and digits that ``uac_pcap`` plays; a Debian package's folder."""


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
