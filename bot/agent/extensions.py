"""The extensions of an endpoint's calls: reliable provisional responses (RFC 3262), session timers (4028).

The library supports both whatever it is told, and where it is told not to use one it still says that it
does and answers who requires it. So what is off is taken out of its Supported and Allow, and such an INVITE
gets 420 (RFC 3261 8.2.2.3) before the library sees it, where this build exports what that takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.headers import ALLOW, SUPPORTED, HeaderList
from bot.agent.modules import Modules, Name, Pointer
from bot.config import EndpointConfig
from bot.model import ReliableProvisional, SessionTimer

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
"""In front of the gate: PJSIP_MOD_PRIORITY_APPLICATION less two."""
BAD_EXTENSION = 420
REQUIRE = re.compile(r"^Require[ \t]*:(.*)$", re.MULTILINE | re.IGNORECASE)
MOST_VALUES = 32
"""PJSIP_GENERIC_ARRAY_MAX_COUNT."""


class _Value(ctypes.Structure):
    """``pj_str_t``, of which the library owns the text."""

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
    """What an endpoint's settings say of extensions."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        off = {
            RELIABLE: config.reliable_provisional is ReliableProvisional.OFF,
            TIMER: config.session_timer is SessionTimer.OFF,
        }
        self._withheld = [tag for tag, is_off in off.items() if is_off]

    def apply(self, settings: pj.AccountConfig) -> None:
        """Tell the library, for one identity."""
        calls = settings.callConfig
        calls.prackUse = PRACK_USE[self._config.reliable_provisional]
        calls.timerUse = TIMER_USE[self._config.session_timer]
        calls.timerSessExpiresSec = self._config.session_expires_s
        calls.timerMinSESec = self._config.min_se_s

    def install(self, modules: Modules, received: Callable[[], str]) -> None:
        """Withhold what is off; ``received`` returns the message at hand."""
        if not self._withheld:
            return
        with contextlib.suppress(AttributeError):
            Withholding(self._withheld, modules, received)


class Withholding:
    """Refuses INVITEs that require an extension which this endpoint does not have.

    Raises AttributeError when this build does not export what that takes.
    """

    def __init__(self, withheld: list[str], modules: Modules, received: Callable[[], str]) -> None:
        self._c, self._endpoint, self._received = modules.c, modules.endpoint, received
        pool = modules.pool()
        self._unsupported = {
            tag: HeaderList(modules, fields=[("Unsupported", tag)], pool=pool) for tag in withheld
        }
        self._respond = self._c.pjsip_endpt_respond_stateless
        self._respond.argtypes = [Pointer, Pointer, ctypes.c_int, *[Pointer] * 3]
        for tag in withheld:
            self._take_out(SUPPORTED, tag)
        if RELIABLE in withheld:
            self._take_out(ALLOW, "PRACK")
        modules.register(b"mod-srtpbot-ext", BEFORE_USER_AGENT, on_request=self._front)

    def _take_out(self, kind: int, value: str) -> None:
        """Strike a value off one of the library's capabilities."""
        address = self._c.pjsip_endpt_get_capability(self._endpoint, kind, None)
        if not address:
            return
        listing = _Listing.from_address(address)
        if listing.type != kind or listing.count > MOST_VALUES:  # laid out in another way: leave it alone
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
                self._respond(self._endpoint, rdata, BAD_EXTENSION, None, headers.address, None)
                return 1
        return 0
