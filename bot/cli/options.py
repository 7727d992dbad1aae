"""The options that mean the same in every command, and what becomes of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from bot.config import EndpointConfig, load_config
from bot.errors import ConfigError
from bot.model import CryptoSuite, DtmfMethod, SecureSignalling, SrtpMode, Transport
from bot.sip import parse_header

__all__ = [
    "PositiveSeconds",
    "endpoint_config",
    "endpoint_options",
    "expectation_options",
    "headers",
    "naming",
    "output_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class _FiniteSeconds(click.FloatRange):
    """Without ``nan`` and ``inf``, which are floats to Python and in no range that can be waited for."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        """The number; fails as a usage error."""
        seconds = super().convert(value, param, context)
        if not seconds <= LONGEST_S:
            self.fail(f"{value} is not in the range x<={LONGEST_S:g}.", param, context)
        return seconds


LONGEST_S = 1e6
"""Eleven days; the system's waits take no more than some years."""
PositiveSeconds = _FiniteSeconds(min=0, min_open=True)
dtmf_method = click.Choice([method.value for method in DtmfMethod], case_sensitive=False)

ENDPOINT_KEYS = (
    "bind", "port", "id", "user", "password", "realm", "registrar", "proxy", "srtp", "srtp_requires",
    "rtp_ports", "tls_ca", "tls_cert", "tls_key",
)  # fmt: skip

REPEATABLE = {"transports": "transport", "codecs": "codec", "suites": "suite"}
"""Settings of several values, each an option of its own."""


def endpoint_options(command: Command) -> Command:
    """Who the endpoint is, where it listens, how it encrypts."""
    options = [
        click.option("--config", "config_file", metavar="FILE", help="Endpoint YAML; flags override it."),
        click.option("--bind", metavar="ADDR", help="SIP and media listen here.  [all interfaces]"),
        click.option("--port", type=click.IntRange(0, 65535), metavar="N",
                     help="SIP port.  [5060 for answer, else a free one]"),
        click.option("--transport", "transports", type=choice(Transport), multiple=True,
                     help="SIP transport; repeatable.  [udp]"),
        click.option("--id", "id", metavar="AOR", help="The address of record, sip:user@domain."),
        click.option("--user", metavar="NAME", help="User name for digest authentication."),
        click.option("--password", metavar="TEXT", envvar="SRTPBOT_PASSWORD",
                     help="Its password; better in SRTPBOT_PASSWORD."),
        click.option("--realm", metavar="TEXT", help="The realm of the credentials.  [any]"),
        click.option("--registrar", metavar="URI", help="Register here."),
        click.option("--proxy", metavar="URI", help="Outbound proxy."),
        click.option("--codec", "codecs", multiple=True, metavar="NAME",
                     help="Offer only these, in this order: PCMA, G722, speex/16000 ...; repeatable."),
        click.option("--srtp", type=choice(SrtpMode), help="SDES-SRTP mode.  [optional]"),
        click.option("--suite", "suites", type=choice(CryptoSuite, case=True), multiple=True, metavar="NAME",
                     help="Crypto suites in order of preference; repeatable.  [all]"),
        click.option("--srtp-requires", type=choice(SecureSignalling),
                     help="Signalling that SRTP needs.  [none]"),
        click.option("--tls-ca", metavar="FILE", help="CAs to verify peers with.  [the system's]"),
        click.option("--tls-cert", metavar="FILE", help="Certificate, PEM."),
        click.option("--tls-key", metavar="FILE", help="Its private key, PEM."),
        click.option("--tls-insecure", is_flag=True, help="Do not verify the peer's certificate."),
        click.option("--stun", metavar="HOST[:PORT]", help="STUN server: say the address that it sees."),
        click.option("--turn", metavar="[USER@]HOST[:PORT]",
                     help="TURN relay for the media; its password is in SRTPBOT_TURN_PASSWORD."),
        click.option("--ice", is_flag=True, help="Find the way of the media with ICE."),
        click.option("--public-address", metavar="ADDR", help="Tell peers this address."),
        click.option("--rtp-ports", metavar="A-B", help="RTP port range.  [free ports]"),
        click.option("--detect-inband", is_flag=True, help="Detect DTMF tones in the received audio too."),
    ]  # fmt: skip
    return applied(command, options)


