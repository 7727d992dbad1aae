"""srtpbot: a headless SIP/SRTP softphone for people who test real-time communications.

The public names are loaded when they are first used, so that the command line and the agent
processes start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.config import AccountConfig, EndpointConfig, TlsConfig, load_config
    from bot.config.settings import EndpointSettings
    from bot.errors import (
        BotError,
        CallbackFailed,
        CalledFromObserver,
        CallEnded,
        CallFailed,
        ConfigError,
        EndpointCrashed,
        ExpectationFailed,
        NativeError,
        RequestRefused,
        WaitTimeout,
    )
    from bot.expectations import expect
    from bot.ipc import MessageReceived, MessageWaiting, RegistrationChanged
    from bot.model import (
        CallState,
        Codec,
        CryptoSuite,
        Direction,
        DtmfMethod,
        EndedBy,
        MediaDirection,
        MediaState,
        SecureSignalling,
        SrtpMode,
        Transport,
    )
    from bot.soft_failures import SoftExpectationsFailed
    from bot.ua import Call, Controller, Digit, Endpoint, Journal, Playback, Recording, Response, Transmission

__version__ = "0.1.0"

__all__ = [
    "AccountConfig",
    "BotError",
    "Call",
    "CallEnded",
    "CallFailed",
    "CallState",
    "CallbackFailed",
    "CalledFromObserver",
    "Codec",
    "ConfigError",
    "Controller",
    "CryptoSuite",
    "Digit",
    "Direction",
    "DtmfMethod",
    "EndedBy",
    "Endpoint",
    "EndpointConfig",
    "EndpointCrashed",
    "EndpointSettings",
    "ExpectationFailed",
    "Journal",
    "MediaDirection",
    "MediaState",
    "MessageReceived",
    "MessageWaiting",
    "NativeError",
    "Playback",
    "Recording",
    "RegistrationChanged",
    "RequestRefused",
    "Response",
    "SecureSignalling",
    "SoftExpectationsFailed",
    "SrtpMode",
    "TlsConfig",
    "Transmission",
    "Transport",
    "WaitTimeout",
    "expect",
    "load_config",
]

_HOMES = {
    "config": (
        "AccountConfig",
        "EndpointConfig",
        "TlsConfig",
        "load_config",
    ),
    "config.settings": ("EndpointSettings",),
    "errors": (
        "BotError",
        "CallbackFailed",
        "CalledFromObserver",
        "CallEnded",
        "CallFailed",
        "ConfigError",
        "EndpointCrashed",
        "ExpectationFailed",
        "NativeError",
        "RequestRefused",
        "WaitTimeout",
    ),
    "expectations": ("expect",),
    "ipc": (
        "MessageReceived",
        "MessageWaiting",
        "RegistrationChanged",
    ),
    "model": (
        "CallState",
        "Codec",
        "CryptoSuite",
        "Direction",
        "DtmfMethod",
        "EndedBy",
        "MediaDirection",
        "MediaState",
        "SecureSignalling",
        "SrtpMode",
        "Transport",
    ),
    "soft_failures": ("SoftExpectationsFailed",),
    "ua": (
        "Call",
        "Controller",
        "Digit",
        "Endpoint",
        "Journal",
        "Playback",
        "Recording",
        "Response",
        "Transmission",
    ),
}
_HOME = {name: room for room, names in _HOMES.items() for name in names}
_FORMER = {"Answered": "Response", "Identity": "AccountConfig"}
"""Names of the first releases."""


def __getattr__(name: str) -> object:
    current = _FORMER.get(name, name)
    if current not in _HOME:
        raise AttributeError(f"module 'bot' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[current]}", __name__), current)
    globals()[current] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
