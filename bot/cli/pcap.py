"""``srtpbot pcap``: list, split and decrypt the RTP streams of a packet capture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.audio import check_writable, say, write_json
from bot.errors import ConfigError
from bot.harmless import harmless

if TYPE_CHECKING:
    from bot.capture.report import Analysis
    from media.rtp.srtp import SrtpKey

__all__ = ["command"]

STDOUT = "-"
KEYS = "SRTPBOT_KEYS"
Command = Callable[..., int]
EXPECTED = "expected 'SUITE inline:KEY', such as 'AES_CM_128_HMAC_SHA1_80 inline:...'"


@click.group(name="pcap")
def command() -> None:
    """Inspect packet captures (pcap, pcapng): list, split and decrypt RTP streams."""


def shared(function: Command) -> Command:
    """Add the argument and the option of all commands."""
    json_option = click.option(
        "--json", "json_file", metavar="FILE", help="Write the findings as JSON; - is standard output."
    )
    return click.argument("file", type=click.Path())(json_option(function))


def key_options(function: Command) -> Command:
    """The sources of SRTP keys besides the SDP of the capture."""
    options = (
        click.option(
            "--keylog", "keylog_file", metavar="FILE", help="SRTP keys, written by --keylog of a call."
        ),
        click.option("--key-file", metavar="FILE", help="SRTP keys, one on each line: SUITE inline:KEY"),
        click.option(
            "--key",
            "key_texts",
            multiple=True,
            metavar="'SUITE inline:KEY'",
            help=f"SRTP key; repeatable. Other users of this machine see it; --key-file and {KEYS} hide it.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command(name="streams", short_help="List the streams and check their protection.")
@shared
@key_options
def streams(file: str, json_file: str | None, **given: Any) -> int:
    """List the RTP, SRTP and RTCP streams and the digits of FILE; check the protection of each stream.

    Exit status 1: packets are not protected as the SDP in the capture requires, or a call that negotiated
    SRTP has no RTP in the capture.
    """
    from bot.capture.analysis import analyse
    from bot.capture.report import is_kept
    from bot.cli.pcap_tables import streams as described

    check_json(json_file, file)
    with explained(), progress(file) as tell:
        analysis = analyse(file, keys=keys_of(**given), progress=tell)
    say(described(analysis), json_file)
    write_json(json_file, {"schema": "srtpbot.streams/1", "file": file, **plain(analysis)})
    return int(not is_kept(analysis))


@command.command(name="split", short_help="Write each stream to a pcap file.")
@shared
@click.option("--out", required=True, metavar="DIR", help="Folder for the files; it must not exist.")
def split(file: str, json_file: str | None, out: str) -> int:
    """Write each stream of FILE to a pcap named by its SSRC, with the RTCP of its sender."""
    from bot.capture.split import split as splitting
    from bot.cli.pcap_tables import parts

    check_json(json_file, file)
    with explained(), progress(file) as tell:
        done = splitting(file, out, progress=tell)
    say(parts(done, out), json_file)
    write_json(json_file, {"schema": "srtpbot.split/1", "file": file, "out": out, **plain(done)})
    return 0


@command.command(name="decrypt", short_help="Decrypt the streams to RTP and WAV files.")
@shared
@click.option("--out", required=True, metavar="DIR", help="Folder for the files; it must not exist.")
@key_options
def decrypt(file: str, json_file: str | None, out: str, **given: Any) -> int:
    """Decrypt FILE: rtp.pcap, a WAV file per stream, a stereo WAV file per call, and the digits.

    The keys of the SDP in FILE are tried first, then the given keys. Exit status 1: packets are not
    authentic, or not encrypted although the SDP requires SRTP.
    """
    from bot.capture.decrypt import decrypt as decrypting
    from bot.capture.report import is_open
    from bot.cli.pcap_tables import decrypted, streams

    check_json(json_file, file)
    keys = keys_of(**given)
    with explained(), progress(file) as tell:
        done = decrypting(file, out, keys=keys, progress=tell)
    say(f"{streams(done.analysis)}\n\n{decrypted(done, out)}", json_file)
    write_json(json_file, {"schema": "srtpbot.decrypted/1", "file": file, "out": out, **plain(done)})
    for line in lacking(done.analysis, keys):
        click.echo(f"srtpbot: {line}", err=True)
    return int(not is_open(done.analysis))


# ---- input


def check_json(json_file: str | None, file: str) -> None:
    """Raise ConfigError early for a JSON file that is not writable."""
    if json_file is not None and json_file != STDOUT:
        check_writable(json_file, "--json", (), [file])


def keys_of(keylog_file: str | None, key_file: str | None, key_texts: Sequence[str]) -> list[SrtpKey]:
    """The keys of all options and of the environment; error messages have the place, not the key."""
    from bot.capture import keylog

    keys: list[SrtpKey] = []
    if keylog_file is not None:
        for logged in keylog.read(keylog_file):
            keys += parsed(f"{logged.suite} {logged.key_params}", f"--keylog {keylog_file}:{logged.line}")
    if key_file is not None:
        for number, line in lines_of(key_file):
            keys += parsed(line, f"--key-file {key_file}:{number}")
    for number, line in enumerate(os.environ.get(KEYS, "").splitlines(), start=1):
        keys += parsed(line, f"{KEYS}, line {number}") if line.strip() else []
    for number, text in enumerate(key_texts, start=1):
        keys += parsed(text, f"--key, number {number}")
    return keys


def lines_of(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, without comments and empty lines."""
    try:
        with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
            for number, line in enumerate(iter(lambda: file.readline(1024), ""), start=1):
                if line.strip() and not line.startswith("#"):
                    yield number, line
    except (OSError, ValueError) as error:
        raise ConfigError(f"--key-file {path}: cannot be read: {getattr(error, 'strerror', None)}") from None


