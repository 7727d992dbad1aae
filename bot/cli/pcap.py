"""``srtpbot pcap``: the RTP streams of a capture, apart, and in the clear."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.audio import check_writable, say, write_json
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.pcap.report import Analysis
    from media.srtp import SrtpKey

__all__ = ["command"]

STDOUT = "-"
KEYS = "SRTPBOT_KEYS"
Command = Callable[..., int]
EXPECTED = "expected 'SUITE inline:KEY', such as 'AES_CM_128_HMAC_SHA1_80 inline:...'"


@click.group(name="pcap")
def command() -> None:
    """Look into captures (pcap, pcapng): the RTP streams, apart, and in the clear."""


def shared(function: Command) -> Command:
    """The options of every command."""
    json_option = click.option(
        "--json", "json_file", metavar="FILE", help="Write what was found as JSON; - is stdout."
    )
    return click.argument("file", type=click.Path())(json_option(function))


def key_options(function: Command) -> Command:
    """Where keys may come from that are not in the capture."""
    options = (
        click.option("--keylog", "keylog_file", metavar="FILE", help="Keys that a call wrote with --keylog."),
        click.option("--key-file", metavar="FILE", help="Keys, one a line: SUITE inline:KEY"),
        click.option(
            "--key",
            "key_texts",
            multiple=True,
            metavar="'SUITE inline:KEY'",
            help=f"A key; repeatable. Others see it in the list of processes: rather --key-file or {KEYS}.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command(name="streams", short_help="List the streams, and whether they are protected.")
@shared
@key_options
def streams(file: str, json_file: str | None, **given: Any) -> int:
    """List the RTP, SRTP and RTCP streams of FILE, and whether they are protected as was agreed.

    Exit status 1 when packets are not as the SDP in the capture demands.
    """
    from bot.cli.pcap_text import streams as described
    from bot.pcap.analysis import analyse

    check_json(json_file, file)
    with explained(), progress(file) as tell:
        analysis = analyse(file, keys=keys_of(**given), progress=tell)
    say(described(analysis), json_file)
    write_json(json_file, {"schema": "srtpbot.streams/1", "file": file, **plain(analysis)})
    broken = [one for one in analysis.streams if one.protection and not one.protection.intact]
    return int(any(one.answered or not (one.protection and one.protection.plain_allowed) for one in broken))


@command.command(name="split", short_help="Write a pcap for each stream.")
@shared
@click.option("--out", required=True, metavar="DIR", help="A new folder for the files.")
def split(file: str, json_file: str | None, out: str) -> int:
    """Write a pcap for each stream of FILE, named by its SSRC, with the RTCP of its sender."""
    from bot.cli.pcap_text import parts
    from bot.pcap.split import split as splitting

    check_json(json_file, file)
    with explained(), progress(file) as tell:
        done = splitting(file, out, progress=tell)
    say(parts(done, out), json_file)
    write_json(json_file, {"schema": "srtpbot.split/1", "file": file, "out": out, **plain(done)})
    return 0


@command.command(name="decrypt", short_help="Write the RTP in the clear, and WAVs of it.")
@shared
@click.option("--out", required=True, metavar="DIR", help="A new folder for the files.")
@key_options
def decrypt(file: str, json_file: str | None, out: str, **given: Any) -> int:
    """Write the RTP of FILE in the clear: rtp.pcap, a WAV per stream, a stereo WAV per call; list the digits.

    Keys are those of the SDP in FILE, then those given. Exit status 1 when packets are not authentic,
    or plain where the SDP demands SRTP.
    """
    from bot.cli.pcap_text import decrypted, streams
    from bot.pcap.decrypt import decrypt as decrypting

    check_json(json_file, file)
    keys = keys_of(**given)
    with explained(), progress(file) as tell:
        done = decrypting(file, out, keys=keys, progress=tell)
    say(f"{streams(done.analysis)}\n\n{decrypted(done, out)}", json_file)
    write_json(json_file, {"schema": "srtpbot.decrypted/1", "file": file, "out": out, **plain(done)})
    for line in lacking(done.analysis, keys):
        click.echo(f"srtpbot: {line}", err=True)
    return int(any(one.protection is not None and not one.protection.intact for one in done.analysis.streams))


# ---- what goes in


def check_json(json_file: str | None, file: str) -> None:
    """Find out now, not after the work, that the JSON cannot be written."""
    if json_file is not None and json_file != STDOUT:
        check_writable(json_file, "--json", (), [file])


def keys_of(keylog_file: str | None, key_file: str | None, key_texts: Sequence[str]) -> list[SrtpKey]:
    """The keys of all options and of the environment; an error names the place and never the key."""
    from bot import keylog

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
    """The lines of a file that say something, with their numbers."""
    try:
        with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
            for number, line in enumerate(iter(lambda: file.readline(1024), ""), start=1):
                if line.strip() and not line.startswith("#"):
                    yield number, line
    except (OSError, ValueError) as error:
        raise ConfigError(f"--key-file {path}: cannot be read: {getattr(error, 'strerror', None)}") from None


def parsed(text: str, where: str) -> list[SrtpKey]:
    """The keys of ``SUITE inline:KEY``, or of the value of an a=crypto line."""
    from media.srtp import SrtpError, SrtpKey

    words = text.strip().removeprefix("a=crypto:").split()
    if words and words[0].isdecimal():
        del words[0]
    if len(words) < 2:
        raise ConfigError(f"{where}: {EXPECTED}")
    try:
        return [SrtpKey.from_inline(words[0], one) for one in words[1].split(";")]
    except SrtpError as error:
        raise ConfigError(f"{where}: {error}; {EXPECTED}") from None


@contextmanager
def explained() -> Iterator[None]:
    """What is wrong with a file is the user's to mend: exit status 2."""
    from media.capture import CaptureError
    from media.wav import AudioError

    try:
        yield
    except (AudioError, CaptureError) as error:
        raise ConfigError(" ".join(str(error).split())) from error


# ---- what comes out


@contextmanager
def progress(file: str) -> Iterator[Callable[[float | None], None]]:
    """A bar for people at a terminal, which leaves nothing behind."""
    from bot.cli.progress import at_a_terminal

    if not at_a_terminal():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task(Path(file).name, total=None)
        yield lambda done: bar.update(task, total=None if done is None else 1.0, completed=done or 0.0)


def plain(value: Any) -> dict[str, Any]:
    """A struct as what JSON has."""
    import msgspec

    content: dict[str, Any] = msgspec.to_builtins(value)
    return content


def lacking(analysis: Analysis, keys: Sequence[SrtpKey]) -> Iterator[str]:
    """Why streams stayed closed, when it is for want of keys."""
    protections = [(one, one.protection) for one in analysis.streams if one.protection]
    closed = [one for one, its in protections if its.failed and not its.authenticated]
    unknown = [one for one in closed if not one.offered]
    if unknown and not keys:
        why = "the capture has no keys for that: the signalling is missing or encrypted"
        yield f"{still_closed(len(unknown))}; {why}; give --keylog, --key-file or --key"
    elif closed:
        yield f"{still_closed(len(closed))}: not opened by any key that is known"


def still_closed(count: int) -> str:
    """How many streams could not be opened."""
    return "1 stream stays closed" if count == 1 else f"{count} streams stay closed"
