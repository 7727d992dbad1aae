"""Other people's programs and our own bots as peers in ``verdicts``: baresip, SIPp, and srtpbot itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from media.audio.wav import resample
from media.signals.signals import make
from tests.support.baresip import Baresip
from tests.support.certificates import Authority
from tests.support.process import Bot
from tests.support.programs import Program, free_ports
from tests.support.sipp import sipp
from tests.support.starting import LOOPBACK
from tests.support.verdicts import OUTPUTS

__all__ = ["LASTS_S", "OTHERS", "Other", "started"]

PLAY = ("--play", "speech:4", "--duration", "5.5")
HEARS = ("--expect-audio", "speech:4")
MANDATORY = ("--srtp", "mandatory")
AES_128 = ("--suite", "AES_CM_128_HMAC_SHA1_80", "--suite", "AES_CM_128_HMAC_SHA1_32")
ANSWERING = ("--port", "0", "--calls", "1", "--for", "60")
LASTS_S = 90.0


@dataclass(frozen=True)
class Other:
    """A call with a program; ``perform`` places it in a folder and returns the command that has ended."""

    peer: str
    name: str
    perform: Callable[[Path], Bot]
    fault: str | None = None


def started(*arguments: str, folder: Path) -> Bot:
    """The command in a folder of its own."""
    return Bot(*arguments, "--bind", LOOPBACK, folder=folder, environment=os.environ)


def ended(bot: Bot) -> Bot:
    """The same once it has ended."""
    bot.end(LASTS_S)
    return bot


@contextmanager
def parrot(folder: Path, *options: str) -> Iterator[str]:
    """``srtpbot answer``; where it is called."""
    with started("answer", *ANSWERING, *options, folder=folder) as bot:
        yield bot.uri()


def our_parrot(
    folder: Path,
    *,
    codec: str,
    signal: str = "speech:4",
    expected: str = "",
    answering: Sequence[str] = ("--as", "parrot"),
) -> Bot:
    """A call whose peer is srtpbot; it echoes what is said unless told otherwise."""
    common = ("--codec", codec, *MANDATORY)
    with parrot(folder, *common, *answering) as uri:
        said = ("--play", signal, "--expect-audio", expected or signal)
        with started("call", uri, *common, *said, *OUTPUTS, folder=folder) as bot:
            return ended(bot)


def our_callee(folder: Path, *options: str, answering: Sequence[str] = (), silent: bool = False) -> Bot:
    """Our ``call`` with our ``answer``, each with options."""
    with parrot(folder, "--codec", "PCMA", *answering) as uri:
        play = () if silent else PLAY
        with started("call", uri, "--codec", "PCMA", *play, *options, *OUTPUTS, folder=folder) as bot:
            return ended(bot)


def our_caller(folder: Path, *options: str, calling: Sequence[str] = ()) -> Bot:
    """Our ``answer``, judged, called by our ``call``."""
    with started("answer", *ANSWERING, "--codec", "PCMA", *options, *OUTPUTS, folder=folder) as bot:
        with started("call", bot.uri(), "--codec", "PCMA", *PLAY, *calling, folder=folder) as other:
            other.end(LASTS_S)
        return ended(bot)


def over_tls(folder: Path) -> Bot:
    """TLS with verified certificates, and SRTP."""
    authority = Authority(folder / "tls")
    own = authority.issue(LOOPBACK)
    tls = ("--transport", "tls", "--srtp-requires", "tls", *MANDATORY)
    answering = (*tls, "--tls-cert", str(own.cert), "--tls-key", str(own.key))
    return our_callee(folder, *tls, "--tls-ca", str(authority.ca), *HEARS, answering=answering)


def baresip_called(folder: Path, account: str, *options: str, speaks: bool = False) -> Bot:
    """baresip answers; it plays a sine of 440 Hz or our speech."""
    said = stereo(folder) if speaks else None
    with (
        Baresip(folder / "peer", says=said) as peer,
        started(
            "call", peer.uri(account), "--codec", "PCMU", *PLAY, *options, *OUTPUTS, folder=folder
        ) as bot,
    ):
        return ended(bot)


def baresip_calls(folder: Path, account: str, *options: str, hold: bool = False) -> Bot:
    """Baresip calls our player and hangs up after a while."""
    answering = ("answer", *ANSWERING, "--codec", "PCMU", "--as", "player", "--play", "speech:4")
    with Baresip(folder / "peer") as peer, started(*answering, *options, *OUTPUTS, folder=folder) as bot:
        peer.dial(account, bot.uri())
        peer.program.wait_for_line("Call established", 15)
        pause(2.0)
        if hold:
            peer.command("hold")
            pause(1.0)
            peer.command("resume")
            pause(2.0)
        peer.command("hangup")
        return ended(bot)


def pause(seconds: float) -> None:
    """Let the call go on."""
    time.sleep(seconds)


def stereo(folder: Path) -> Path:
    """The speech as baresip's file source wants it."""
    mono = resample(make("silence:0.3,speech:4,silence:30", 16000), 48000).samples
    path = folder / "says.wav"
    soundfile.write(path, np.column_stack([mono, mono]), 48000, subtype="PCM_16")
    return path


