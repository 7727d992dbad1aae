"""``srtpbot doctor``: capabilities of the library and of this machine, and missing parts."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator

import click
import msgspec

from bot.cli.audio import check_outputs, say, write_json
from bot.config import Capabilities
from bot.report.console import rendered, table, width_of
from bot.ua import Endpoint

__all__ = ["command"]

PEERS = {"baresip": "apt-get install baresip-core", "sipp": "apt-get install sip-tester"}
UNBROKEN = 10_000
"""Columns where there is no terminal."""
END_OF_LIFE = {
    "1.0.2": "end of life since 2020",
    "1.1.1": "end of life since 2023",
}


class Report(msgspec.Struct, kw_only=True):
    """JSON document of ``--json``."""

    schema: str = "srtpbot.doctor/1"
    srtpbot: str
    python: str
    platform: str
    build: Capabilities
    guarded: bool
    """Whether unknown methods are answered and floods are refused."""
    programs: dict[str, str | None]
    """Where the programs are that the tests use; null is not found."""


@click.command(name="doctor")
@click.option(
    "--json",
    "json_file",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the capabilities as JSON, to standard output without FILE or with -.",
)
def command(json_file: str | None) -> int:
    """Show the version, codecs, crypto suites, limits and missing parts of the library."""
    check_outputs(None, "", json_file, ())
    with Endpoint(name="doctor", bind="127.0.0.1") as endpoint:
        ready = endpoint.started
    report = Report(
        srtpbot=importlib.metadata.version("srtpbot"),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        build=ready.build,
        guarded=ready.guarded,
        programs={program: shutil.which(program) for program in PEERS},
    )
    say(rendered(table(lines(report)), width=width_of(UNBROKEN)), json_file)
    write_json(json_file, msgspec.to_builtins(report))
    return 0


def lines(report: Report) -> Iterator[tuple[str, str]]:
    """Names and values, for people."""
    build = report.build
    yield "srtpbot", report.srtpbot
    yield "Python", f"{report.python}, {report.platform}"
    yield "library", f"PJSIP {build.version}, an endpoint starts"
    yield "codecs", ", ".join(dict.fromkeys(map(str, build.codecs)))
    yield "SRTP", f"keying by {' and '.join(build.keyings)}; {', '.join(build.suites)}"
    yield "calls", f"{count_text(build.calls)} at once in an endpoint; start more endpoints for more"
    queue = build.io_queue or "unknown I/O queue"
    yield (
        "sockets",
        f"{count_text(build.handles)} for media and {count_text(build.handles)} for SIP ({queue})",
    )
    gate = "on" if report.guarded else "OFF: this build exports no C functions; do not face strangers"
    yield "flood gate", gate
    yield "IPv6", "compiled in" if build.ipv6 else "not compiled in"
    yield "TLS", tls(build)
    yield "assertions", {True: "on", False: "off", None: "unknown"}[build.assertions]
    for state in ("active", "not needed", "not possible"):
        parts = [one for one in build.workarounds if one.state == state]
        if parts:
            texts = (f"{part.name} ({part.reason})" if part.reason else part.name for part in parts)
            yield state, ", ".join(texts)
    if build.missing:
        yield "missing", f"C functions that this build does not export: {', '.join(build.missing)}"
    for program, where in report.programs.items():
        yield program, where or f"not found, only the tests need it: {PEERS[program]}"


def count_text(number: int | None) -> str:
    """A number as text; ``unknown`` for None."""
    return "unknown" if number is None else str(number)


def tls(build: Capabilities) -> str:
    """The highest version, the library, and a warning where nobody mends it any more."""
    if not build.tls:
        return "none"
    library = build.tls_library or "unknown library"
    why = next((text for old, text in END_OF_LIFE.items() if f"OpenSSL {old}" in library), "")
    return f"up to {build.tls}; {f'WARNING: {library}, {why}' if why else library}"
