"""``srtpbot audio``: make test signals, inspect recordings and compare them with the sent audio."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.audio_tables import described, pesq_row, verdict
from bot.errors import ConfigError, NativeError
from bot.files import refuse_link, why_not_writable
from bot.report.console import rendered, table

if TYPE_CHECKING:
    from media.audio.wav import Audio
    from media.detect.summary import Facts
    from media.quality.pesq import Score

__all__ = ["command"]

STDOUT = "-"
WAV = (".wav", ".wave")


@click.group(name="audio")
def command() -> None:
    """Make test signals, inspect recordings and compare them with the sent audio."""


class Making(click.Command):
    """Command that lists the signals in its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of all signals, imported for the help only."""
        from media.signals.signals import SIGNALS

        with formatter.section("Signals"):
            formatter.write_dl([(usage, what) for usage, what in SIGNALS.values()], col_max=32)
        formatter.write_paragraph()
        formatter.write_text(
            "@LEVEL after an item sets its level in dBFS: tone:440:2@-20. SECONDS: 2, 0.5, 200ms, 1min."
        )


@command.command(name="make", cls=Making)
@click.argument("spec")
@click.argument("out", type=click.Path(), metavar="OUT.wav")
@click.option(
    "--rate",
    type=click.IntRange(4000, 192000),
    default=8000,
    show_default=True,
    metavar="HZ",
    help="Sampling rate in Hz.",
)
def make(spec: str, out: str, rate: int) -> int:
    """Write the signal SPEC as a WAV file.

    SPEC is a list of items, played one after the other, such as tone:440:2,silence:500ms,marker:17,speech
    """  # fmt: skip
    with explained():
        from media.audio.wav import write
        from media.signals.signals import arrange, files

        check_writable(out, "OUT.wav", WAV, inputs=files(spec))
        audio, parts = arrange(spec, rate)
        write(out, audio)
    rows = [(f"{part.start_s:.3f} s", f"{part.duration_s:.3f} s", part.text) for part in parts]
    click.echo(rendered(table(rows, ("from", "for", "item"))))
    click.echo(f"\n{out}: {audio.duration_s:.3f} s, {rate} Hz")
    return 0


@command.command(name="show", short_help="Show the content of an audio file: levels, digits, markers, tones.")
@click.argument("file", type=click.Path())
@click.option(
    "--reference", type=click.Path(), metavar="REF", help="The sent audio, drawn above and aligned."
)
@click.option("--out", type=click.Path(), metavar="FILE", help="Draw waveform and spectrogram, .png or .svg.")
@click.option("--json", "json_file", metavar="FILE", help="Write the facts as JSON; - is standard output.")
def show(file: str, reference: str | None, out: str | None, json_file: str | None) -> int:
    """Show the content of FILE: length, level, digits, markers, tones; draw it with --out."""
    if reference is not None and out is None:
        raise ConfigError("--reference is for the picture: add --out FILE.png")
    inputs = [one for one in (file, reference) if one is not None]
    with explained():
        from media.detect.summary import facts

        check_outputs(out, "--out", json_file, inputs)
        audio = load(file)
        found = facts(audio)
        if out is not None:
            draw(out, audio, file, found, reference)
    say(f"{file}\n{rendered(table(described(found, file)))}", json_file)
    if out is not None:
        say(f"\npicture: {out}", json_file)
    write_json(json_file, {"schema": "srtpbot.audio/1", "file": file, **as_json(found)})
    return 0


@command.command(name="compare", short_help="Check that a recording contains the sent audio.")
@click.argument("reference", type=click.Path(), metavar="REF")
@click.argument("recording", type=click.Path(), metavar="REC")
@click.option("--codec", metavar="NAME", help="Codec of the call, such as GSM; its usual losses are allowed.")
@click.option(
    "--passes",
    type=click.IntRange(1, 2),
    metavar="N",
    help="Number of times that the audio was encoded.  [1]",
)
@click.option("--packet", type=float, metavar="MS", help="Packet duration (ptime), in ms.  [20]")
@click.option(
    "--sent", metavar="FILE", help="Audio that the recording side played and must not hear as an echo."
)
@click.option("--min-snr", type=float, metavar="DB", help="Minimum signal-to-noise ratio, in dB.")
@click.option(
    "--max-missing",
    type=click.FloatRange(0),
    metavar="MS",
    help="Maximum audio missing in total, in ms.  [60]",
)
@click.option(
    "--max-level-step",
    type=click.FloatRange(0),
    metavar="DB",
    help="Maximum change of level within the recording, in dB.  [4.5]",
)
@click.option(
    "--max-delay", type=click.FloatRange(0), metavar="MS", help="Maximum delay of REC, in ms.  [no limit]"
)
@click.option(
    "--json", "json_file", metavar="FILE", help="Write the comparison as JSON; - is standard output."
)
@click.option(
    "--pesq", is_flag=True, help="Score REC by PESQ too (ITU-T P.862); install srtpbot[pesq] for it."
)
@click.option("--picture", type=click.Path(), metavar="FILE", help="Draw REF and REC, aligned, .png or .svg.")
def compare(
    reference: str, recording: str, sent: str | None, json_file: str | None, picture: str | None, **given: Any
) -> int:
    """Check that REC contains all audio of REF; exit status 1: it does not."""
    with explained():
        from media.compare import compare as comparing

        inputs = [one for one in (reference, recording, sent) if one is not None]
        check_outputs(picture, "--picture", json_file, inputs)
        max_delay_ms, pesq = given.pop("max_delay"), given.pop("pesq")
        options = comparing.Options(**settings(given))
        played, audio = load(reference), load(recording)
        own = load(sent) if sent is not None else None
        comparison = comparing.compare(played, audio, options=options, sent=own)
        if max_delay_ms is not None:
            from bot.expectations import in_time

            comparison = in_time(comparison, max_delay_ms)
        scores = {"pesq": pesq_score(played, audio)} if pesq else {}
        if picture is not None:
            from media.plot.plot import save

            title = f"{Path(recording).name} against {Path(reference).name}"
            save(picture, audio, reference=played, comparison=comparison, title=title)
    say(verdict(comparison, reference, recording, [*map(pesq_row, scores.values())]), json_file)
    if picture is not None:
        say(f"picture: {picture}", json_file)
    facts = {"schema": "srtpbot.comparison/1", "reference": reference, "recording": recording}
    scored = {name: None if isinstance(one, str) else as_json(one) for name, one in scores.items()}
    write_json(json_file, {**facts, **as_json(comparison), **scored})
    return 0 if comparison.matched else 1


# ---- input


@contextmanager
def explained() -> Iterator[None]:
    """Convert errors of files and signals to ConfigError (exit status 2)."""
    from media.audio.wav import AudioError

    try:
        yield
    except AudioError as error:
        raise ConfigError(" ".join(str(error).split())) from error


def load(path: str) -> Audio:
    """The audio of a file or a signal."""
    from bot.audio_files import audio_of

    return audio_of(path)


def pesq_score(reference: Audio, recording: Audio) -> Score | str:
    """The PESQ score, or the reason for a missing score."""
    from media.audio.wav import AudioError
    from media.quality.pesq import PesqMissing, assess

    try:
        return assess(reference, recording)
    except PesqMissing as error:
        raise NativeError(str(error)) from error
    except AudioError as error:
        return str(error)


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """The limits of the comparison by the names of its arguments."""
    from media.compare.calibration import CODECS

    codec = given["codec"]
    if codec is not None and codec.casefold().split("/")[0] not in CODECS:
        raise ConfigError(
            f"--codec: {codec!r} has no calibration; expected one of {', '.join(sorted(CODECS))}"
        )
    names = {
        "codec": "codec",
        "passes": "passes",
        "packet": "packet_ms",
        "min_snr": "min_snr_db",
        "max_missing": "max_missing_ms",
        "max_level_step": "max_level_step_db",
    }
    return {names[name]: value for name, value in given.items() if value is not None}


def check_outputs(picture: str | None, option: str, json_file: str | None, inputs: Sequence[str]) -> None:
    """Raise ConfigError early for an output that is not writable."""
    if picture is not None:
        from media.plot.plot import kind_of

        kind_of(picture)
        check_writable(picture, option, (), inputs)
    if json_file is not None and json_file != STDOUT:
        check_writable(json_file, "--json", (), [*inputs, *([picture] if picture else [])])


def check_writable(path: str, option: str, suffixes: Sequence[str], inputs: Sequence[str]) -> None:
    """Raise ConfigError for an output that is not writable or is an input."""
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path}: end its name in {' or '.join(suffixes)}")
    refuse_link(path)
    for one in inputs:
        same = os.path.exists(path) and os.path.exists(one) and os.path.samefile(path, one)
        if same or os.path.realpath(path) == os.path.realpath(one):
            raise ConfigError(f"{option} {path}: would overwrite {one}; choose another name")
    if problem := why_not_writable(path):
        raise ConfigError(f"{option} {path}: {problem}")


# ---- output


def say(text: str, json_file: str | None) -> None:
    """Print text on standard output, unless JSON goes there."""
    click.echo(text, err=json_file == STDOUT)


def write_json(target: str | None, content: dict[str, Any]) -> None:
    """Write JSON atomically to a file, or to standard output."""
    import msgspec

    from bot.files import write_whole
    from bot.harmless import harmless_json

    if target is None:
        return
    text = harmless_json(msgspec.json.format(msgspec.json.encode(content), indent=2)) + b"\n"
    if target == STDOUT:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(target, text)
    except OSError as error:
        raise NativeError(f"--json {target}: cannot be written: {error.strerror}") from error


def as_json(value: Any) -> dict[str, Any]:
    """A dataclass as JSON values."""
    import dataclasses

    plain: dict[str, Any] = simple(dataclasses.asdict(value))
    return plain


def simple(value: Any) -> Any:
    """numpy numbers as Python numbers, rounded to six decimals."""
    if isinstance(value, dict):
        return {key: simple(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [simple(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value


def draw(out: str, audio: Audio, file: str, found: Facts, reference: str | None) -> None:
    """The picture of a recording, with its reference if there is one."""
    from media.plot.annotations import marks_of
    from media.plot.plot import save

    if reference is None:
        save(out, audio, marks=marks_of(found), title=Path(file).name)
        return
    from media.compare.compare import compare as compared

    sent = load(reference)
    title = f"{Path(file).name} against {Path(reference).name}"
    comparison = compared(sent, audio)
    save(out, audio, reference=sent, comparison=comparison, marks=marks_of(found), title=title)