def sipp_calls(folder: Path, scenario: str, *options: str, lasts_ms: int = 500) -> Bot:
    """SIPp calls our parrot with one of its own scenarios."""
    answering = ("answer", *ANSWERING, "--as", "parrot", "--codec", "PCMA", "--codec", "PCMU")
    peer = folder / "peer"
    peer.mkdir()
    with started(*answering, *options, *OUTPUTS, folder=folder) as bot:
        with sipp(scenario, bot.uri(), peer, "-m", "1", "-d", str(lasts_ms)) as caller:
            caller.wait(timeout=40)
        return ended(bot)


def sipp_called(folder: Path, *options: str) -> Bot:
    """SIPp's own ``uas``: it answers and sends no packet; ``-rtp_echo`` echoes."""
    port = free_ports()
    peer = folder / "peer"
    peer.mkdir()
    echo = ("-rtp_echo",) if "--echo" in options else ()
    asked = [one for one in options if one != "--echo"]
    arguments = [
        "sipp",
        "-sn",
        "uas",
        "-i",
        LOOPBACK,
        "-p",
        str(port),
        "-mi",
        LOOPBACK,
        "-mp",
        str(free_ports(4)),
        "-m",
        "1",
        "-nostdin",
        *echo,
    ]
    with Program(arguments, folder=peer):
        uri = f"sip:sipp@{LOOPBACK}:{port}"
        with started("call", uri, "--codec", "PCMU", *PLAY, *asked, *OUTPUTS, folder=folder) as bot:
            return ended(bot)


