"""The decision about a received SIP message: pass, change, refuse or drop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.sip.intake.description import IPV4_ONLY, Hosts, checked_description
from bot.sip.intake.dtls import check_dtls_offer, with_usable_fingerprints
from bot.sip.intake.dtmf_relay import checked_relay
from bot.sip.intake.fields import CSEQ, GRAMMAR, MANDATORY, check_fields, check_grammar, title
from bot.sip.intake.head import COMPACT, FOLD, RESPONSE_START, Head, read_head, unfolded
from bot.sip.intake.multipart import media_type, parts_of
from bot.sip.intake.next_hop import check_next_hop
from bot.sip.intake.refusal import SILENCE, UNSUPPORTED_MEDIA_TYPE, Mended, Refusal
from bot.sip.status import is_early, is_success

__all__ = ["Dialogs", "Mended", "Refusal", "bare_copy", "judge"]

DOES_NOT_EXIST, PENDING = 481, 491
AFTER_ITS_END = {b"INVITE", b"UPDATE", b"INFO", b"REFER", b"MESSAGE", b"PRACK", b"OPTIONS"}
"""Methods whose late requests the library would hand to the call that now has the dialog's slot."""
MADDR = re.compile(rb";[ \t]*+maddr[ \t]*+=[ \t]*+[^;,\s]*", re.IGNORECASE)
VIA = re.compile(rb"\n(?:via|v)[ \t]*+:[^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+", re.IGNORECASE)
TAG = re.compile(rb";[ \t]*tag[ \t]*=[ \t]*([^ \t;,]+)", re.IGNORECASE)
SDP, FRAGMENT = b"application/sdp", b"application/trickle-ice-sdpfrag"
SERVICE_ROUTE = b"service-route"
MOST_ROUTES = 8
"""PJSUA_ACC_MAX_PROXIES."""
DTMF = b"application/dtmf-relay"
READ = {SDP, FRAGMENT}
"""The types that the library reads as session descriptions."""
LENGTH = re.compile(rb"^((?:content-length|l)[ \t]*:)[^\n]*", re.IGNORECASE)
HEAD_END = re.compile(rb"\r?\n\r?\n")


class Dialogs:
    """The state of dialogs by Call-ID; this base class knows no dialogs."""

    def is_over(self, call_id: bytes) -> bool:
        """Whether the call has ended."""
        return False

    def is_inviting(self, call_id: bytes) -> bool:
        """Whether an INVITE of this side is pending (no final response yet)."""
        return False

    def owner(self, tag: bytes) -> bytes | None:
        """The Call-ID of the call in which this side has this tag; None if unknown."""
        return None


UNKNOWN = Dialogs()


def judge(data: bytes, *, hosts: Hosts = IPV4_ONLY, dialogs: Dialogs = UNKNOWN) -> Mended | Refusal | None:
    """Judge a message; None lets it pass unchanged. ``hosts`` are permitted in its description."""
    try:
        head = read_head(data)
        check_fields(head)
        check_dialog(head, dialogs)
        check_response(head)
        routed = without_maddr(data) if head.method else data
        change = Mended("via-maddr", routed) if routed is not data else bounded_routes(head, data)
        change = check_body(head, change.data if change else data, hosts) or change
        check_next_hop(head, hosts.signalling)
        return change
    except Refusal as refusal:
        return refusal


def without_maddr(data: bytes) -> bytes:
    """A request without the maddr that would lead its response elsewhere (RFC 3261 18.2.2)."""
    if b"maddr" not in data.lower():
        return data
    via = VIA.search(data)
    gap = HEAD_END.search(data.lstrip(b"\r\n"))
    if via is None or (gap and via.start() > gap.start() + len(data) - len(data.lstrip(b"\r\n"))):
        return data
    plain = MADDR.sub(b"", via[0])
    return data if plain == via[0] else data[: via.start()] + plain + data[via.end() :]


