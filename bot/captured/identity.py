"""Settings of the endpoint that plays a side (identity, codecs, SRTP mode), and headers of its INVITE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.captured.reading import Said
from bot.captured.yaml_text import Raw
from bot.config import codec_problem
from bot.errors import ConfigError
from bot.model import Codec, CryptoSuite
from bot.sip import SdpMedia, parse_uri

__all__ = ["Settings", "audio_of", "codec_name", "kept_headers", "settings"]

OF_THE_DIALOG = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "allow",
        "allow-events",
        "authorization",
        "call-id",
        "contact",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-type",
        "cseq",
        "date",
        "from",
        "max-forwards",
        "mime-version",
        "min-se",
        "p-early-media",
        "proxy-authorization",
        "proxy-require",
        "record-route",
        "require",
        "route",
        "rseq",
        "session-expires",
        "supported",
        "timestamp",
        "to",
        "user-agent",
        "via",
    ]
)
"""Header fields that the library writes, or that belong to the captured dialog or network."""
CREDENTIALS = {"authorization", "proxy-authorization"}
MOST_HEADERS = 20
EVENT = "telephone-event"
WITH_RATE = {"speex", "l16", "silk"}
"""Codecs that a build has at several clock rates."""
STANDARD_PTIME_MS = 20


@dataclass
class Settings:
    """Keys of the endpoint, and what could not be taken over."""

    values: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def settings(invite: Said, sdp: SdpMedia | None, played: Said, codecs: Sequence[Codec] | None) -> Settings:
    """The settings of a side.

    ``sdp`` is the first audio line that the side sent, ``played`` its first message, ``codecs`` those of the
    build.
    """
    found = Settings()
    values = found.values
    party = invite.message.header("From" if played.by_caller else "To") or ""
    if ">" in party:
        party = party.rpartition(">")[0] + ">"  # without the parameters of the header field
    try:
        uri = parse_uri(party)
    except ConfigError:
        found.notes.append(f"identity {party}: not a URI")
    else:
        if uri.user and uri.scheme in {"sip", "sips"}:
            host = f"{uri.host}:{uri.port}" if uri.port else uri.host
            values["id"] = f"{uri.scheme}:{uri.user}@{host}"
        if uri.display_name:
            values["display_name"] = uri.display_name
    via = (invite.message.header("Via") or "").split(" ")[0].rpartition("/")[2].lower()
    if via in {"tcp", "tls"}:
        values["transports"] = [Raw(via)]
    if via == "tls":
        values["tls"] = {"insecure": True}
        found.notes.append("TLS: certificates are not in a capture; the peer's is not verified")
    agent = played.message.header("User-Agent") or played.message.header("Server")
    if agent:
        values["user_agent"] = agent
    if sdp is not None:
        media_settings(sdp, codecs, found)
    else:
        found.notes.append("no SDP with audio: codecs and SRTP mode are the defaults")
    return found


def media_settings(sdp: SdpMedia, codecs: Sequence[Codec] | None, found: Settings) -> None:
    """Codecs in their order, SRTP mode, suites, packet time, telephone-events."""
    values = found.values
    names = list(dict.fromkeys(codec_name(sdp, form) for form in sdp.formats))
    wanted = [name for name in names if name and name.lower() != EVENT and name.lower() not in {"cn", "red"}]
    known = [name for name in wanted if codecs is None or codec_problem(name, codecs) is None]
    if known:
        values["codecs"] = known
    if missing := [name for name in wanted if name not in known]:
        found.notes.append(f"codecs that this build does not have: {', '.join(missing)}")
    suites = list(dict.fromkeys(crypto.suite for crypto in sdp.crypto))
    usable = [suite for suite in suites if suite in {one.value for one in CryptoSuite}]
    if sdp.keys.startswith("DTLS"):
        values["srtp"] = Raw("mandatory")
        values["srtp_keying"] = [Raw("dtls")]
    elif usable:
        values["srtp"] = Raw("mandatory" if sdp.secure else "optional")
        values["suites"] = [Raw(suite) for suite in usable]
    else:
        values["srtp"] = Raw("off")
    if unknown := [suite for suite in suites if suite not in usable]:
        found.notes.append(f"crypto suites that are not known: {', '.join(unknown)}")
    if sdp.ptime and round(sdp.ptime) != STANDARD_PTIME_MS and 10 <= sdp.ptime <= 120:
        values["ptime_ms"] = round(sdp.ptime)


def codec_name(sdp: SdpMedia, form: str) -> str:
    """The name of a payload type, with the clock rate where a build may have several; empty if unknown."""
    from media.rtp.codecs import STATIC_TYPES

    mapped = sdp.rtpmaps.get(form, "")
    name, _, rate = mapped.partition("/")
    if not name and form.isdigit() and int(form) in STATIC_TYPES:
        name, rate = (str(part) for part in STATIC_TYPES[int(form)][:2])
    if name.lower() in WITH_RATE:
        return f"{name}/{rate.partition('/')[0]}"
    return name


def audio_of(media: Sequence[SdpMedia]) -> SdpMedia | None:
    """The first audio line in use."""
    return next((line for line in media if line.type == "audio" and not line.rejected), None)


def kept_headers(said: Said) -> tuple[dict[str, object], list[str]]:
    """Header fields of a request that are worth keeping, and notes about the others."""
    kept: dict[str, list[str]] = {}
    notes = []
    for name, value in said.message.fields:
        if name.lower() in CREDENTIALS:
            notes.append(f"{name}: credentials are not in a capture; set user and password")
        elif name.lower() not in OF_THE_DIALOG and is_field_name(name):
            kept.setdefault(name, []).append(value)
    if len(kept) > MOST_HEADERS:
        notes.append(f"{len(kept) - MOST_HEADERS} further header fields")
    chosen = list(kept.items())[:MOST_HEADERS]
    return dict(flattened(chosen)), notes


def flattened(fields: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[str, object]]:
    """One value as a text, several as a list."""
    for name, values in fields:
        yield name, values[0] if len(values) == 1 else values


def is_field_name(name: str) -> bool:
    """Whether a name is a token (RFC 3261 section 25.1)."""
    return name.isascii() and all(one.isalnum() or one in "-.!%*_+`'~" for one in name)
