"""Checks of the header fields that a user agent relies on, by the grammar of RFC 3261 25.1 and extensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bot.sip.intake.head import QUOTED, TOKEN, Head
from bot.sip.intake.refusal import BAD_REQUEST, SILENCE, Refusal

__all__ = ["check_fields", "check_grammar", "is_address"]

HOST = rb"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9_.-]++)"
LWS = rb"[ \t]*+"
VALUE = rb"(?>%s|%s|\[[0-9A-Fa-f:.]++\])" % (TOKEN, QUOTED)
PARAMETER = rb"%s;%s(?>%s(?:%s=%s%s?+)?+)?+" % (LWS, LWS, TOKEN, LWS, LWS, VALUE)
PARAMETERS = rb"(?:%s)*+" % PARAMETER
SCHEME = rb"[A-Za-z][A-Za-z0-9+.-]*+:"
NAME_ADDR = rb'(?>%s|[^"<>,;:@=]*+)%s<%s[^<>"]++>' % (QUOTED, LWS, SCHEME)
ADDRESS = rb'(?>%s|%s(?:[^<>"\s,?@]*+@)?+[^<>"\s,?&]++)' % (NAME_ADDR, SCHEME)
"""For the library an & behind the host ends the header field, and another one begins."""
IPV6_ADDRESS = rb"[0-9A-Fa-f]*+:[0-9A-Fa-f:.]++"
RECEIVED = rb"%s;%sreceived%s=%s%s%s" % (LWS, LWS, LWS, LWS, IPV6_ADDRESS, LWS)
"""RFC 3261 25.1 and RFC 5118 4.5: an IPv6 address with and without brackets."""
ONE_VIA = rb"SIP%s/%s2\.0%s/%s%s[ \t]++%s(?:%s:%s[0-9]{1,5}+)?+(?:(?>%s|%s))*+" % (
    *(LWS, LWS, LWS, LWS, TOKEN, HOST, LWS, LWS),
    *(RECEIVED, PARAMETER),
)
CREDENTIALS = rb'%s(?:[ \t]++(?>%s|[^"&])++)?+' % (TOKEN, QUOTED)
"""RFC 3261 25.1, as far as the library could read on behind an &."""


def listed(one: bytes) -> bytes:
    """The grammar of a comma-separated list."""
    return rb"(?>%s)(?:%s,%s(?>%s))*+" % (one, LWS, LWS, one)


def compiled(grammar: bytes) -> Callable[[bytes], object]:
    """A matcher for a grammar; it runs in linear time, because possessive matching never backtracks."""
    return re.compile(grammar, re.IGNORECASE).fullmatch


ADDRESS_AND_MORE = ADDRESS + LWS + PARAMETERS
ROUTE = NAME_ADDR + LWS + PARAMETERS
SECONDS = rb"[0-9]{1,10}+(?:%s\([^()]*+\))?+%s" % (LWS, PARAMETERS)
WORD = rb'[A-Za-z0-9.!%*_+`\'~()<>:\\/"\[\]?{}-]++'
is_address = compiled(ADDRESS_AND_MORE)
CSEQ = re.compile(rb"([0-9]{1,10})[ \t]+(%s)" % TOKEN)
NUMBER = re.compile(rb"[0-9]+")
HIGHEST_CSEQ = 2**31 - 1
HIGHEST_NUMBER = 2**32 - 1
SINGLE = (b"from", b"to", b"call-id", b"cseq", b"max-forwards", b"content-length", b"content-type")
MANDATORY = (b"via", b"from", b"to", b"call-id", b"cseq")
GRAMMAR: dict[bytes, Callable[[bytes], object]] = {
    b"via": compiled(listed(ONE_VIA)),
    b"from": is_address,
    b"to": is_address,
    b"call-id": compiled(rb"%s(?:@%s)?+" % (WORD, WORD)),
    b"contact": compiled(rb"\*|%s" % listed(ADDRESS_AND_MORE)),
    b"route": compiled(listed(ROUTE)),
    b"record-route": compiled(listed(ROUTE)),
    b"service-route": compiled(listed(ROUTE)),
    b"path": compiled(listed(ROUTE)),
    b"refer-to": is_address,
    b"referred-by": is_address,
    b"replaces": compiled(rb"%s(?:@%s)?+%s" % (WORD, WORD, PARAMETERS)),
    b"event": compiled(TOKEN + PARAMETERS),
    b"subscription-state": compiled(TOKEN + PARAMETERS),
    b"authorization": compiled(CREDENTIALS),
    b"proxy-authorization": compiled(CREDENTIALS),
    b"www-authenticate": compiled(CREDENTIALS),
    b"proxy-authenticate": compiled(CREDENTIALS),
    b"content-type": compiled(rb"%s%s/%s%s%s" % (TOKEN, LWS, LWS, TOKEN, PARAMETERS)),
    b"require": compiled(rb"(?:%s)?" % listed(TOKEN)),
    b"supported": compiled(rb"(?:%s)?" % listed(TOKEN)),
    b"max-forwards": NUMBER.fullmatch,
    b"content-length": NUMBER.fullmatch,
    b"expires": compiled(SECONDS),
    b"min-expires": compiled(SECONDS),
    b"session-expires": compiled(SECONDS),
    b"min-se": compiled(SECONDS),
    b"retry-after": compiled(SECONDS),
    b"rseq": NUMBER.fullmatch,
    b"rack": compiled(rb"[0-9]+[ \t]+[0-9]+[ \t]+%s" % TOKEN),
}
BOUNDED = (b"expires", b"min-expires", b"session-expires", b"min-se", b"retry-after", b"rseq", b"rack")
METHODS = {
    *(b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"REGISTER", b"PRACK", b"UPDATE", b"INFO"),
    *(b"MESSAGE", b"SUBSCRIBE", b"NOTIFY", b"REFER", b"PUBLISH"),
}
"""Those that the library compares without regard to case."""
NOT_IMPLEMENTED = 501
HIGHEST_HOPS = 255
REQUEST_URI = compiled(rb"%s[^\s<>]+" % SCHEME)
SIP_URI = re.compile(rb"sips?:(?:[^@]*@)?(%s)(?::([0-9]{1,5}))?(?:[;?].*)?" % HOST, re.IGNORECASE)
HIGHEST_PORT = 65535


def check_fields(head: Head) -> None:
    """Raise Refusal unless each field matches its grammar."""
    fields = head.fields
    for name in MANDATORY:
        if name not in fields:
            raise Refusal("missing-field", SILENCE, f"{title(name)} is missing")
    check_grammar(fields)
    check_numbers(head)
    check_sequence(head)
    if head.method:
        check_request(head)


def check_grammar(fields: Mapping[bytes, Sequence[bytes]]) -> None:
    """Raise Refusal for a field that stands there too often, or that does not match its grammar."""
    for name in SINGLE:
        if len(fields.get(name, ())) > 1:
            raise Refusal("repeated-field", BAD_REQUEST, f"{title(name)} stands there more than once")
    for name, values in fields.items():
        grammar = GRAMMAR.get(name)
        if grammar is not None:
            for value in values:
                if not grammar(value):
                    raise Refusal("malformed-field", BAD_REQUEST, f"{title(name)} is malformed")


def check_numbers(head: Head) -> None:
    """Raise Refusal for a number that is out of range."""
    for name in BOUNDED:
        for value in head.fields.get(name, ()):
            if any(int(number) > HIGHEST_NUMBER for number in NUMBER.findall(value.partition(b";")[0])):
                raise Refusal("number-range", BAD_REQUEST, f"{title(name)} is out of range")
    hops = head.first(b"max-forwards")
    if hops is not None and (len(hops) > 10 or int(hops) > HIGHEST_HOPS):
        raise Refusal("number-range", BAD_REQUEST, "Max-Forwards is out of range")
    length = head.first(b"content-length")
    if length is not None and (len(length) > 10 or int(length) > len(head.body)):
        raise Refusal("content-length", BAD_REQUEST, "Content-Length is more than the body has")


def check_sequence(head: Head) -> None:
    """Raise Refusal for a CSeq out of range, or with another method than its request."""
    found = CSEQ.fullmatch(head.first(b"cseq") or b"")
    if found is None or int(found[1]) > HIGHEST_CSEQ:
        raise Refusal("malformed-field", BAD_REQUEST, "CSeq is malformed")
    if head.method and found[2] != head.method:
        raise Refusal("cseq-method", BAD_REQUEST, "CSeq has another method than the request line")


def check_request(head: Head) -> None:
    """Raise Refusal for a malformed Request-URI."""
    method = head.method.upper()
    if method in METHODS and method != head.method:
        code = SILENCE if method == b"ACK" else NOT_IMPLEMENTED
        raise Refusal("method-case", code, "its method differs from a known one in case (RFC 3261 7.1)")
    if not REQUEST_URI(head.uri):
        raise Refusal("request-uri", BAD_REQUEST, "the Request-URI is malformed")
    if head.uri[:4].lower().startswith((b"sip:", b"sips")):
        found = SIP_URI.fullmatch(head.uri)
        if not found or int(found[2] or 0) > HIGHEST_PORT:
            raise Refusal("request-uri", BAD_REQUEST, "the Request-URI is malformed")


def title(name: bytes) -> str:
    """The usual spelling of the name: Call-ID, CSeq."""
    return {b"call-id": "Call-ID", b"cseq": "CSeq"}.get(name, name.decode("ascii", "replace").title())
