"""srtpbot: a SIP/SRTP softphone without a head, for people who test real-time communications.

The public names are loaded when they are first used, so that the command line and the agent
processes start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call import Call, Playback, Recording, Transmission
    from .config import EndpointConfig, TlsConfig, load_config
    from .controller import Controller
    from .endpoint import Endpoint
    from .errors import (
        BotError,
        CallbackFailed,
        CallEnded,
        CallFailed,
        ConfigError,
        EndpointCrashed,
        ExpectationFailed,
        NativeError,
        WaitTimeout,
    )
    from .events import MessageReceived, MessageWaiting, RegistrationChanged
    from .expectations import expect
    from .identity import Identity
    from .journal import Journal
    from .model import (
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
    from .outside import Answered
    from .record import Digit

__version__ = "0.1.0"

__all__ = [
    "Answered",
    "BotError",
    "Call",
    "CallEnded",
    "CallFailed",
    "CallState",
    "CallbackFailed",
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
    "ExpectationFailed",
    "Identity",
    "Journal",
    "MediaDirection",
    "MediaState",
    "MessageReceived",
    "MessageWaiting",
    "NativeError",
    "Playback",
    "Recording",
    "RegistrationChanged",
    "SecureSignalling",
    "SrtpMode",
    "TlsConfig",
    "Transmission",
    "Transport",
    "WaitTimeout",
    "expect",
    "load_config",
]

_HOMES = {
    "call": ("Call", "Playback", "Recording", "Transmission"),
    "config": ("EndpointConfig", "TlsConfig", "load_config"),
    "controller": ("Controller",),
    "endpoint": ("Endpoint",),
    "errors": (
        "BotError",
        "CallEnded",
        "CallFailed",
        "CallbackFailed",
        "ConfigError",
        "EndpointCrashed",
        "ExpectationFailed",
        "NativeError",
        "WaitTimeout",
    ),
    "events": ("MessageReceived", "MessageWaiting", "RegistrationChanged"),
    "expectations": ("expect",),
    "identity": ("Identity",),
    "journal": ("Journal",),
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
    "outside": ("Answered",),
    "record": ("Digit",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bot' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
