"""``srtpbot demo``: a verified SRTP call between two endpoints on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bot.cli.help import GroupedCommand
from bot.cli.options import output_options
from bot.cli.session import Session, endpoint_of
from bot.config import EndpointConfig
from bot.expectations import expect
from bot.model import CryptoSuite, DtmfMethod, SrtpMode

__all__ = ["command"]

FOLDER = Path("out/demo")
SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80
CODEC = "PCMA"
DIGITS = "159#"
SPEECH_S = 4.0
FORGIVEN_MS = 200.0
"""Missing audio that is accepted, in ms: a busy machine delays packets."""
RATE = 8000


@click.command(name="demo", cls=GroupedCommand)
@output_options
def command(**options: Any) -> int:
    """Place a call between two endpoints on 127.0.0.1 and verify SRTP, audio and digits.

    Writes the report to out/demo, or to --out.
    """  # fmt: skip
    folder = Path(options["out_folder"] or FOLDER)
    options["out_folder"] = str(folder)
    with Session(options) as run:
        perform(run, folder)
    run.show()
    return run.exit_status


def perform(run: Session, folder: Path) -> None:
    """The README's example, on the command line; audio files go to ``folder``."""
    speech = speech_file(folder / "speech.wav")
    config = EndpointConfig(bind="127.0.0.1", codecs=(CODEC,), srtp=SrtpMode.MANDATORY, suites=(SUITE,))
    with (
        endpoint_of(run, config, name="callee") as callee,
        endpoint_of(run, config, name="caller") as caller,
    ):
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(callee.uri, headers={"X-Demo": "srtpbot"})
        answered = incoming.value.answer()
        run.calls = [outgoing, answered]

        for call in (outgoing, answered):
            expect(call).to_be_confirmed()
            expect(call).to_have_active_media()
            expect(call).to_be_encrypted(SUITE)
            expect(call).to_use_codec(CODEC)
        expect(answered).to_have_header("X-Demo", "srtpbot")

        with answered.record(folder / "heard.wav") as recording:
            outgoing.play(speech).wait()
        outgoing.send_dtmf(DIGITS).wait()
        expect(answered).to_have_received_dtmf(DIGITS, method=DtmfMethod.RFC4733)
        expect(outgoing).not_to_have_received_dtmf()
        for call in (outgoing, answered):
            expect(call).to_have_received_packets(at_least=100)
        expect(recording).to_match(speech, max_missing_ms=FORGIVEN_MS)

        outgoing.hangup()
        expect(outgoing).to_be_disconnected(code=200, by="local")
        expect(answered).to_be_disconnected(code=200, by="remote")


def speech_file(path: Path) -> Path:
    """Write synthetic speech into a file."""
    from media.audio.wav import write
    from media.signals.tones import speech_like

    write(path, speech_like(SPEECH_S, RATE, seed=1))
    return path
