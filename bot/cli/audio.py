"""``srtpbot audio``: make test signals, say what a recording holds, compare it with what was sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.audio_text import described, table, verdict
from bot.errors import ConfigError, NativeError

if TYPE_CHECKING:
    from media.facts import Facts
    from media.wav import Audio

__all__ = ["command"]

STDOUT = "-"
WAV = (".wav", ".wave")


@click.group(name="audio")
def command() -> None:
    """Make test signals, look into recordings, compare them with what was sent."""


class Making(click.Command):
    """Its help lists the signals."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All signals, which are imported for that only."""
        from media.signals import SIGNALS

        with formatter.section("Signals"):
            formatter.write_dl([(usage, what) for usage, what in SIGNALS.values()], col_max=32)
        formatter.write_paragraph()
        formatter.write_text(
            "Each may end in @LEVEL, in dBFS, such as tone:440:2@-20. SECONDS: 2, 0.5, 200ms, 1min."
        )


@command.command(name="make", cls=Making)
@click.argument("spec")
@click.argument("out", type=click.Path(), metavar="OUT.wav")
@click.option("--rate", type=click.IntRange(4000, 192000), default=8000, show_default=True, metavar="HZ")
def make(spec: str, out: str, rate: int) -> int:
    """Make a signal, described by SPEC, as a WAV file.

    SPEC is one item after the other, such as tone:440:2,silence:500ms,marker:17,speech
    """  # fmt: skip
    with explained():
        from media.signals import arrange, files
        from media.wav import write

        check_writable(out, "OUT.wav", WAV, inputs=files(spec))
        audio, parts = arrange(spec, rate)
        write(out, audio)
    rows = [(f"{part.start_s:.3f} s", f"{part.duration_s:.3f} s", part.text) for part in parts]
    click.echo(table(("from", "for", "item"), rows))
    click.echo(f"\n{out}: {audio.duration_s:.3f} s, {rate} Hz")
    return 0


@command.command(name="show", short_help="Say what a file holds, and draw it.")
@click.argument("file", type=click.Path())
@click.option("--reference", type=click.Path(), metavar="REF", help="What was sent: draw it above, aligned.")
@click.option("--out", type=click.Path(), metavar="FILE", help="Draw a picture, .png or .svg.")
@click.option("--json", "json_file", metavar="FILE", help="Write the facts as JSON; - is stdout.")
def show(file: str, reference: str | None, out: str | None, json_file: str | None) -> int:
    """Say what FILE holds: length, level, digits, markers, tones; and draw it."""
    if reference is not None and out is None:
        raise ConfigError("--reference is for the picture: add --out FILE.png")
    inputs = [one for one in (file, reference) if one is not None]
    with explained():
        from media.facts import facts

        check_outputs(out, "--out", json_file, inputs)
        audio = load(file)
        found = facts(audio)
        if out is not None:
            draw(out, audio, file, found, reference)
    say(f"{file}\n{table(None, described(found, file))}", json_file)
    if out is not None:
        say(f"\npicture: {out}", json_file)
    write_json(json_file, {"schema": "srtpbot.audio/1", "file": file, **as_json(found)})
    return 0


@command.command(name="compare", short_help="Whether a recording holds what was sent.")
@click.argument("reference", type=click.Path(), metavar="REF")
@click.argument("recording", type=click.Path(), metavar="REC")
@click.option("--codec", metavar="NAME", help="The call's codec: what it may lose is known, e.g. GSM.")
@click.option("--packet", type=float, metavar="MS", help="How much audio a packet carried.  [20]")
@click.option("--sent", metavar="FILE", help="What the recording side played itself and must not hear back.")
@click.option("--min-snr", type=float, metavar="DB", help="Ask for quality too.")
@click.option("--max-missing", type=click.FloatRange(0), metavar="MS", help="May be missing in all.  [60]")
@click.option("--json", "json_file", metavar="FILE", help="Write the numbers as JSON; - is stdout.")
@click.option("--picture", type=click.Path(), metavar="FILE", help="Draw both, .png or .svg.")
def compare(
    reference: str, recording: str, sent: str | None, json_file: str | None, picture: str | None, **given: Any
) -> int:
    """Whether REC holds the audio of REF, whole; exit status 1 when it does not."""
    with explained():
        from media import compare as comparing

        inputs = [one for one in (reference, recording, sent) if one is not None]
        check_outputs(picture, "--picture", json_file, inputs)
        options = comparing.Options(**settings(given))
        played, heard = load(reference), load(recording)
        own = load(sent) if sent is not None else None
        comparison = comparing.compare(played, heard, options=options, sent=own)
        if picture is not None:
            from media.plot import save

            title = f"{Path(recording).name} against {Path(reference).name}"
            save(picture, heard, reference=played, comparison=comparison, title=title)
    say(verdict(comparison, reference, recording), json_file)
    if picture is not None:
        say(f"picture: {picture}", json_file)
    facts = {"schema": "srtpbot.comparison/1", "reference": reference, "recording": recording}
    write_json(json_file, {**facts, **as_json(comparison)})
    return 0 if comparison.matched else 1