def check_dialog(head: Head, dialogs: Dialogs) -> None:
    """Raise Refusal for a request of a dialog that has ended (RFC 3261 12.2.2).

    An ACK without a To tag belongs to no dialog: every response of ours to an INVITE has a tag.
    """
    call_id = head.first(b"call-id") or b""
    tag = to_tag(head)
    owner = dialogs.owner(tag) if tag and head.method else None
    if owner is not None and owner != call_id:
        code = SILENCE if head.method == b"ACK" else DOES_NOT_EXIST
        raise Refusal("other-dialog", code, "its To tag belongs to another Call-ID (RFC 3261 12.2.2)")
    if head.method in AFTER_ITS_END and dialogs.is_over(call_id) and is_tagged(head):
        raise Refusal("ended-dialog", DOES_NOT_EXIST, "its dialog has ended")
    if head.method == b"INVITE" and dialogs.is_inviting(call_id) and is_tagged(head):
        raise Refusal(
            "invite-in-progress", PENDING, "an INVITE of this side is not answered yet (RFC 3261 14.2)"
        )
    if head.method == b"ACK" and not is_tagged(head):
        raise Refusal(
            "ack-without-tag", SILENCE, "an ACK without a To tag belongs to no dialog (RFC 3261 12)"
        )


def is_tagged(head: Head) -> bool:
    """Whether To has a tag."""
    return bool(to_tag(head))


def to_tag(head: Head) -> bytes:
    """The tag of To; empty without one."""
    found = TAG.search((head.first(b"to") or b"").rpartition(b">")[2])
    return found[1] if found else b""


def check_response(head: Head) -> None:
    """Raise Refusal for a reliable provisional response (RFC 3262) that answers no INVITE."""
    if is_early(head.status) and b"rseq" in head.fields and cseq_method(head) != b"INVITE":
        raise Refusal("prack-out-of-place", SILENCE, "only responses to INVITE are reliable (RFC 3262 3)")


def bounded_routes(head: Head, data: bytes) -> Mended | None:
    """A response without its Service-Route fields (RFC 3608) if there are more than an account can store."""
    if not head.status or sum(one.count(b"<") for one in head.fields.get(SERVICE_ROUTE, ())) <= MOST_ROUTES:
        return None
    start = data.lstrip(b"\r\n").split(b"\n", 1)[0].rstrip(b"\r")
    kept = [line for line in head.lines if line.partition(b":")[0].strip().lower() != SERVICE_ROUTE]
    return Mended("service-route-count", b"\r\n".join([start, *kept]) + b"\r\n\r\n" + head.body)


def cseq_method(head: Head) -> bytes:
    """The method of the request that a response answers."""
    return (head.first(b"cseq") or b"").split()[1]


def may_describe(head: Head) -> bool:
    """Whether SDP in this response is an offer or an answer (RFC 3261 13.2.1, RFC 3262 5, RFC 3311 5).

    Our PRACK never carries an offer, so its response carries no answer.
    """
    method = cseq_method(head)
    if method == b"INVITE":
        return head.status < 300
    return method == b"OPTIONS" or (method == b"UPDATE" and is_success(head.status))


def check_body(head: Head, data: bytes, hosts: Hosts) -> Mended | None:
    """Raise Refusal for a body that cannot be decoded, or for a malformed one of a known type."""
    length = head.first(b"content-length")
    body = head.body if length is None else head.body[: int(length)]
    if not body:
        return None
    check_coding(head.fields, b"content-encoding", {b"identity"})
    content_type = head.first(b"content-type") or b""
    if media_type(content_type).startswith(b"multipart/"):
        change = check_parts(head, content_type, body, hosts)
    else:
        change = check_content(head, media_type(content_type), body, hosts)
        if change is None and media_type(content_type) == DTMF and head.method == b"INFO":
            change = checked_relay(body)
    if change is not None:
        return Mended(change.rule, with_body(data, change.data))
    return Mended("surplus", with_body(data, body)) if len(body) < len(head.body) else None


