"""Installation of the parts that use the exported C functions of the library.

Each part is installed once, at the start of the library. A part is None for a build that lacks its functions;
commands that need the part are refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.agent.admission import Admission, invite_judge
from bot.agent.callbacks import CommandRefused
from bot.agent.intake import BEFORE_EVERYONE, Intake
from bot.agent.legs import Legs
from bot.agent.loop import Loop
from bot.agent.native.library import MissingSymbol
from bot.agent.native.media_thread import MediaThread
from bot.agent.native.message_bytes import Packets
from bot.agent.native.names import Names
from bot.agent.native.sip_module import Modules
from bot.agent.native.tx_body import HiddenBody
from bot.agent.native.tx_layout import probe
from bot.agent.reception.arrivals import Arrivals
from bot.agent.refer_decisions import Decisions
from bot.agent.registrar import granted
from bot.agent.sdp.rewriter import SdpRewriter
from bot.agent.trace import Trace
from bot.agent.waiting_invites import WaitingInvites
from bot.agent.waiting_messages import WaitingMessages
from bot.agent.withheld_media import WithheldMedia
from bot.agent.workarounds.cancel_reinvite import Canceller
from bot.agent.workarounds.digest_auth import Authentication
from bot.agent.workarounds.extensions import Extensions
from bot.agent.workarounds.extra_headers import ExtraHeaders
from bot.agent.workarounds.ice_teardown import MENDED_IN as ICE_MENDED_IN
from bot.agent.workarounds.ice_teardown import IceTeardown, guard_relay, guard_sending
from bot.agent.workarounds.in_dialog_requests import Replies
from bot.agent.workarounds.late_transactions import MENDED_IN as TRANSACTIONS_MENDED_IN
from bot.agent.workarounds.late_transactions import end_late_transactions
from bot.agent.workarounds.pending_digits import PendingCallbacks
from bot.agent.workarounds.registry import Registry
from bot.agent.workarounds.request_gate import BEFORE_USER_AGENT, RequestGate
from bot.agent.workarounds.session_parameters import SessionParameters
from bot.agent.workarounds.socket_budget import SocketBudget
from bot.agent.workarounds.unanswered_bye import Sessions
from bot.config import EndpointConfig
from bot.ipc import CallbackFailed, Start, Wired
from bot.model import MediaAddress, ResolvePeers
from bot.sip.intake import Hosts, PeerNames

__all__ = ["NativeModules"]


@dataclass(frozen=True, kw_only=True)
class NativeModules:
    """The installed parts."""

    descriptions: SdpRewriter
    headers: ExtraHeaders
    arrivals: Arrivals | None = None
    authentication: Authentication | None = None
    body: HiddenBody | None = None
    canceller: Canceller | None = None
    decisions: Decisions | None = None
    """Only where REFERs wait for the parent."""
    gate: bool = False
    """Whether INVITEs are refused that the library would not survive."""
    intake: Intake | None = None
    """Reads each message before the library does."""
    ice_teardown: IceTeardown | None = None
    """Only where ICE is used."""
    media_thread: MediaThread | None = None
    messages: WaitingMessages | None = None
    """Only where the names of peers are resolved."""
    pending: PendingCallbacks | None = None
    replies: Replies | None = None
    sessions: Sessions | None = None
    waiting: WaitingInvites | None = None
    withheld: WithheldMedia | None = None
    """Only where media waits for its address to prove itself."""

    @classmethod
    def install(
        cls,
        start: Start,
        loop: Loop,
        report: Callable[[Wired], None],
        workarounds: Registry,
        *,
        trace: Trace,
        legs: Legs,
        budget: SocketBudget,
        admission: Admission,
        names: Names | None,
    ) -> NativeModules:
        """Install everything that the build allows and the settings ask for.

        Raises CommandRefused when the build exports too little for a setting.
        """
        config = start.config
        descriptions, headers = SdpRewriter(), ExtraHeaders(config.headers)
        install = workarounds.install
        modules = install(
            "SIP modules",
            lambda: probed_modules(
                lambda where, trace: report(CallbackFailed(at=time.monotonic(), where=where, traceback=trace))
            ),
        )
        if modules is None:
            if start.ask_about_transfers:
                raise too_little_for_decisions()
            return cls(descriptions=descriptions, headers=headers)

        def received() -> str:
            return trace.last_received

        trace.packets = Packets(modules)
        versions = (4, 6) if config.gathers_everywhere else config.ip_versions
        hosts = Hosts(config.resolve_peers is not ResolvePeers.NEVER, versions, config.ip_versions)
        install("session parameters", lambda: SessionParameters(modules))
        install("late transactions", lambda: end_late_transactions(modules), mended_in=TRANSACTIONS_MENDED_IN)
        install("session descriptions", lambda: descriptions.install(modules))
        headers.install(modules)
        Extensions(config).install(modules, received)
        by_tcp = config.nat.turn is not None and config.nat.turn.transport == "tcp"
        install("relay by TCP", lambda: guard_relay(modules.c), mended_in=ICE_MENDED_IN, wanted=by_tcp)
        install(
            "closed sockets of ICE",
            lambda: guard_sending(modules.c),
            mended_in=ICE_MENDED_IN,
            wanted=config.nat.uses_ice,
        )
        waiting = install(
            "waiting INVITEs", lambda: WaitingInvites(modules, BEFORE_USER_AGENT, loop, admission, budget)
        )
        if waiting is not None:
            waiting.on_release = trace.resume
        invites = invite_judge(received, budget, admission, config.srtp_keying)
        arrivals = install("packets", lambda: Arrivals(modules.c, guarded=not config.nat.uses_ice))

        media_thread = install("media thread", lambda: MediaThread(modules, loop.pause))

        def proved(stream: int) -> bool:
            return arrivals is not None and arrivals.hears_negotiated(stream)

        intake = install(
            "messages",
            lambda: Intake(modules, report, trace.refused, legs, admission, hosts=hosts, soon=loop.soon),
        )
        return cls(
            descriptions=descriptions,
            headers=headers,
            arrivals=arrivals,
            authentication=install("digest credentials", lambda: Authentication(modules, received)),
            body=install("message bodies", lambda: HiddenBody(modules)),
            canceller=install("CANCEL of a re-INVITE", lambda: Canceller(modules)),
            decisions=decisions(modules, received, loop, legs, report) if start.ask_about_transfers else None,
            gate=bool(
                install("request gate", lambda: install_gate(config, modules, invites, waiting, received))
            ),
            intake=intake,
            media_thread=media_thread,
            messages=install(
                "names of peers in messages",
                lambda: waiting_messages(config, modules, loop, names, intake),
                wanted=config.resolve_peers is ResolvePeers.ASYNC,
            ),
            pending=install(
                "last digits",
                lambda: PendingCallbacks(modules, received, needed(media_thread)),
            ),
            ice_teardown=install(
                "end of ICE",
                lambda: IceTeardown(modules, received, legs.sending_streams, loop.soon),
                mended_in=ICE_MENDED_IN,
                wanted=config.nat.uses_ice,
            ),
            replies=install("requests in dialogs", lambda: Replies(modules)),
            sessions=install("ends of calls", lambda: Sessions(modules)),
            waiting=waiting,
            withheld=install(
                "media addresses",
                lambda: WithheldMedia(modules.c, loop, proved),
                wanted=config.media_address is MediaAddress.VERIFIED,
            ),
        )


def probed_modules(report: Callable[[str, str], None]) -> Modules:
    """The registered modules; raises MissingSymbol where they could not read a sent message."""
    modules = Modules(report)
    probe(modules.c)
    return modules


def needed(media_thread: MediaThread | None) -> MediaThread:
    """Raises MissingSymbol without it."""
    if media_thread is None:
        raise MissingSymbol("this build of the library does not let its media thread be waited for")
    return media_thread


def waiting_messages(
    config: EndpointConfig, modules: Modules, loop: Loop, names: Names | None, intake: Intake | None
) -> WaitingMessages:
    """Messages that wait for host names; raises MissingSymbol for a build without the functions."""
    if names is None or intake is None:
        raise MissingSymbol("this build of the library cannot be kept from resolving names itself")

    def awaited(found: PeerNames) -> set[str]:
        """With name servers of its own the library resolves the names of SIP URIs without blocking."""
        signalling = frozenset() if config.nameserver else found.signalling
        return {*signalling, *found.connections, *(found.candidates if config.nat.uses_ice else ())}

    messages = WaitingMessages(modules, BEFORE_EVERYONE, loop, names, awaited)
    messages.on_release, messages.refuse, intake.waits = intake.go_on, intake.refuse, messages.hold
    return messages


def install_gate(
    config: EndpointConfig,
    modules: Modules,
    judge: Callable[[], int],
    waiting: WaitingInvites | None,
    received: Callable[[], str],
) -> bool:
    """Install the gate of out-of-dialog requests; raises MissingSymbol for a build without the functions."""
    accepts = config.accept_registrations
    register = (lambda: granted(received())) if accepts else lambda: None
    return RequestGate(judge, register, waiting, received).install(modules)


def decisions(
    modules: Modules,
    received: Callable[[], str],
    loop: Loop,
    legs: Legs,
    report: Callable[[Wired], None],
) -> Decisions:
    """REFERs that wait for the parent; raises CommandRefused where the build does not allow that."""
    try:
        return Decisions(modules, received, loop, legs, report)
    except MissingSymbol:
        raise too_little_for_decisions() from None


def too_little_for_decisions() -> CommandRefused:
    """The build cannot hold a REFER back."""
    return CommandRefused("native", "this build of the library exports too little for on_refer to decide")
