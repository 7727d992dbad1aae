"""The load section of ``make bench``: legs, calls at once and a second, beside pjsua2, SIPp and baresip."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from bot import CallState, Endpoint
from bot.bots.parrot import Parrot
from bot.errors import BotError
from bot.fleet import Fleet
from tests.bench.at_once import SETTINGS, STEPS, UNVERIFIED, VERIFIED, most, per_process, verified_rate
from tests.bench.ends import Raw, caller, cpu_percent, parrot, pause, talk
from tests.support.baresip import Baresip
from tests.support.programs import LOOPBACK, Program, free_ports

__all__ = ["table"]

LEGS = 4
MB = 1e6
SETTLED_S = 3.0
RATE_S = 5.0
NAMES = ("srtpbot", "bare library", "SIPp", "baresip")
BARESIP: dict[str, Any] = {"codecs": ["PCMU"], "suites": ["AES_CM_128_HMAC_SHA1_80"]}
"""What it takes of what we offer."""
Row = tuple[str, dict[str, str]]


def table(speech: Path) -> Table:
    """All figures, each peer in the same run."""
    shown = Table("load", *NAMES, title=f"many calls; {per_process()} calls in a process of the library")
    with tempfile.TemporaryDirectory() as name:
        for title, cells in (*legs(speech, Path(name)), *at_once(Path(name)), *per_second(Path(name))):
            shown.add_row(title, *(cells.get(one, "") for one in NAMES))
    return shown


def legs(speech: Path, folder: Path) -> Iterator[Row]:
    """CPU and memory of a leg: each program has four calls at the same time."""
    with ExitStack() as stack:
        one = stack.enter_context(caller())
        callees = [stack.enter_context(parrot()) for _ in range(2)]
        raw = Raw("call", callees[1].uri, str(speech))
        stack.callback(raw.close)
        echo, echo_uri = sipp_echo(stack, folder)
        plain = stack.enter_context(Endpoint(name="plain", bind=LOOPBACK, codecs=["PCMU"], srtp="off"))
        phone = stack.enter_context(Baresip(folder / "phone"))
        filler = stack.enter_context(Endpoint(name="filler", **SETTINGS | BARESIP))
        for _ in range(LEGS):
            talk(one, callees[0], speech)
            raw.tell("talk")
            raw.read("confirmed")
            for endpoint, uri in ((plain, echo_uri), (filler, phone.uri("mand"))):
                call = endpoint.make_call(uri)
                call.wait(CallState.CONFIRMED)
                call.play(speech, loop=True)
        pause(one, SETTLED_S)
        pids = [one.pid, raw.process.pid, echo.pid, phone.program.pid]
        busy = cpu_percent(*pids)
        memory = [psutil.Process(pid).memory_full_info() for pid in pids]
    yield f"CPU of a leg of {LEGS}, % of a core", in_order(f"{percent / LEGS:.2f}" for percent in busy)
    yield "memory of a leg, PSS, MB", in_order(f"{each.pss / MB / LEGS:.1f}" for each in memory)
    yield "memory of a leg, RSS, MB", in_order(f"{each.rss / MB / LEGS:.1f}" for each in memory)
    yield (
        "what such a leg does",
        {
            "srtpbot": "SRTP; plays, records",
            "bare library": "SRTP; plays, records",
            "SIPp": "plain RTP; echoes",
            "baresip": "SRTP; tone, records",
        },
    )


def in_order(texts: Iterator[str]) -> dict[str, str]:
    """Cells of all programs."""
    return dict(zip(NAMES, texts, strict=True))


def sipp_echo(stack: ExitStack, folder: Path) -> tuple[Program, str]:
    """SIPp that answers and echoes RTP, and its URI."""
    port = free_ports()
    media = ("-mi", LOOPBACK, "-mp", str(free_ports(4)), "-rtp_echo")
    arguments = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), *media, "-nostdin"]
    return stack.enter_context(Program(arguments, folder=folder)), f"sip:sipp@{LOOPBACK}:{port}"


def at_once(folder: Path) -> Iterator[Row]:
    """The highest number of calls at once that all were verified."""
    cells = {}
    for name, attempt in VERIFIED.items():
        found = list(most(attempt, folder))
        held = [one.placed for one in found if one.holds]
        last = found[-1]
        cells[name] = f"{held[-1] if held else 0}" + (
            "" if last.holds else f" ({last.right} of {last.placed} right)"
        )
    for name, attempt in UNVERIFIED.items():
        place = folder / name
        place.mkdir()
        cells[name] = f"{attempt(STEPS[-1], place).right} of {STEPS[-1]}, audio not judged"
    yield f"calls at once, audio verified (to {STEPS[-1]})", cells


def per_second(folder: Path) -> Iterator[Row]:
    """Signalling alone, one call after another and SIPp's rate; then calls that are verified."""
    yield (
        "calls a second, signalling, one process",
        {
            "srtpbot": f"{rate_of_srtpbot():.0f}",
            "bare library": rate_of_bare(),
            "SIPp": f"{rate_of_sipp(folder):.0f}",
            "baresip": f"{rate_of_baresip(folder):.0f}",
        },
    )
    (folder / "rate").mkdir()
    held, broke = verified_rate(folder / "rate")
    yield (
        "calls a second, audio verified, 2.5 s each",
        {"srtpbot": f"{held or 0:g}{f' ({broke})' if broke else ''}"},
    )


