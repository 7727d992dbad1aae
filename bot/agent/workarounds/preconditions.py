"""Library functions with assertions that a peer can violate; they are made to return an error instead.

In a build without assertions each function returns that error itself (``PJ_ASSERT_RETURN`` of pj/assert.h),
and its callers handle it. The wheel of PJSIP 2.15.1 is built with assertions, so the process would abort.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bot.agent.native.detour import Detour
from bot.agent.native.library import Exported, MissingSymbol, Pointer
from bot.agent.native.sip_module import Name
from bot.agent.native.socket_filter import opened

__all__ = ["Handles", "guard_always", "guard_assertions"]

LOCAL_OFFER, REMOTE_OFFER, WAIT_NEGO, DONE = 1, 2, 3, 4
"""pjmedia_sdp_neg_state of pjmedia/sdp_neg.h."""
WRONG_STATE, NOTHING_ACTIVE, OTHER_LINES = 220040, 220042, 220044
"""PJMEDIA_SDPNEG_EINSTATE, PJMEDIA_SDPNEG_ENOACTIVE and PJMEDIA_SDPNEG_EMISMEDIA of pjmedia/errno.h."""
LONGEST_DESCRIPTION = 16_384
LONGEST_NAME = 253
"""PJ_MAX_HOSTNAME less one."""
STATES: dict[str, tuple[int, set[int]]] = {
    "pjmedia_sdp_neg_modify_local_offer2": (1, {DONE}),
    "pjmedia_sdp_neg_send_local_offer": (1, {DONE, LOCAL_OFFER}),
    "pjmedia_sdp_neg_set_remote_answer": (1, {LOCAL_OFFER}),
    "pjmedia_sdp_neg_set_remote_offer": (1, {DONE}),
    "pjmedia_sdp_neg_set_local_answer": (1, {REMOTE_OFFER, WAIT_NEGO}),
    "pjmedia_sdp_neg_cancel_offer": (0, {LOCAL_OFFER, REMOTE_OFFER}),
}
"""Maps a function to the argument that is the negotiator, and to the states that permit the call."""
NEEDS_ACTIVE = {"pjmedia_sdp_neg_get_active_local", "pjmedia_sdp_neg_get_active_remote"}
INVALID, TOO_MANY, NO_FAMILY, GONE = 70004, 70010, 70022, 70023
"""PJ_EINVAL, PJ_ETOOMANY, PJ_EAFNOTSUP and PJ_EGONE of pj/errno.h."""
ORIGIN = 3
"""The index of the argument."""
STAYS_TAKEN_S = 0.6
"""Slightly more than PJ_IOQUEUE_KEY_FREE_DELAY."""


def guard_always(c: Exported) -> list[object]:
    """Guard the functions that need it on every build; call it before ``libCreate``, which creates a queue.

    Keep the returned objects as long as the library exists.
    """
    return guards_of(c, Handles, Sessions, Answers, Media)


def guard_assertions(c: Exported) -> list[object]:
    """Guard the functions that return an error themselves in a build without assertions."""
    return guards_of(c, Negotiators, Origins, HostNames)


def guards_of(c: Exported, *kinds: Callable[[Exported], object]) -> list[object]:
    """The guards that the build permits."""
    guards: list[object] = []
    for guard in kinds:
        with contextlib.suppress(MissingSymbol):
            guards.append(guard(c))
    return guards


class Negotiators:
    """Offer/answer negotiators (RFC 3264); a peer determines the order of their use.

    A late offer that is never answered leaves a negotiator that is done without an active description.
    """

    def __init__(self, c: Exported) -> None:
        self._active: set[int] = set()
        self._state = c.pjmedia_sdp_neg_get_state
        self._detours: list[Detour] = []
        for function, (place, states) in STATES.items():
            active = DONE if function == "pjmedia_sdp_neg_send_local_offer" else -1
            self._lead(c, function, self._in_state(place, states, active))
        for function in NEEDS_ACTIVE:
            self._lead(c, function, self._if_active)
        self._lead(c, "pjmedia_sdp_neg_negotiate", self._negotiate)
        for function in ("pjmedia_sdp_neg_create_w_local_offer", "pjmedia_sdp_neg_create_w_remote_offer"):
            self._lead(c, function, self._create)

    def _lead(self, c: Exported, function: str, handler: Callable[..., int]) -> None:
        with contextlib.suppress(MissingSymbol):
            self._detours.append(Detour(c, function, handler))

    def _in_state(self, place: int, states: set[int], active: int) -> Callable[..., int]:
        def call(original: Callable[..., int], *arguments: Any) -> int:
            negotiator = arguments[place]
            state = self._state(negotiator) if negotiator else DONE
            if state not in states:
                return WRONG_STATE
            if state == active and negotiator not in self._active:
                return NOTHING_ACTIVE
            return original(*arguments)

        return call

    def _if_active(self, original: Callable[..., int], negotiator: int, description: int) -> int:
        return original(negotiator, description) if negotiator in self._active else NOTHING_ACTIVE

    def _negotiate(self, original: Callable[..., int], pool: int, negotiator: int, flag: int) -> int:
        if self._state(negotiator) != WAIT_NEGO:
            return WRONG_STATE
        status = original(pool, negotiator, flag)
        if status == 0:
            self._active.add(negotiator)
        return status

    def _create(self, original: Callable[..., int], *arguments: Any) -> int:
        status = original(*arguments)
        if status == 0:
            self._active.discard(Pointer.from_address(arguments[-1]).value or 0)
        return status


class Origins:
    """The origin of a description; it has no address when no m= line of the peer has a transport."""

    def __init__(self, c: Exported) -> None:
        self._detours: list[Detour] = []
        with contextlib.suppress(MissingSymbol):
            self._detours.append(Detour(c, "pjmedia_endpt_create_base_sdp", self._create))

    def _create(self, original: Callable[..., int], *arguments: int) -> int:
        family = ctypes.c_uint16.from_address(arguments[ORIGIN]).value
        known = family in (socket.AF_INET, socket.AF_INET6)
        return original(*arguments) if known else NO_FAMILY


class Sessions:
    """Ended INVITE sessions, for which a late response still makes the library send a message."""

    def __init__(self, c: Exported) -> None:
        self._gone: set[int] = set()
        self._making = False
        self._detours: list[Detour] = []
        for function, handler in (
            ("pjsip_inv_dec_ref", self._release),
            ("pjsip_inv_add_ref", self._use),
            ("pjsip_inv_send_msg", self._use),
            ("pjsip_inv_create_uac", self._create),
            ("pjsip_inv_create_uas", self._create),
        ):
            with contextlib.suppress(MissingSymbol):
                self._detours.append(Detour(c, function, handler))

    def _create(self, original: Callable[..., int], *arguments: int) -> int:
        self._making = True  # the memory may belong to an ended session
        try:
            return original(*arguments)
        finally:
            self._making = False

    def _release(self, original: Callable[..., int], session: int) -> int:
        if session in self._gone:
            return GONE
        status = original(session)
        if status == GONE:
            self._gone.add(session)
        return status

    def _use(self, original: Callable[..., int], session: int, *rest: int) -> int:
        if self._making:
            self._gone.discard(session)
        return GONE if session in self._gone else original(session, *rest)


class Answers:
    """Answers to an offer with another number of m= lines.

    The library creates them before the ACK arrives.
    """

    def __init__(self, c: Exported) -> None:
        self._print = c.pjmedia_sdp_print
        self._buffer = ctypes.create_string_buffer(LONGEST_DESCRIPTION)
        self._detours: list[Detour] = []
        with contextlib.suppress(MissingSymbol):
            self._detours.append(Detour(c, "pjsua_media_channel_create_sdp", self._create))

    def _create(self, original: Callable[..., int], call: int, *arguments: int) -> int:
        status = original(call, *arguments)
        _, offer, answer, _ = arguments
        if status or not offer:
            return status
        made = Pointer.from_address(answer).value or 0
        return status if self._lines(offer) == self._lines(made) else OTHER_LINES

    def _lines(self, description: int) -> int:
        length = self._print(description, self._buffer, LONGEST_DESCRIPTION)
        return ctypes.string_at(self._buffer, max(0, length)).count(b"\nm=")


class Media:
    """The media of a call that has none any more, which a late answer would still start.

    A call is given up, or its first answer cannot be negotiated.
    """

    def __init__(self, c: Exported) -> None:
        self._given_up: set[int] = set()
        self._started: set[int] = set()
        self._detours: list[Detour] = []
        for function, handler in (
            ("pjsua_media_channel_init", self._begin),
            ("pjsua_media_channel_deinit", self._end),
            ("pjsua_media_channel_update", self._update),
            ("pjsua_media_prov_revert", self._revert),
        ):
            with contextlib.suppress(MissingSymbol):
                self._detours.append(Detour(c, function, handler))

    def _begin(self, original: Callable[..., int], call: int, *arguments: int) -> int:
        self._given_up.discard(call)
        return original(call, *arguments)

    def _end(self, original: Callable[..., int], call: int) -> int:
        self._given_up.add(call)
        self._started.discard(call)
        return original(call)

    def _revert(self, original: Callable[..., None], call: int) -> None:
        """The call goes back to the media that it had: to none before the first answer."""
        original(call)
        if call not in self._started:
            self._given_up.add(call)

    def _update(self, original: Callable[..., int], call: int, *arguments: int) -> int:
        if call in self._given_up:
            return NOTHING_ACTIVE
        self._started.add(call)
        return original(call, *arguments)


class HostNames:
    """Host names that are empty or longer than permitted (RFC 1035 2.3.4)."""

    def __init__(self, c: Exported) -> None:
        self._detours: list[Detour] = []
        for function, place, least, error in (
            ("pj_sockaddr_in_set_str_addr", 1, 0, INVALID),
            ("pj_inet_pton", 1, 1, INVALID),
            ("pj_inet_aton", 0, 1, 0),
        ):
            with contextlib.suppress(MissingSymbol):
                self._detours.append(Detour(c, function, checked(place, least, error)))


def checked(place: int, least: int, error: int) -> Callable[..., int]:
    """Return ``error`` if the name, a ``pj_str_t``, is shorter than ``least`` or too long."""

    def call(original: Callable[..., int], *arguments: int) -> int:
        name = arguments[place]
        length = Name.from_address(name).slen if name else least
        return original(*arguments) if least <= length <= LONGEST_NAME else error

    return call


class Queue:
    """The handles of one I/O queue: their number, and the closing times of those that are not free yet."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._open = 0
        self._closed: deque[float] = deque()

    def has_room(self) -> bool:
        """Whether one more handle can be registered."""
        now = time.monotonic()
        while self._closed and now - self._closed[0] > STAYS_TAKEN_S:
            self._closed.popleft()
        return self._open + len(self._closed) < self._size

    def opened(self) -> None:
        """A handle was registered."""
        self._open += 1

    def closed(self) -> None:
        """A handle was unregistered."""
        self._open -= 1
        self._closed.append(time.monotonic())


