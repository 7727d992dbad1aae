"""``srtpbot doctor``: what this machine and the library's build can do, and what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil

import click

from bot.endpoint import Endpoint
from bot.errors import NativeError

__all__ = ["command"]

CALL_SLOTS = 4
SOCKETS = 64
PEERS = {"baresip": "apt-get install baresip-core", "sipp": "apt-get install sip-tester"}
END_OF_LIFE = {
    "1.0.2": "end of life since 2020: no TLS 1.3, and a peer that speaks only that cannot connect",
    "1.1.1": "end of life since 2023",
}


@click.command(name="doctor")
def command() -> int:
    """Report the library's version, codecs, suites and limits, and what is missing."""
    click.echo(f"srtpbot     {importlib.metadata.version('srtpbot')}")
    click.echo(f"Python      {platform.python_version()}, {platform.platform(terse=True)}")
    if importlib.util.find_spec("pjsua2") is None:
        raise NativeError("the native library is missing: pip install pjsua2-python (Python 3.11 or 3.12)")
    with Endpoint(name="doctor", bind="127.0.0.1") as endpoint:
        ready = endpoint.ready
        assert ready is not None
        click.echo(f"library     PJSIP {ready.version}, an endpoint starts")
        click.echo(f"codecs      {', '.join(dict.fromkeys(map(str, ready.codecs)))}")
        click.echo(f"SRTP        SDES only (no DTLS-SRTP); {', '.join(ready.suites)}")
        click.echo(f"calls       {CALL_SLOTS} at once in an endpoint; start more endpoints for more")
        click.echo(f"sockets     {SOCKETS} in an endpoint; surplus INVITEs are answered 486 or 503")
        gate = "on" if ready.guarded else "OFF: this build exports no C functions; do not face strangers"
        click.echo(f"flood gate  {gate}")
        click.echo("IPv6        not compiled in")
    click.echo(f"TLS         1.2 at most; {openssl()}")
    for program, how in PEERS.items():
        click.echo(f"{program:<11} {shutil.which(program) or f'not found, only the tests need it: {how}'}")
    return 0


def openssl() -> str:
    """The OpenSSL that the wheel brings, by the names of its files."""
    try:
        files = importlib.metadata.files("pjsua2-python") or []
    except importlib.metadata.PackageNotFoundError:
        return "OpenSSL of a build of your own"
    for file in files:
        if file.name.startswith("libssl"):
            version = file.name.rpartition(".so.")[2] or "unknown"
            why = next((text for old, text in END_OF_LIFE.items() if version.startswith(old)), "")
            return f"WARNING: the build brings OpenSSL {version}{', ' + why if why else ''}"
    return "OpenSSL not bundled"