# ---- what goes in


@contextmanager
def explained() -> Iterator[None]:
    """What is wrong with a file or a signal is the user's to mend: exit status 2."""
    from media.wav import AudioError

    try:
        yield
    except AudioError as error:
        raise ConfigError(" ".join(str(error).split())) from error


def load(path: str) -> Audio:
    """A file's audio."""
    from media.wav import read

    if "\0" in path:
        raise ConfigError(f"{path!r}: no file has such a name")
    return read(path)


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, by the names of the comparison's options."""
    from media.calibration import CODECS

    codec = given["codec"]
    if codec is not None and codec.casefold().split("/")[0] not in CODECS:
        raise ConfigError(
            f"--codec: {codec!r} was never measured; expected one of {', '.join(sorted(CODECS))}"
        )
    names = {
        "codec": "codec",
        "packet": "packet_ms",
        "min_snr": "min_snr_db",
        "max_missing": "max_missing_ms",
    }
    return {names[name]: value for name, value in given.items() if value is not None}


def check_outputs(picture: str | None, option: str, json_file: str | None, inputs: Sequence[str]) -> None:
    """Find out now, not after the work, that something cannot be written."""
    if picture is not None:
        from media.plot import kind_of

        kind_of(picture)
        check_writable(picture, option, (), inputs)
    if json_file not in {None, STDOUT}:
        assert json_file is not None
        check_writable(json_file, "--json", (), [*inputs, *([picture] if picture else [])])


def check_writable(path: str, option: str, suffixes: Sequence[str], inputs: Sequence[str]) -> None:
    """Refuse what cannot be written, and what would overwrite an input."""
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path}: end its name in {' or '.join(suffixes)}")
    if os.path.isdir(path):
        raise ConfigError(f"{option} {path}: is a directory; name a file in it")
    for one in inputs:
        same = os.path.exists(path) and os.path.exists(one) and os.path.samefile(path, one)
        if same or os.path.realpath(path) == os.path.realpath(one):
            raise ConfigError(f"{option} {path}: would overwrite {one}; choose another name")
    target = path if os.path.exists(path) else os.path.dirname(path) or "."
    if not os.access(target, os.W_OK):
        raise ConfigError(f"{option} {path}: its folder does not exist or it cannot be written")


# ---- what comes out


def say(text: str, json_file: str | None) -> None:
    """For people: on standard output, unless JSON goes there."""
    click.echo(text, err=json_file == STDOUT)


def write_json(target: str | None, content: dict[str, Any]) -> None:
    """To a file, whole or not at all, or to standard output."""
    import msgspec

    from bot.cli.whole import write_whole

    if target is None:
        return
    text = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    if target == STDOUT:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(target, text)
    except OSError as error:
        raise NativeError(f"--json {target}: cannot be written: {error.strerror}") from error


def as_json(value: Any) -> dict[str, Any]:
    """A dataclass of numbers as what JSON has."""
    import dataclasses

    plain: dict[str, Any] = simple(dataclasses.asdict(value))
    return plain


def simple(value: Any) -> Any:
    """numpy's numbers as Python's, to six decimals: more were not measured."""
    if isinstance(value, dict):
        return {key: simple(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [simple(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value


def draw(out: str, audio: Audio, file: str, found: Facts, reference: str | None) -> None:
    """The picture of a recording, with its reference if there is one."""
    from media.marks import marks_of
    from media.plot import save

    if reference is None:
        save(out, audio, marks=marks_of(found), title=Path(file).name)
        return
    from media.compare import compare as compared

    sent = load(reference)
    title = f"{Path(file).name} against {Path(reference).name}"
    comparison = compared(sent, audio)
    save(out, audio, reference=sent, comparison=comparison, marks=marks_of(found), title=title)