def peer_of(descriptor: int) -> str:
    """``host:port`` at the other end of a connected socket; empty if it is not connected."""
    with contextlib.suppress(OSError), opened(descriptor) as one:
        host, port = one.getpeername()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ""


class Handles:
    """The handles of the I/O queues; a closed handle stays occupied for half a second.

    The library counts the open handles only, and asserts that a free handle exists. ``may_accept`` is asked
    about each accepted connection, before a TLS handshake too.
    """

    def __init__(self, c: Exported) -> None:
        self._queues: dict[int, Queue] = {}
        self._keys: dict[int, int] = {}
        self._peers: dict[int, str] = {}
        """``host:port`` of the accepted connections."""
        self.may_accept: Callable[[str, list[str]], bool] = lambda peer, others: True
        """Whether a connection of this peer may be accepted beside these."""
        self._detours: list[Detour] = []
        for function, handler in (
            ("pj_ioqueue_create2", self._create),
            ("pj_ioqueue_register_sock2", self._register),
            ("pj_ioqueue_unregister", self._unregister),
        ):
            with contextlib.suppress(MissingSymbol):
                self._detours.append(Detour(c, function, handler))

    def _create(self, original: Callable[..., int], pool: int, size: int, config: int, queue: int) -> int:
        status = original(pool, size, config, queue)
        if status == 0:
            self._queues[Pointer.from_address(queue).value or 0] = Queue(size)
        return status

    def _register(self, original: Callable[..., int], pool: int, queue: int, *rest: Any) -> int:
        known = self._queues.get(queue)
        peer = peer_of(rest[0])
        if known is not None and not known.has_room():
            return TOO_MANY
        if peer and not self.may_accept(peer, list(self._peers.values())):
            return TOO_MANY
        status = original(pool, queue, *rest)
        if status == 0 and known is not None:
            known.opened()
            key = Pointer.from_address(rest[-1]).value or 0
            self._keys[key] = queue
            if peer:
                self._peers[key] = peer
        return status

    def _unregister(self, original: Callable[..., int], key: int) -> int:
        status = original(key)
        self._peers.pop(key, None)
        queue = self._keys.pop(key, None)
        if queue is not None:
            self._queues[queue].closed()
        return status
