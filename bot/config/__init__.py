"""Settings of an endpoint and its accounts, their validation, and the error messages of invalid settings.

``bot.config.yaml_reader`` is not imported here: the import of YAML slows down the start of the command.
"""

from bot.config.account import AccountConfig, address_of_record
from bot.config.capabilities import DTLS_PROFILES, Capabilities, WorkaroundState, check_build
from bot.config.codec_names import codec_problem
from bot.config.conference import USUAL_CODECS, conference_rate, of_many_calls
from bot.config.credentials import Credential
from bot.config.diagnostics import Place, did_you_mean, explain, line_of
from bot.config.endpoint import (
    MOST_HOPS,
    WITHOUT,
    EndpointConfig,
    Secret,
    SettingError,
    load_config,
)
from bot.config.extra_headers import StampedHeaders, stamps
from bot.config.limits import LimitsConfig
from bot.config.nat import NatConfig, TurnConfig
from bot.config.rtp_port_shares import shares_of_rtp_ports
from bot.config.tls import TlsConfig
from bot.config.validation import LIBRARYS_EVENTS, check_text

__all__ = [
    "DTLS_PROFILES",
    "LIBRARYS_EVENTS",
    "MOST_HOPS",
    "USUAL_CODECS",
    "WITHOUT",
    "AccountConfig",
    "Capabilities",
    "Credential",
    "EndpointConfig",
    "LimitsConfig",
    "NatConfig",
    "Place",
    "Secret",
    "SettingError",
    "StampedHeaders",
    "TlsConfig",
    "TurnConfig",
    "WorkaroundState",
    "address_of_record",
    "check_build",
    "check_text",
    "codec_problem",
    "conference_rate",
    "did_you_mean",
    "explain",
    "line_of",
    "load_config",
    "of_many_calls",
    "shares_of_rtp_ports",
    "stamps",
]