OTHERS = [
    *(
        Other("our parrot", f"{signal} through {codec}", partial(our_parrot, codec=codec, signal=signal))
        for codec in ("PCMA", "GSM", "iLBC", "G722", "speex/8000")
        for signal in ("speech:4", "marker:17,silence:1")
    ),
    Other(
        "our parrot",
        "another speech than expected",
        partial(our_parrot, codec="PCMA", expected="babble:4:3"),
        "match",
    ),
    Other(
        "our parrot",
        "another marker than expected",
        partial(our_parrot, codec="GSM", signal="marker:18,silence:1", expected="marker:17"),
        "match",
    ),
    Other(
        "our player",
        "another speech through iLBC",
        partial(our_parrot, codec="iLBC", answering=("--as", "player", "--play", "babble:4:3")),
        "match",
    ),
    Other("our player", "TLS and SRTP", partial(over_tls)),
    Other(
        "our rejecter",
        "603",
        partial(
            our_callee,
            answering=("--as", "reject", "--code", "603"),
        ),
        "603",
    ),
    Other(
        "our redirecter",
        "302 to nowhere",
        partial(
            our_callee,
            answering=("--as", "redirect", "--contact", "sip:x@127.0.0.1:9"),
        ),
        "302",
    ),
    Other(
        "our ringer",
        "never answers",
        lambda folder: our_callee(folder, "--ring-timeout", "2", answering=("--as", "ringer")),
        "answer|487|confirmed",
    ),
    Other(
        "our caller",
        "digits by RFC 4733",
        lambda folder: our_caller(folder, "--expect-dtmf", "42", calling=("--dtmf", "42")),
    ),
    Other(
        "our caller",
        "digits by INFO",
        lambda folder: our_caller(
            folder,
            "--expect-dtmf",
            "42",
            "--expect-dtmf-method",
            "info",
            calling=("--dtmf", "42", "--dtmf-method", "info"),
        ),
    ),
    Other(
        "our caller",
        "digits in-band",
        lambda folder: our_caller(
            folder,
            "--expect-dtmf",
            "42",
            "--expect-dtmf-method",
            "inband",
            calling=("--dtmf", "42", "--dtmf-method", "inband"),
        ),
    ),
    Other(
        "our caller",
        "another digit",
        lambda folder: our_caller(folder, "--expect-dtmf", "42", calling=("--dtmf", "43")),
        "43",
    ),
    Other(
        "our caller",
        "SRTP, captured",
        lambda folder: our_caller(
            folder, *MANDATORY, "--record", "heard.wav", *HEARS, "--capture", "call.pcap", calling=MANDATORY
        ),
    ),
    Other(
        "our caller",
        "plain where SRTP is expected",
        lambda folder: our_caller(
            folder, "--expect-suite", "AES_CM_128_HMAC_SHA1_80", calling=("--srtp", "off")
        ),
        "AES_CM_128",
    ),
    Other(
        "baresip callee",
        "a tone, SRTP mandatory",
        lambda folder: baresip_called(folder, "mand", *MANDATORY, *AES_128),
    ),
    Other(
        "baresip callee",
        "a tone, compared",
        lambda folder: baresip_called(folder, "mand", *MANDATORY, *AES_128, "--expect-audio", "tone:440:3"),
    ),
    Other("baresip callee", "a tone, plain", lambda folder: baresip_called(folder, "plain")),
    Other(
        "baresip callee",
        "its first RTCP is plain, captured",
        lambda folder: baresip_called(folder, "srtp", "--capture", "call.pcap", *AES_128),
        "RTCP packets plain under SRTP",
    ),
    Other(
        "baresip callee",
        "speech",
        lambda folder: baresip_called(folder, "mand", *MANDATORY, *AES_128, *HEARS, speaks=True),
    ),
    Other(
        "baresip callee",
        "a tone where speech is due",
        lambda folder: baresip_called(folder, "mand", *MANDATORY, *AES_128, *HEARS),
        "match",
    ),
    Other(
        "baresip callee", "refuses SRTP", lambda folder: baresip_called(folder, "plain", *MANDATORY), "488"
    ),
    Other(
        "baresip callee",
        "AES-256 with another suite",
        lambda folder: baresip_called(folder, "mand", *MANDATORY, "--suite", "AES_256_CM_HMAC_SHA1_80"),
        "suite|AES|crypto|488",
    ),
    Other("baresip caller", "a tone, SRTP", lambda folder: baresip_calls(folder, "mand", *MANDATORY)),
    Other("baresip caller", "a tone, plain", lambda folder: baresip_calls(folder, "plain")),
    Other(
        "baresip caller",
        "hold and resume",
        lambda folder: baresip_calls(folder, "mand", *MANDATORY, hold=True),
    ),
    Other(
        "baresip caller",
        "a tone where speech is due",
        lambda folder: baresip_calls(folder, "mand", "--record", "heard.wav", *HEARS),
        "match",
    ),
    Other(
        "baresip caller",
        "plain where SRTP is due",
        lambda folder: baresip_calls(folder, "plain", "--expect-suite", "AES_CM_128_HMAC_SHA1_80"),
        "AES_CM_128",
    ),
    Other(
        "SIPp caller",
        "uac_pcap: speech and a digit",
        lambda folder: sipp_calls(folder, "uac_pcap", "--expect-dtmf", "1"),
    ),
    Other(
        "SIPp caller",
        "uac_pcap: another digit",
        lambda folder: sipp_calls(folder, "uac_pcap", "--expect-dtmf", "2"),
        "1",
    ),
    Other(
        "SIPp caller",
        "uac: no packet, as expected",
        lambda folder: sipp_calls(folder, "uac", "--expect-media", "sendonly", lasts_ms=3000),
    ),
    Other(
        "SIPp caller",
        "uac: no packet",
        lambda folder: sipp_calls(folder, "uac", "--expect-media", "sendrecv", lasts_ms=3000),
        "media",
    ),
    Other(
        "SIPp callee",
        "uas: no packet, as expected",
        lambda folder: sipp_called(folder, "--expect-media", "sendonly"),
    ),
    Other("SIPp callee", "uas: no packet", sipp_called, "media"),
    Other("SIPp callee", "uas: echoes", lambda folder: sipp_called(folder, "--echo", *HEARS)),
]
"""Each kind of call with such a peer."""