def check_parts(head: Head, content_type: bytes, body: bytes, hosts: Hosts) -> Mended | None:
    """Check each part of a multipart body; the library uses the first one that is a session description."""
    rule = ""
    for part in reversed(parts_of(content_type, body)):
        check_grammar(part.fields)
        kind = media_type(next(iter(part.fields.get(b"content-type", ())), b"text/plain"))
        if kind in READ:
            check_coding(part.fields, b"content-encoding", {b"identity"})
            check_coding(part.fields, b"content-transfer-encoding", {b"7bit", b"8bit", b"binary"})
        change = check_content(head, kind, body[part.start : part.end], hosts)
        if change is not None and not change.data:
            return change
        if change is not None:
            rule, body = change.rule, body[: part.start] + change.data + body[part.end :]
    return Mended(rule, body) if rule else None


def check_content(head: Head, kind: bytes, body: bytes, hosts: Hosts) -> Mended | None:
    """Check a session description, or a fragment of one; other types pass."""
    if kind == SDP and head.status and not may_describe(head):
        return Mended("sdp-out-of-place", b"")
    if kind not in READ:
        return None
    change = None
    if kind == SDP:
        check_dtls_offer(head.method, body)
        change = with_usable_fingerprints(body)
    usable = change.data if change is not None else body
    return checked_description(usable, hosts, fragment=kind == FRAGMENT) or change


def check_coding(fields: Mapping[bytes, Sequence[bytes]], name: bytes, known: set[bytes]) -> None:
    """Raise Refusal for a coding that is not known (RFC 3261 8.2.3)."""
    for value in fields.get(name, ()):
        if value.lower() not in known:
            raise Refusal(
                "encoded-body",
                UNSUPPORTED_MEDIA_TYPE,
                f"its {title(name)} is not {' or '.join(sorted(one.decode() for one in known))}",
                headers=(("Accept-Encoding", "identity"),),
            )


def with_body(data: bytes, body: bytes) -> bytes:
    """The message with another body and the matching Content-Length."""
    gap = HEAD_END.search(data.lstrip(b"\r\n"))
    head = data.lstrip(b"\r\n")[: gap.start()] if gap else data
    lines = [LENGTH.sub(rb"\g<1> %d" % len(body), line) for line in head.split(b"\n")]
    return b"\n".join(lines) + b"\r\n\r\n" + body


def bare_copy(data: bytes) -> bytes:
    """The request reduced to the fields that a response repeats (RFC 3261 8.2.6.2); empty if that fails.

    Of a response there is none, since a response is never answered (RFC 3261 18.3).

    A response does not need the Request-URI. A maddr parameter is left out, because it would send the
    response elsewhere.
    """
    text = HEAD_END.split(data.lstrip(b"\r\n"), maxsplit=1)[0]
    kept: list[bytes] = []
    method = b""
    start, *lines = unfolded(text)
    if RESPONSE_START.match(start):
        return b""
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        name = COMPACT.get(name, name)
        if name not in MANDATORY:
            continue
        value = FOLD.sub(b" ", value).strip()
        if name == b"via":
            value = MADDR.sub(b"", value)
        known = GRAMMAR.get(name, CSEQ.fullmatch)(value) and b"\r" not in value
        if not known or (name != b"via" and name in seen(kept)):
            return b""
        if name == b"cseq":
            method = value.split()[1]
        kept.append(name + b": " + value)
    if seen(kept) != set(MANDATORY) or method.upper() == b"ACK":
        return b""
    return b"%s sip:refused@invalid SIP/2.0\r\n%s\r\nContent-Length: 0\r\n\r\n" % (method, b"\r\n".join(kept))


def seen(lines: list[bytes]) -> set[bytes]:
    """The names of these fields."""
    return {line.partition(b":")[0] for line in lines}
