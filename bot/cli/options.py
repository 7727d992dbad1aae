"""Options that several commands share, and their conversion to settings."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from bot.audio_files import audio_of
from bot.cli.defined_options import defined_options
from bot.cli.help import grouped
from bot.cli.limits import LIMIT_OPTIONS
from bot.config import EndpointConfig, load_config
from bot.config import check_build as check_settings
from bot.errors import ConfigError, naming
from bot.model import AnswerDeviation, CryptoSuite, DtmfMethod, Keying, SecureSignalling, SrtpMode, Transport
from bot.report.console import choose_colours
from bot.sip import parse_header
from bot.ua import build, check_build

__all__ = [
    "PositiveSeconds",
    "check_answers_tls",
    "choice",
    "endpoint_config",
    "endpoint_options",
    "expectation_options",
    "given_audio",
    "headers",
    "limit_options",
    "log_option",
    "output_options",
    "result_options",
    "signalling_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class _Finite(click.FloatRange):
    """Number of seconds without ``nan`` and ``inf``."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        """The number; fails as a usage error."""
        seconds = super().convert(value, param, context)
        if not seconds <= LONGEST_S:
            self.fail(f"{value} is not in the range x<={LONGEST_S:g}.", param, context)
        return seconds


LONGEST_PASSWORD = 1024
LONGEST_S = 1e6
"""Eleven days; the system's waits take no more than some years."""
PositiveSeconds = _Finite(min=0, min_open=True)
ENDS = ("local", "remote", "any")
FLOWS = ("sendrecv", "sendonly", "recvonly", "any")
dtmf_method = click.Choice([method.value for method in DtmfMethod], case_sensitive=False)