def rate_of_srtpbot() -> float:
    """One endpoint, one call after another, each hung up when it is confirmed."""
    with parrot() as callee, caller() as one:
        done, begun = 0, time.monotonic()
        while time.monotonic() - begun < RATE_S:
            try:
                call = one.make_call(callee.uri)
                call.wait(CallState.CONFIRMED, timeout=5)
                call.hangup()
                done += 1
            except BotError:
                pause(one, 0.05)
    return done / RATE_S


def rate_of_bare() -> str:
    """The same with the bare library, or after how many calls it aborted: it ran out of sockets."""
    answering = Raw("answer")
    calling = Raw("call", f"sip:raw@{LOOPBACK}:{answering.port}")
    done, begun = 0, time.monotonic()
    while time.monotonic() - begun < RATE_S:
        calling.tell("call")
        try:
            done += float(calling.read("confirmed", "refused")) >= 0
            calling.tell("hangup")
        except RuntimeError:
            calling.process.wait()
            answering.close()
            return f"aborted after {done}"
    calling.close()
    answering.close()
    return f"{done / RATE_S:.0f}"


def rate_of_sipp(folder: Path) -> float:
    """SIPp to SIPp; it makes many calls at the same time."""
    calls, port = 3000, free_ports()
    with Program(["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-nostdin"], folder=folder):
        many = ["-r", "1000", "-m", str(calls), "-l", "2000", "-d", "0", "-nostdin"]
        begun = time.monotonic()
        uac = ["sipp", "-sn", "uac", f"{LOOPBACK}:{port}", "-i", LOOPBACK, "-p", str(free_ports()), *many]
        with Program(uac, folder=folder) as calling:
            calling.wait(60.0)
        return calls / (time.monotonic() - begun)


def rate_of_baresip(folder: Path) -> float:
    """Baresip dials and hangs up when the call is established."""
    with (
        Fleet(name="peer", calls=LEGS, **SETTINGS | BARESIP, controller=Parrot) as fleet,
        Baresip(folder / "dials") as phone,
    ):
        done, begun = 0, time.monotonic()
        while time.monotonic() - begun < RATE_S:
            phone.dial("mand", fleet.uris[0])
            while len(re.findall("Call established", phone.program.output)) <= done:
                assert not phone.program.ended_within(0.002), phone.program.tail
            phone.command("hangup")
            done += 1
    return done / RATE_S
