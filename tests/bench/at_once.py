"""Many calls at once whose audio is verified: srtpbot, the bare library, SIPp and baresip, each to a number.

Every call lasts ``LASTS_S``, is SRTP where the program has it, and must bring its audio back. The numbers of
``STEPS`` are tried until one does not hold. SIPp and baresip do not judge the audio.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.bots.parrot import Parrot
from bot.fleet import Fleet
from bot.load.listener import listen
from bot.ua import build
from media.audio.wav import Audio, write
from media.signals.signals import make
from tests.bench.ends import Raw
from tests.support.baresip import Baresip
from tests.support.process import Bot
from tests.support.programs import LOOPBACK, Program, free_ports
from tests.support.sipp import sipp

__all__ = ["STEPS", "UNVERIFIED", "VERIFIED", "Attempt", "most", "per_process", "verified_rate"]

STEPS = (50, 100, 150, 200)
LASTS_S = 8.0
RATE = 8000
STAGGER_S = 0.02
START_S = 60.0
MARKERS = 17, 18
MISSING_MS = 200.0
MOST_PER_PROCESS = 32
SETTINGS: dict[str, Any] = {"bind": LOOPBACK, "codecs": ["PCMA"], "srtp": "mandatory"}
LOAD = ("--bind", LOOPBACK, "--codec", "PCMA", "--srtp", "mandatory", "--json", "-")


@dataclass(frozen=True)
class Attempt:
    """Calls that were placed at once, and those whose audio was right."""

    placed: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether all were right."""
        return self.right == self.placed


def per_process() -> int:
    """How many calls the library takes in a process, and a bench gives it."""
    return min(build().calls or 1, MOST_PER_PROCESS)


def most(attempt: Callable[[int, Path], Attempt], folder: Path) -> Iterator[Attempt]:
    """Attempts with rising numbers, to the first one that does not hold."""
    for count in STEPS:
        place = folder / f"{attempt.__name__}-{count}"
        place.mkdir()
        found = attempt(count, place)
        yield found
        if not found.holds:
            return


def loaded(calls: int, folder: Path, *options: object) -> dict[str, Any]:
    """The result of ``srtpbot load`` to a fleet that takes so many calls."""
    with Fleet(name="peer", calls=calls, controller=Parrot, **SETTINGS) as fleet:
        (folder / "users.csv").write_text("\n".join(["to", *fleet.uris]) + "\n")
        with Bot(
            *("load", "sip:nobody@127.0.0.1", *LOAD, "--users", "users.csv", *options),
            folder=folder,
            environment=os.environ,
        ) as bot:
            bot.end(START_S + 60)
        result: dict[str, Any] = bot.json()
        return result


def of_srtpbot(count: int, folder: Path) -> Attempt:
    """``srtpbot load`` and its verdicts."""
    result = loaded(count, folder, "--concurrency", count, "--length", LASTS_S)
    return Attempt(count, result["figures"]["passed"])


def of_bare(count: int, folder: Path) -> Attempt:
    """Processes of the bare library; its recordings must have both markers."""
    speech = [make("speech:0.4", RATE).samples, make(f"speech:{LASTS_S - 3.5}", RATE).samples]
    marks = [make(f"marker:{identity}", RATE).samples for identity in MARKERS]
    wav = folder / "says.wav"
    write(wav, Audio(np.concatenate([speech[0], marks[0], speech[1], marks[1], speech[1]]), RATE))
    calls = per_process()
    processes = math.ceil(count / calls)
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:

        def started(*arguments: str) -> Raw:
            raw = Raw(*arguments, calls=calls)
            stack.callback(raw.close)
            return raw

        peers = list(pool.map(lambda number: started("echo"), range(processes)))
        callers = list(
            pool.map(lambda peer: started("call", f"sip:raw@{LOOPBACK}:{peer.port}", str(wav)), peers)
        )
        for number in range(count):
            callers[number % processes].tell("talk")
            time.sleep(STAGGER_S)
        time.sleep(LASTS_S)
        for caller in callers:
            caller.tell("hangup")
    recordings = list(folder.glob("says.wav.raw-*"))
    return Attempt(count, sum(all(is_heard(path, mark) for mark in MARKERS) for path in recordings))


def is_heard(path: Path, identity: int) -> bool:
    """Whether the recording has the marker, whole enough."""
    heard = listen(str(path), identity)
    return heard.start_s is not None and heard.missing_ms <= MISSING_MS


def of_sipp(count: int, folder: Path) -> Attempt:
    """SIPp plays a capture to SIPp that echoes, plain RTP; only its signalling is judged."""
    port = free_ports()
    echo = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-mi", LOOPBACK, "-mp", str(free_ports(4))]
    with Program([*echo, "-rtp_echo", "-nostdin"], folder=folder):
        many = ("-m", str(count), "-l", str(count), "-r", str(count // 4))
        with sipp("uac_pcap", f"sip:sipp@{LOOPBACK}:{port}", folder, *many) as caller:
            status = caller.wait(START_S)
    return Attempt(count, count if status == 0 else 0)


def of_baresip(count: int, folder: Path) -> Attempt:
    """One baresip with its tone; only the answers count: its recordings of one second share a name."""
    settings = SETTINGS | {"codecs": ["PCMU"], "suites": ["AES_CM_128_HMAC_SHA1_80"]}
    with Fleet(name="peer", calls=count, controller=Parrot, **settings) as fleet:
        uris = fleet.uris
        phone = Baresip(folder / "baresip", calls=count)
        with phone:
            for number in range(count):
                phone.dial("mand", uris[number % len(uris)])
                time.sleep(STAGGER_S)
            time.sleep(LASTS_S)
            return Attempt(count, phone.program.output.count("Call established"))


VERIFIED = {"srtpbot": of_srtpbot, "bare library": of_bare}
UNVERIFIED = {"SIPp": of_sipp, "baresip": of_baresip}
"""Their audio is not judged, so they are tried once, with the largest number."""


def verified_rate(folder: Path) -> tuple[float | None, str]:
    """The most verified calls a second that held, each of 2.5 s, and what broke the next step."""
    first, last, by, seconds = 10, 40, 10, 5
    lines = math.ceil(last * 4.0 * 1.25) + 2
    options = ("--step", f"{first}:{last}:{by}/{seconds}", "--length", 2.5)
    result = loaded(lines, folder, *options)
    broken: list[str] = next((step["broken"] for step in result["steps"] if step["broken"]), [])
    return result["capacity"], "; ".join(broken)
