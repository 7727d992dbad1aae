"""Redaction of secrets in SIP and SDP text: SRTP keys (RFC 4568), passwords, digest responses (RFC 7616)."""

from __future__ import annotations

import re

__all__ = ["REDACTED", "redact"]


REDACTED = "[redacted]"

# The words of an a=crypto line that stay visible; any other word is a key or may be a key.
_CRYPTO_LINE = re.compile(r"(a[ \t]*=[ \t]*crypto[ \t]*:?)([^\r\n]*)", re.IGNORECASE)

_CRYPTO_WORD = re.compile(
    r"[0-9]{1,9}"  # the tag
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+){2,}"  # the crypto suite
    r"|-?[A-Z]{1,16}(?:_[A-Z]{1,16})+(?:=[A-Z0-9_,]{1,16})?"  # a session parameter
    r"|-?[A-Z]{1,16}=[A-Z0-9_,]{1,16}"
    r"|inline|:",
    re.IGNORECASE,
)

_INLINE_WORD = re.compile(r"((?:FEC_KEY=)?inline:)(.*)", re.IGNORECASE | re.DOTALL)

_USUAL_CRYPTO = re.compile(r"([0-9]{1,9} [A-Z][A-Z0-9]*(?:_[A-Z0-9]+){2,} inline:)[^\s;|]+")
"""An a=crypto line as most of them are: without a lifetime, an MKI or session parameters."""

_INLINE = re.compile(r"(inline[ \t]*:[ \t]*)(?!(?-i:\[redacted\])(?:[\s;]|\Z))([^\s;]+)", re.IGNORECASE)

_LIFETIME_OR_MKI = re.compile(r"|(?:2\^)?[0-9]{1,15}|[0-9]{1,15}:[0-9]{1,3}")

_WORD_OF_URI = re.compile(r"(?<![^\s<>\"])[^\s<>\"@]*+@[^\s<>\"]*+")

_MAY_HAVE_PASSWORD = re.compile(r'sips?:[^:@\s<>"]*+:(?![0-9]{1,5}(?:;[^@\s<>"]{0,99})?(?:[\s<>"]|\Z))')
"""In lower case: a colon behind the user, or behind a host without user; not a port at the end of a URI."""

_PASSWORD = re.compile(r"(sips?:[^:@]*):.*", re.IGNORECASE | re.DOTALL)

# Each pattern has a group that stays visible, followed by the secret. One of its words is in every text that
# it matches: a search for words takes 1 us, one for a pattern 20.
_SECRETS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # part of a message that begins inside an inline key; the lifetime or MKI reveals it
    (("|",), re.compile(r"((?<![A-Za-z0-9+/]))[A-Za-z0-9+/]{16,}+={0,2}(?=\|(?:2\^)?[0-9])")),
    # the library's log line at the start of SRTP: "TX: AES_CM_128_HMAC_SHA1_80 key=0123ABCD..."
    (("key", "salt"), re.compile(r"((?:key|salt)[ \t]*[=:][ \t]*\"?)[A-Z0-9+/=]{16,}+", re.IGNORECASE)),
    (
        ("key-mgmt",),
        re.compile(r"(key-mgmt[ \t]*:(?:[ \t]*mikey(?![^ \t]))?[ \t]*)[^\s][^\r\n]*", re.IGNORECASE),
    ),
    (
        ("k=", "k ", "k\t"),
        re.compile(
            r"((?:^|(?<=[\r\n]))[ \t]*k[ \t]*=[ \t]*(?:(?:clear|base64|uri)[ \t]*:)?)(?!prompt\b)[^\r\n]+",
            re.IGNORECASE,
        ),
    ),
    (
        ("clear", "base64", "uri"),
        re.compile(r"((?<!\w)k[ \t]*=[ \t]*(?:clear|base64|uri)[ \t]*:[ \t]*)\S+", re.IGNORECASE),
    ),
    (("ice-pwd",), re.compile(r"(ice-pwd[ \t]*:[ \t]*)[^\s]+", re.IGNORECASE)),
    (
        ("response", "rspauth"),
        re.compile(r"((?<!\w)(?:response|rspauth)\s*=\s*\\?\")[^\"\r\n]*", re.IGNORECASE),
    ),
    (("response", "rspauth"), re.compile(r"((?<!\w)(?:response|rspauth)\s*=\s*)[^\s,;\"\\]+", re.IGNORECASE)),
    (("authorization",), re.compile(r"(Authorization[ \t]*:\s*(?:Basic|Bearer)\s+)\S+", re.IGNORECASE)),
)


def redact(text: str) -> str:
    """Redact keys, passwords and digest responses in ``text``: a message, a part of one, or a log line.

    Identifiers stay visible: tags, suites, lifetimes, MKIs, session parameters, user names, realms and
    nonces.
    """
    lower = text.lower() if text.isascii() else ""  # letters beyond ASCII may match those of a word
    keyed = len(text)
    if not lower or "crypto" in lower:
        keyed = lower.rfind("\n", 0, lower.find("crypto")) + 1  # no line before it has a key
        text = text[:keyed] + _CRYPTO_LINE.sub(_redact_crypto_line, text[keyed:])
    if not lower or "inline" in lower:
        first = max(0, min(keyed, lower.find("inline")))
        text = text[:first] + _INLINE.sub(lambda found: found[1] + _redact_inline(found[2]), text[first:])
    for words, secret in _SECRETS:
        for word in words:
            if not lower or word in lower:
                text = secret.sub(_hide, text)
                break
    if "@" not in text or (lower and not _MAY_HAVE_PASSWORD.search(text.lower())):
        return text
    return _WORD_OF_URI.sub(_redact_password, text)


def _hide(found: re.Match[str]) -> str:
    return found[1] + REDACTED


def _redact_crypto_line(line: re.Match[str]) -> str:
    if usual := _USUAL_CRYPTO.fullmatch(line[2]):
        return line[1] + usual[1] + REDACTED
    return line[1] + re.sub(r"[^\s;]+", _redact_crypto_word, line[2])


def _redact_crypto_word(word: re.Match[str]) -> str:
    if _CRYPTO_WORD.fullmatch(word[0]):
        return word[0]
    inline = _INLINE_WORD.fullmatch(word[0])
    return inline[1] + _redact_inline(inline[2]) if inline else REDACTED


def _redact_inline(key: str) -> str:
    secret, *params = key.split("|")
    shown = (param if _LIFETIME_OR_MKI.fullmatch(param) else REDACTED for param in params)
    return "|".join([REDACTED if secret else "", *shown])


def _redact_password(word: re.Match[str]) -> str:
    before, at, host = word[0].rpartition("@")
    return _PASSWORD.sub(rf"\1:{REDACTED}", before, count=1) + at + host if at else word[0]