def expectation_options(command: Command) -> Command:
    """What has to be true of a call beyond what always has to be."""
    options = [
        click.option("--expect-codec", metavar="NAME", help="The audio uses this codec."),
        click.option("--expect-suite", type=choice(CryptoSuite, case=True), metavar="NAME",
                     help="The audio is encrypted with this suite."),
        click.option("--expect-dtmf", metavar="DIGITS", help="Exactly these digits arrive."),
        click.option("--expect-dtmf-method", type=dtmf_method,
                     help="They arrive by this method; inband means --detect-inband.  [any]"),
        click.option("--expect-audio", metavar="FILE", help="The received audio holds this file."),
        click.option("--expect-header", "expect_headers", multiple=True, metavar="'NAME: REGEX'",
                     help="A received message has this header; repeatable."),
    ]  # fmt: skip
    return applied(command, options)


def output_options(command: Command) -> Command:
    """What the run leaves behind and how much it says."""
    options = [
        click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is stdout."),
        click.option("--junit", "junit_file", metavar="FILE", help="Write a JUnit report; - is stdout."),
        click.option("--out", "out_folder", metavar="DIR",
                     help="Write result.json, junit.xml, journal.jsonl, sip.pcap, report.html and what is "
                     "recorded there."),
        click.option("--keylog", "keylog_file", metavar="FILE", help="Write the SRTP keys there."),
        click.option("--capture", "capture_file", metavar="FILE",
                     help="Record the packets there, pcap, and prove each was protected as negotiated."),
        click.option("-v", "verbose", count=True, help="Say what happens; -vv shows SIP messages too."),
        click.option("--trace", is_flag=True, help="The native library's log too."),
    ]  # fmt: skip
    return applied(command, options)


def applied(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """The command with the options, in the order written."""
    return functools.reduce(lambda inner, option: option(inner), reversed(options), command)


def choice(kind: Any, *, case: bool = False) -> click.Choice[str]:
    """A choice among the values of an enumeration."""
    return click.Choice([member.value for member in kind], case_sensitive=case)


def endpoint_config(given: dict[str, Any], *, name: str, port: int = 0) -> EndpointConfig:
    """The settings from ``--config`` and the flags; takes what it uses out of ``given``.

    Raises ConfigError when a file or a value cannot be used.
    """
    path = given.pop("config_file")
    config = load_config(Path(path)) if path else EndpointConfig(name=name, port=port)
    overrides = {key: value for key in ENDPOINT_KEYS if (value := given.pop(key)) is not None}
    for key in REPEATABLE:
        if values := given.pop(key):
            overrides[key] = values
    if given.pop("tls_insecure"):
        overrides["tls_insecure"] = True
    overrides |= nat_settings(given)
    if given.pop("detect_inband") or given.get("expect_dtmf_method") == DtmfMethod.INBAND:
        overrides["detect_inband_dtmf"] = True
    return overridden(config, overrides)


def overridden(config: EndpointConfig, overrides: dict[str, Any]) -> EndpointConfig:
    """The settings with those of the flags; what is wrong with one is told by its flag's name."""
    try:
        config = config.with_options(**overrides)
        if Transport.TLS in config.transports:
            config.tls.check_files()
        return config
    except ConfigError as error:
        key, colon, what = str(error).partition(": ")
        name = key.replace(".", "_").partition("[")[0] + "_"
        flag = max((flag for flag in overrides if name.startswith(f"{flag}_")), key=len, default=None)
        if not colon or flag is None:
            raise
        option = REPEATABLE.get(flag, flag.removeprefix("nat_").replace("_", "-"))
        raise ConfigError(f"--{option}: {what}") from None


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Tells whose value it is that is wrong."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None


def nat_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of ``nat`` from the flags; takes what it uses out of ``given``."""
    flags = {"nat_stun": given.pop("stun"), "nat_public_address": given.pop("public_address")}
    flags["nat_ice"] = given.pop("ice") or None
    if turn := given.pop("turn"):
        user, _, server = turn.rpartition("@")
        password = os.environ.get("SRTPBOT_TURN_PASSWORD") if user else None
        if user and not password:
            raise ConfigError("--turn: the password of its user is missing; set SRTPBOT_TURN_PASSWORD")
        flags["nat_turn"] = {"server": server, "user": user or None, "password": password}
    return {key: value for key, value in flags.items() if value is not None}


def headers(texts: tuple[str, ...], option: str = "--header") -> list[tuple[str, str]]:
    """The values of ``option`` in their order, several of one name too; ConfigError for what is no header."""
    with naming(option):
        return [parse_header(text) for text in texts]


def existing_audio(path: str | None, option: str) -> Path | None:
    """The path, if it is a readable file; audio is checked when it is read."""
    if path is None:
        return None
    if not os.path.isfile(path):
        raise ConfigError(f"{option}: {path}: there is no such file")
    return Path(path)