def applied(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """The command with the options, in the order written."""
    return functools.reduce(lambda inner, option: option(inner), reversed(options), command)


def choice(kind: Any, *, case: bool = False) -> click.Choice[str]:
    """A choice among the values of an enumeration."""
    return click.Choice([member.value for member in kind], case_sensitive=case)


identity, network, tls, nat, media, srtp, expectation, output = map(
    grouped, ("Identity", "Network", "TLS", "NAT", "Media", "SRTP", "Expectations", "Output")
)

SIGNALLING_OPTIONS = (
    identity("--config", "config_file", metavar="FILE",
             help="Endpoint settings from a YAML file; options override them."),
    identity("--id", "id", metavar="AOR", help="Address of record, such as sip:user@domain."),
    identity("--user", metavar="NAME", help="User name for digest authentication."),
    identity("--password", metavar="TEXT", envvar="SRTPBOT_PASSWORD",
             help="Password of --user; --password-file or SRTPBOT_PASSWORD hide it from other users."),
    identity("--password-file", metavar="FILE", help="Password of --user: the first line of FILE."),
    identity("--realm", metavar="TEXT", help="Realm of these credentials.  [any]"),
    identity("--registrar", metavar="URI", help="Register at this registrar."),
    identity("--proxy", metavar="URI", help="Send requests through this outbound proxy."),
    network("--bind", metavar="ADDR", help="Local address for SIP and media.  [all interfaces]"),
    network("--ipv6", is_flag=True, default=None,
            help="Use IPv6 beside IPv4; for IPv6 only, --bind an IPv6 address."),
    network("--port", type=click.IntRange(0, 65535), metavar="N",
            help="Local SIP port.  [answer: 5060; others: a free port]"),
    network("--transport", "transports", type=choice(Transport), multiple=True,
            help="SIP transport; repeatable.  [udp]"),
    tls("--tls-ca", metavar="FILE", help="CA certificates that verify peers, PEM.  [those of the system]"),
    tls("--tls-cert", metavar="FILE", help="Certificate of this endpoint, PEM."),
    tls("--tls-key", metavar="FILE", help="Private key of the certificate, PEM."),
    tls("--tls-insecure", is_flag=True, default=None, help="Accept any certificate of a peer."),
    nat("--stun", "nat_stun", metavar="HOST[:PORT]",
        help="STUN server; its mapped address goes into SIP and SDP."),
    nat("--public-address", "nat_public_address", metavar="ADDR", help="Put this address into SIP and SDP."),
)  # fmt: skip

MEDIA_OPTIONS = (
    nat("--turn", "nat_turn", metavar="[USER@]HOST[:PORT]",
        help="TURN server that relays the media; its password is read from SRTPBOT_TURN_PASSWORD."),
    nat("--ice", "nat_ice", is_flag=True, default=None, help="Negotiate the media path with ICE."),
    media("--codec", "codecs", multiple=True, metavar="NAME",
          help="Offer only this codec, such as PCMA or G722, or all but -NAME; repeatable, in order of "
          "preference.  [all; PCMA, PCMU, G722 first]"),
    media("--rtp-ports", metavar="A-B", help="Range of local RTP ports.  [free ports]"),
    media("--detect-inband", "detect_inband_dtmf", is_flag=True, default=None,
          help="Detect DTMF tones in the received audio too."),
    srtp("--srtp", type=choice(SrtpMode), help="Use of SDES-SRTP.  [optional]"),
    srtp("--suite", "suites", type=choice(CryptoSuite, case=True), multiple=True, metavar="NAME",
         help=f"Crypto suite; repeatable, in order of preference: {', '.join(CryptoSuite)}.  [all]"),
    srtp("--keying", "srtp_keying", type=choice(Keying), multiple=True,
         help="Key exchange; dtls where the build has it; repeatable, in order of preference.  [sdes]"),
    srtp("--srtp-requires", type=choice(SecureSignalling),
         help="Signalling that SRTP requires, since SDES keys travel in it.  [none]"),
    srtp("--accept", type=choice(AnswerDeviation), multiple=True,
         help="Accept an SDP answer that deviates so; repeatable."),
)  # fmt: skip


def parameters(options: Sequence[Callable[[Any], Any]]) -> list[click.Parameter]:
    """The parameters that the options make."""
    return applied(click.command(lambda: None), options).params


NO_SETTINGS = {"config_file", "password_file"}
OPTION_OF = {
    str(parameter.name): parameter.opts[0]
    for parameter in parameters((*SIGNALLING_OPTIONS, *MEDIA_OPTIONS, *LIMIT_OPTIONS))
    if parameter.name not in NO_SETTINGS
}
"""The option of each setting, as ``EndpointConfig.with_options`` names it."""


def signalling_options(command: Command) -> Command:
    """The endpoint's identity, its SIP transports, TLS and NAT."""
    return applied(command, SIGNALLING_OPTIONS)


def endpoint_options(command: Command) -> Command:
    """All settings of an endpoint that places or answers calls."""
    return applied(command, (*SIGNALLING_OPTIONS, *MEDIA_OPTIONS))


def limit_options(command: Command) -> Command:
    """The limits of an endpoint that answers."""
    return applied(command, LIMIT_OPTIONS)


def expectation_options(command: Command) -> Command:
    """Expectations of a call, beyond those that always hold."""
    options = [
        expectation("--expect-end", type=click.Choice(ENDS),
                    help="Side that ends the call with BYE.  [call: local; answer: any]"),
        expectation("--expect-media", type=click.Choice(FLOWS),
                    help="Direction of the audio, seen from this side; sendonly: the peer sends no audio, "
                    "only digits.  [sendrecv]"),
        *(expectation(option, **arguments) for option, arguments in defined_options()),
    ]  # fmt: skip
    return applied(command, options)


RESULT_OPTIONS = (
    output("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is standard output."),
    output("--junit", "junit_file", metavar="FILE", help="Write a JUnit report; - is standard output."),
    output("--out", "out_folder", metavar="DIR",
           help="Write result.json, junit.xml, journal.jsonl, sip.pcap, report.html and recordings to DIR."),
    output("--max-journal", type=click.IntRange(min=0), default=200, show_default=True, metavar="MB",
           help="Largest size of the journal in --out, whose older half is journal.1.jsonl; still older "
           "entries are deleted; 0: no limit."),
)  # fmt: skip
PACKET_OPTIONS = (
    output("--keylog", "keylog_file", metavar="FILE", help="Write the SRTP keys to FILE."),
    output("--capture", "capture_file", metavar="FILE",
           help="Capture the packets as pcap, and verify that each is protected as negotiated."),
)  # fmt: skip
LOG_OPTIONS = (
    output("-v", "verbose", count=True, help="Print events while it runs; -vv: SIP messages too."),
    output("--trace", is_flag=True, help="Print the log of the native library too."),
    output("-q", "--quiet", "quiet", is_flag=True, help="Print failures and errors only."),
    output("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
           expose_value=False, callback=lambda context, option, value: choose_colours(value),
           help="Colours; auto: at a terminal, unless NO_COLOR is set."),
)  # fmt: skip


log_option = output(
    "--log",
    "log_format",
    type=click.Choice(["text", "json"]),
    help="Print a line for each event of a call to standard error.  [text, where no table of calls is shown]",
)


def result_options(command: Command) -> Command:
    """The reports and the log of a run without media."""
    return applied(command, (*RESULT_OPTIONS, *LOG_OPTIONS))


def output_options(command: Command) -> Command:
    """The reports, the captured packets and the log of a run."""
    return applied(command, (*RESULT_OPTIONS, *PACKET_OPTIONS, *LOG_OPTIONS))


def endpoint_config(
    given: dict[str, Any], *, name: str, port: int = 0, base: EndpointConfig | None = None
) -> EndpointConfig:
    """The settings of ``--config``, or of ``base``, and of the options, which it removes from ``given``.

    Raises ConfigError for an invalid file or value.
    """
    path = given.pop("config_file")
    config = base or EndpointConfig(name=name, port=port)
    if path:
        config = load_config(Path(path), check_build)
    if (password_file := given.pop("password_file", None)) is not None:
        given["password"] = password_of(password_file)
    overrides = {key: value for key in OPTION_OF if (value := given.pop(key, None)) not in (None, ())}
    if "nat_turn" in overrides:
        overrides["nat_turn"] = turn_server(overrides["nat_turn"])
    if given.get("expect_dtmf_method") == DtmfMethod.INBAND:
        overrides["detect_inband_dtmf"] = True
    return overridden(config, overrides)


def password_of(path: str) -> str:
    """The first line of the file, without its line break."""
    try:
        with open(path, encoding="utf-8") as file:
            password = file.readline(LONGEST_PASSWORD).rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"--password-file {path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"--password-file {path}: is not UTF-8 text; expected a password") from None
    if not password:
        raise ConfigError(f"--password-file {path}: its first line is empty; expected a password")
    return password


def overridden(config: EndpointConfig, overrides: dict[str, Any]) -> EndpointConfig:
    """The settings with those of the options; the error of a setting names its option."""
    try:
        config = config.with_options(**overrides)
        if overrides:
            check_settings(config, build)  # the endpoint itself refuses unknown codecs as it starts
        if Transport.TLS in config.transports:
            config.tls.check_files()
        return config
    except ConfigError as error:
        key, colon, what = str(error).partition(": ")
        name = key.replace(".", "_").partition("[")[0] + "_"
        setting = max((one for one in overrides if name.startswith(f"{one}_")), key=len, default=None)
        if not colon or setting is None:
            raise
        raise ConfigError(f"{OPTION_OF[setting]}: {what}") from None


def check_answers_tls(config: EndpointConfig, transports: Sequence[Transport]) -> None:
    """Raise ConfigError if the endpoint answers on TLS, one of these transports, without a certificate."""
    if Transport.TLS in transports and not config.tls.cert:
        raise ConfigError("answering TLS needs a certificate: add --tls-cert FILE and --tls-key FILE")


def turn_server(text: str) -> dict[str, str | None]:
    """The settings of ``--turn``; raises ConfigError for a user without a password."""
    user, _, server = text.rpartition("@")
    password = os.environ.get("SRTPBOT_TURN_PASSWORD") if user else None
    if user and password is None:
        raise ConfigError("--turn: the password of its user is missing; set SRTPBOT_TURN_PASSWORD")
    return {"server": server, "user": user or None, "password": password}


def headers(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """The header fields of the texts, in order; raises ConfigError for an invalid header field."""
    with naming("--header"):
        return [parse_header(text) for text in texts]


def given_audio(option: str, source: str) -> str:
    """The name of a file or a signal; ConfigError unless it can be played."""
    with naming(option):
        audio_of(source)
    return source
