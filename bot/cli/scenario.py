"""``srtpbot scenario from CAPTURE``: a scenario that plays one side of a captured call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.pcap import explained, key_options, keys_of
from bot.errors import ConfigError, NativeError
from bot.files import refuse_link
from bot.harmless import harmless

if TYPE_CHECKING:
    from bot.captured import CallOfCapture
    from bot.model import Codec

__all__ = ["command"]

LISTED = 20


@click.group(name="scenario")
def command() -> None:
    """Make scenarios for srtpbot run."""


@command.command(name="from", short_help="Make a scenario from a call of a packet capture.")
@click.argument("file", type=click.Path())
@click.option(
    "--call", "wanted", metavar="N|CALL-ID", help="Call of FILE: its number from 1, or its Call-ID."
)
@click.option(
    "--side",
    type=click.Choice(["caller", "callee"]),
    default="caller",
    show_default=True,
    help="Side that the scenario plays.",
)
@click.option("--out", metavar="FILE", help="File of the scenario.  [default: FILE-SIDE.yaml here]")
@key_options
def make(file: str, wanted: str | None, side: Any, out: str | None, **given: Any) -> int:
    """Write a scenario that plays one side of a call in FILE (pcap, pcapng), and its audio beside it.

    It has the identity, header fields, SDP modes and codecs, early media, audio, DTMF, hold, transfer and the
    end of that side at their times, and expects what the other side did. SRTP is decrypted with the keys of
    the SDP in FILE or the given keys. What could not be taken over is a comment in the file.

    \b
    Examples:
      srtpbot scenario from trace.pcap
      srtpbot scenario from trace.pcap --call 2 --side callee --out callee.yaml
      srtpbot run trace-caller.yaml --var PEER=sip:100@192.0.2.10
    """
    from bot.captured import calls_of, convert
    from bot.scenario.load import load

    keys = keys_of(**given)
    with explained():
        calls = calls_of(file)
        call = chosen(calls, wanted, file)
        target = Path(out) if out is not None else Path(f"{Path(file).stem}-{side}.yaml")
        refuse_link(target)
        done = convert(file, call, side, target, keys=keys, codecs=codecs_here(), calls=calls)
    click.echo(f"call {call.number}: {described(call)}")
    for path in (done.scenario, *done.sounds):
        click.echo(f"written: {harmless(str(path))}")
    for note in done.notes:
        click.echo(f"not taken over: {harmless(note)}")
    load(str(done.scenario), {"PASSWORD": ""} if "PASSWORD: null" in done.scenario.read_text() else {})
    return 0


def chosen(calls: list[CallOfCapture], wanted: str | None, file: str) -> CallOfCapture:
    """The call of ``--call``, or the only one; raises ConfigError."""
    if not calls:
        raise ConfigError(
            f"{file}: has no call that begins with an INVITE. SIP inside TLS cannot be read; add that of the "
            f"endpoint's --out DIR (mergecap -w whole.pcapng DIR/sip.pcap {file}), and give its --keylog"
        )
    if wanted is None and len(calls) == 1:
        return calls[0]
    for call in calls:
        if wanted in {str(call.number), call.call_id}:
            return call
    listed = "".join(f"\n  --call {call.number}: {described(call)}" for call in calls[:LISTED])
    more = f"\n  and {len(calls) - LISTED} more" if len(calls) > LISTED else ""
    what = f"--call {wanted}: no such call; " if wanted is not None else ""
    raise ConfigError(f"{what}{file}: has {len(calls)} calls; choose one with --call{listed}{more}")


def described(call: CallOfCapture) -> str:
    """A call on one line."""
    message = call.invite.message
    names = ((message.header(name) or "").partition(";tag=")[0] for name in ("From", "To"))
    return " to ".join(harmless(name, 80) for name in names)


def codecs_here() -> tuple[Codec, ...] | None:
    """The codecs of the build; None without a library."""
    from bot.ua import build

    try:
        return tuple(build().codecs)
    except NativeError:
        return None
