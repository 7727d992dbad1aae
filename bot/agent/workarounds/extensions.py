"""The SIP extensions of an endpoint: reliable provisional responses (RFC 3262), session timers (RFC 4028).

The library always supports both. Even if an extension is disabled, the library announces it and accepts
requests that require it. So a disabled extension is removed from the library's Supported and Allow, and an
INVITE that requires it gets 420 (RFC 3261 8.2.2.3) before the library sees it, if this build exports the
necessary functions.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.native.header_list import ALLOW, SUPPORTED, HeaderList
from bot.agent.native.library import MissingSymbol
from bot.agent.native.sip_module import Modules, Name, Pointer
from bot.config import EndpointConfig
from bot.model import ReliableProvisional, SessionTimer
from bot.sip import StatusCode

__all__ = ["Extensions"]

PRACK_USE = {
    ReliableProvisional.OFF: pj.PJSUA_100REL_NOT_USED,
    ReliableProvisional.SUPPORTED: pj.PJSUA_100REL_NOT_USED,
    ReliableProvisional.PREFERRED: pj.PJSUA_100REL_OPTIONAL,
    ReliableProvisional.REQUIRED: pj.PJSUA_100REL_MANDATORY,
}
TIMER_USE = {
    SessionTimer.OFF: pj.PJSUA_SIP_TIMER_INACTIVE,
    SessionTimer.SUPPORTED: pj.PJSUA_SIP_TIMER_OPTIONAL,
    SessionTimer.REQUIRED: pj.PJSUA_SIP_TIMER_REQUIRED,
    SessionTimer.ALWAYS: pj.PJSUA_SIP_TIMER_ALWAYS,
}
RELIABLE, TIMER = "100rel", "timer"
BEFORE_USER_AGENT = 62
"""Before the request gate: PJSIP_MOD_PRIORITY_APPLICATION - 2."""
REQUIRE = re.compile(r"^Require[ \t]*:(.*)$", re.MULTILINE | re.IGNORECASE)
MOST_VALUES = 32
"""PJSIP_GENERIC_ARRAY_MAX_COUNT."""


class _Value(ctypes.Structure):
    """``pj_str_t``; the library owns the text."""

    _fields_ = (("address", Pointer), ("length", ctypes.c_ssize_t))

    @property
    def text(self) -> str:
        return ctypes.string_at(self.address, self.length).decode("utf-8", "replace")


class _Listing(ctypes.Structure):
    """``pjsip_generic_array_hdr`` of pjsip/sip_msg.h, such as Supported."""

    _fields_ = (
        ("prev", Pointer),
        ("next", Pointer),
        ("type", ctypes.c_int),
        ("name", Name),
        ("sname", Name),
        ("vptr", Pointer),
        ("count", ctypes.c_uint),
        ("values", _Value * MOST_VALUES),
    )


class Extensions:
    """The extension settings of an endpoint."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        off = {
            RELIABLE: config.reliable_provisional is ReliableProvisional.OFF,
            TIMER: config.session_timer is SessionTimer.OFF,
        }
        self._withheld = [tag for tag, is_off in off.items() if is_off]

    def apply(self, settings: pj.AccountConfig) -> None:
        """Configure the library for one identity."""
        calls = settings.callConfig
        calls.prackUse = PRACK_USE[self._config.reliable_provisional]
        calls.timerUse = TIMER_USE[self._config.session_timer]
        calls.timerSessExpiresSec = self._config.session_expires_s
        calls.timerMinSESec = self._config.min_se_s

    def install(self, modules: Modules, received: Callable[[], str]) -> None:
        """Disable the extensions that are off; ``received`` returns the current message."""
        if not self._withheld:
            return
        with contextlib.suppress(MissingSymbol):
            Withholding(self._withheld, modules, received)


class Withholding:
    """Refuses INVITEs that require an extension which is disabled.

    Raises MissingSymbol when this build does not export the necessary functions.
    """

    def __init__(self, withheld: list[str], modules: Modules, received: Callable[[], str]) -> None:
        self._c, self._endpoint, self._received = modules.c, modules.endpoint, received
        pool = modules.pool()
        self._unsupported = {
            tag: HeaderList(modules, fields=[("Unsupported", tag)], pool=pool) for tag in withheld
        }
        self._respond = self._c.pjsip_endpt_respond_stateless
        for tag in withheld:
            self._take_out(SUPPORTED, tag)
        if RELIABLE in withheld:
            self._take_out(ALLOW, "PRACK")
        modules.register(b"mod-srtpbot-ext", BEFORE_USER_AGENT, on_request=self._front)

    def _take_out(self, kind: int, value: str) -> None:
        """Remove a value from one of the library's capability headers."""
        address = self._c.pjsip_endpt_get_capability(self._endpoint, kind, None)
        if not address:
            return
        listing = _Listing.from_address(address)
        if listing.type != kind or listing.count > MOST_VALUES:  # another memory layout: change nothing
            return
        kept = [one for one in range(listing.count) if listing.values[one].text != value]
        for place, index in enumerate(kept):
            listing.values[place] = listing.values[index]
        listing.count = len(kept)

    def _front(self, rdata: int) -> int:
        message = self._received()
        if not message.startswith("INVITE "):
            return 0
        required = {tag.strip().lower() for line in REQUIRE.findall(message) for tag in line.split(",")}
        for tag, headers in self._unsupported.items():
            if tag in required:
                self._respond(self._endpoint, rdata, StatusCode.BAD_EXTENSION, None, headers.address, None)
                return 1
        return 0