def parsed(text: str, where: str) -> list[SrtpKey]:
    """The keys of ``SUITE inline:KEY``, or of the value of an a=crypto line."""
    from bot.capture import keylog
    from media.rtp.srtp import SrtpError, SrtpKey

    if keylog.is_tls(text):
        raise ConfigError(f"{where}: {keylog.TLS}")
    words = text.strip().removeprefix("a=crypto:").split()
    if words and words[0].isdecimal():
        del words[0]
    if len(words) < 2:
        raise ConfigError(f"{where}: {EXPECTED}")
    try:
        return [SrtpKey.from_inline(words[0], one, words[2:]) for one in words[1].split(";")]
    except SrtpError as error:
        raise ConfigError(f"{where}: {error}; {EXPECTED}") from None


@contextmanager
def explained() -> Iterator[None]:
    """Convert errors of files to ConfigError (exit status 2)."""
    from media.audio.wav import AudioError
    from media.capture.reader import CaptureError

    try:
        yield
    except (AudioError, CaptureError) as error:
        raise ConfigError(" ".join(str(error).split())) from error


# ---- output


@contextmanager
def progress(file: str) -> Iterator[Callable[[float | None], None]]:
    """A temporary progress bar on a terminal."""
    from bot.cli.progress import at_a_terminal, stderr_console

    if not at_a_terminal():
        yield lambda done: None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=stderr_console(), transient=True) as bar:
        task = bar.add_task(escape(harmless(Path(file).name)), total=None)
        yield lambda done: bar.update(task, total=None if done is None else 1.0, completed=done or 0.0)


def plain(value: Any) -> dict[str, Any]:
    """A struct as JSON values."""
    import msgspec

    content: dict[str, Any] = msgspec.to_builtins(value)
    return content


def lacking(analysis: Analysis, keys: Sequence[SrtpKey]) -> Iterator[str]:
    """The reason for streams that were not decrypted because of missing keys."""
    protections = [(stream, stream.protection) for stream in analysis.streams if stream.protection]
    closed = [one for one, its in protections if its.failed and not its.authenticated]
    unknown = [one for one in closed if not one.offered]
    if unknown and not keys:
        why = "the capture has no keys for that: the signalling is missing or encrypted"
        yield f"{still_closed(len(unknown))}; {why}; give --keylog, --key-file or --key"
    elif closed:
        yield f"{still_closed(len(closed))}: not opened by any key that is known"


def still_closed(count: int) -> str:
    """The number of streams that were not decrypted."""
    return "1 stream stays closed" if count == 1 else f"{count} streams stay closed"
