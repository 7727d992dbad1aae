"""Steps of the played side and expectations of the other side, each at its time in the capture."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.captured.attended import replaced_by
from bot.captured.identity import audio_of, codec_name, kept_headers
from bot.captured.reading import Said
from bot.captured.yaml_text import Raw
from bot.errors import ConfigError
from bot.model import MediaDirection
from bot.sip import OfferAnswer, Sdp, SdpMedia, digit_of, is_challenge, parse_sdp, parse_uri

__all__ = ["Moment", "Script", "sdp_of"]

LONGEST_BODY = 500
NAME_ADDR = re.compile(r"<([^<>]+)>")
STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})")
OF_THE_LIBRARY = {"ACK", "PRACK", "NOTIFY"}
"""Methods that the library sends by itself."""


@dataclass(frozen=True)
class Moment:
    """A step, or with an empty ``verb`` a comment, at a time of the capture; ``ours`` does, others expect."""

    at: float
    ours: bool
    verb: str
    values: dict[str, object] = field(default_factory=dict)
    note: str = ""
    lasts_s: float = 0.0


class Script:
    """Reads the messages of a call from one side; ``name`` is that side's endpoint.

    ``call`` names the call where the endpoint places several, ``calls`` are the others by Call-ID, and
    ``peer`` is the variable with the called party.
    """

    def __init__(
        self,
        said: Sequence[Said],
        as_caller: bool,
        name: str,
        *,
        call: str = "",
        calls: Mapping[str, str] | None = None,
        peer: str = "PEER",
    ) -> None:
        self.moments: list[Moment] = []
        self.transfers = False
        """Whether the other side sent REFER."""
        self.challenged = False
        """Whether the INVITE was challenged."""
        self.target = ""
        """Request-URI of the INVITE."""
        self.refer_targets: list[str] = []
        """Targets of the blind transfers by the played side."""
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self._said = said
        self._as_caller = as_caller
        self._endpoint, self._call_name, self._peer = Raw(name), call, peer
        self._calls = calls or {}
        self._on = Raw(f"{name}.{call}") if call else Raw(name)
        self._exchanges = OfferAnswer()
        self._agreed: tuple[Sdp, Sdp] | None = None
        self._offered = MediaDirection.SENDRECV
        """Direction in the last SDP of the played side."""
        self._codecs: list[str] = []
        self._seen_codes: set[int] = set()
        self._in_progress = False
        for one in said:
            self._read(one)

    def _step(self, one: Said, verb: str, **values: object) -> None:
        self.moments.append(Moment(one.at, verb != "expect", verb, {"on": self._on, **values}))

    def _note(self, one: Said, text: str) -> None:
        self.moments.append(Moment(one.at, False, "", note=text))

    # ---- messages

    def _read(self, one: Said) -> None:
        ours = one.by_caller is self._as_caller
        message = one.message
        if one.method == "INVITE" and (message.is_request or self.answered_at is None):
            self._invite(one, ours)
        elif message.is_request and one.method not in OF_THE_LIBRARY:
            self._request(one, ours)
        self._exchanges.feed(ours, message)
        self._follow_media(one, ours)

    def _invite(self, one: Said, ours: bool) -> None:
        message = one.message
        if message.is_request:
            if self.answered_at is not None:
                if ours:
                    self._renegotiate(one, "reinvite")
            elif ours:
                self._call(one)
            elif not self.target:
                self.target = message.uri or ""
                self._step(one, "expect", state=Raw("incoming"))
        elif message.is_provisional:
            self._provisional(one, ours)
        elif message.is_success:
            self._answer(one, ours)
        elif is_challenge(message.status) and not ours:
            self.challenged = True
        else:
            self._refuse(one, ours)

    def _call(self, one: Said) -> None:
        if self.target:
            return  # again, with credentials
        self.target = one.message.uri or ""
        headers, notes = kept_headers(one)
        values: dict[str, object] = {"from": self._endpoint, "to": Raw(f'"${{{self._peer}}}"')}
        if self._call_name:
            values["as"] = Raw(self._call_name)
        if headers:
            values["headers"] = headers
        self.moments.append(Moment(one.at, True, "call", values))
        for note in notes:
            self._note(one, note)

    def _provisional(self, one: Said, ours: bool) -> None:
        code, with_sdp = one.message.status, bool(one.message.sdp)
        if code == 100 or code in self._seen_codes:
            return
        self._seen_codes.add(code)
        if ours:
            self._step(one, "ring", code=code)
            if with_sdp is not (code == 183):
                self._note(one, f"this {code} had {'an' if with_sdp else 'no'} SDP answer")
        else:
            media = {"media": Raw("active")} if with_sdp else {}
            self._step(one, "expect", response=code, **media)

    def _answer(self, one: Said, ours: bool) -> None:
        self.answered_at = one.at
        if ours:
            self._step(one, "answer", **({"code": one.message.status} if one.message.status != 200 else {}))
        self._step(one, "expect", state=Raw("confirmed"))

    def _refuse(self, one: Said, ours: bool) -> None:
        if self.ended_at is not None or (is_challenge(one.message.status) and ours):
            if self.ended_at is None:
                self._note(one, f"the played side asked for credentials with {one.message.status}")
            return
        code = one.message.status
        if self._in_progress:  # CANCEL, which the library answers with 487
            self.ended_at = one.at
            return
        if ours:
            self._step(one, "reject", code=code, **self._redirection(one))
        else:
            self._step(one, "expect", state=Raw("disconnected"), code=code)
        self.ended_at = one.at

    def _redirection(self, one: Said) -> dict[str, object]:
        targets = [found for field in one.message.headers("Contact") for found in NAME_ADDR.findall(field)]
        return {"to": targets[:10]} if 300 <= one.message.status < 400 and targets else {}

    def _request(self, one: Said, ours: bool) -> None:
        match one.method:
            case "BYE" if self.ended_at is None:
                self.ended_at = one.at
                if ours:
                    self._step(one, "hangup" if self.answered_at is not None else "bye")
                else:
                    self._step(one, "expect", state=Raw("disconnected"), by=Raw("remote"))
            case "CANCEL" if self.answered_at is None and not self._in_progress:
                self._in_progress = True
                if ours:
                    self._step(one, "cancel")
                else:
                    self._step(one, "expect", state=Raw("disconnected"), code=487)
            case "UPDATE" if ours and one.message.sdp:
                self._renegotiate(one, "update")
            case "REFER":
                self._refer(one, ours)
            case "INFO" if digit_of(one.message) is None:
                self._body(one, ours, "info")
            case "MESSAGE":
                self._body(one, ours, "message")
            case "BYE" | "CANCEL" | "UPDATE" | "INFO":
                pass
            case method:
                self._note(one, f"{method} by {'the played' if ours else 'the other'} side")

    def _body(self, one: Said, ours: bool, verb: str) -> None:
        body, kind = one.message.body, one.message.content_type or ""
        if len(body) > LONGEST_BODY or not body.isprintable():
            self._note(one, f"{one.method} with a body of {len(body)} characters, {kind or 'no type'}")
        elif not ours:
            self._step(one, "expect", **{verb: re.escape(body)})
        elif verb == "info":
            self._step(one, "info", body=body, content_type=kind)
        else:
            self._step(one, "message", text=body)

    def _refer(self, one: Said, ours: bool) -> None:
        target = (one.message.header("Refer-To") or "").strip()
        uri = found[1] if (found := NAME_ADDR.search(target)) else target
        if not ours:
            self.transfers = True
            user, code = user_of(uri), self._result_of_transfer(one)
            if code is not None and code < 300:
                self._step(one, "expect", transferred=re.escape(f"{user}@" if user else uri))
            self._note(one, f"the call to {uri}, the target of a transfer, is not taken over")
            return
        replaced = replaced_by(uri)
        if replaced is not None and replaced not in self._calls:
            self._note(one, f"an attended transfer: the played side places no call {replaced} in the capture")
            return
        code = self._result_of_transfer(one)
        values: dict[str, object] = {"wait": False} if code is None else {"code": code}
        if replaced is not None:
            values["to_call"] = Raw(f"{self._endpoint}.{self._calls[replaced]}")
        else:
            self.refer_targets.append(uri)
            values["to"] = Raw(f'"${{TARGET{len(self.refer_targets)}}}"')
        self._step(one, "transfer", **values)

    def _result_of_transfer(self, one: Said) -> int | None:
        """The status code of the last NOTIFY of a REFER (RFC 3515), if it is a final one."""
        requests = [other for other in self._said if other.message.is_request]
        later = (other.at for other in requests if other.method == "REFER" and other.at > one.at)
        end = next(later, math.inf)
        bodies = [
            other.message.body for other in requests if other.method == "NOTIFY" and one.at <= other.at < end
        ]
        codes = [int(found[1]) for body in bodies if (found := STATUS_LINE.match(body))]
        refused = self._response(one)
        if refused is not None and refused >= 300:
            return refused
        return codes[-1] if codes and codes[-1] >= 200 else None

    def _response(self, one: Said) -> int | None:
        """The status code of the final response to a request."""
        responses = (
            other.message.status
            for other in self._said
            if other.message.cseq == one.message.cseq
            and other.by_caller is not one.by_caller
            and other.message.is_final
        )
        return next(responses, None)

    # ---- media

    def _renegotiate(self, one: Said, verb: str) -> None:
        """A re-INVITE or UPDATE of the played side."""
        code = self._response(one)
        expected: dict[str, object] = {"code": code} if code is not None and code >= 300 else {}
        line = audio_of(sdp.media) if (sdp := sdp_of(one)) is not None else None
        if line is None:
            if verb == "reinvite" and sdp is None:
                self._step(one, "reinvite", offer=False, **expected)
            else:
                self._note(one, f"{one.method} that ends the audio stream")
            return
        wanted = MediaDirection.SENDONLY if line.on_hold and line.direction is SENDRECV else line.direction
        codecs = codecs_of(line)
        if verb == "reinvite" and wanted in HOLDS and wanted is not self._offered:
            self._step(one, "hold", direction=Raw(wanted.value), **expected)
        elif verb == "reinvite" and wanted is SENDRECV and self._offered in HOLDS:
            self._step(one, "unhold", **expected)
        elif wanted is not self._offered:
            self._step(one, verb, direction=Raw(wanted.value), **expected)
        elif codecs and self._codecs and codecs != self._codecs and set(codecs) <= set(self._codecs):
            self._note(one, f"{one.method} with fewer codecs, which the library does by itself")
        elif codecs and self._codecs and codecs != self._codecs:
            self._step(one, verb, codecs=codecs, **expected)
        else:
            self._note(one, f"{one.method} without a change, as for a session timer")

    def _follow_media(self, one: Said, ours: bool) -> None:
        sdp = sdp_of(one)
        if ours and sdp is not None and (line := audio_of(sdp.media)) is not None:
            held = line.on_hold and line.direction is SENDRECV
            self._offered = MediaDirection.SENDONLY if held else line.direction
            self._codecs = codecs_of(line)
        now = self._exchanges.current
        if now is None or self.answered_at is None or (now.offer, now.answer) == self._agreed:
            return
        first = self._agreed is None
        self._agreed = now.offer, now.answer
        sides = (now.offer, now.answer) if now.offered_by_us else (now.answer, now.offer)
        lines = [audio_of(one.media) for one in sides]
        if lines[0] is None or lines[1] is None:
            self._note(one, "no audio stream is left")
            return
        direction = effective(lines[0], lines[1])
        values: dict[str, object] = {"direction": Raw(direction.value)}
        if direction is not MediaDirection.INACTIVE:
            codec = next(iter(codecs_of(audio_of(now.answer.media) or lines[0])), "")
            suite = self._exchanges.negotiated_crypto(0).answered
            if codec and first:
                values["codec"] = codec
            if suite:
                values["suite"] = suite
            elif not lines[0].keys.startswith("DTLS") and first:
                values["encrypted"] = False
        self._step(one, "expect", **values)


SENDRECV = MediaDirection.SENDRECV
NO_AUDIO = {"telephone-event", "cn", "red"}
HOLDS = (MediaDirection.SENDONLY, MediaDirection.INACTIVE)


def sdp_of(one: Said) -> Sdp | None:
    """The session description of a message."""
    text = one.message.sdp
    return parse_sdp(text) if text else None


def codecs_of(line: SdpMedia) -> list[str]:
    """The codecs of an m= line, without telephone-events."""
    names = (codec_name(line, form) for form in line.formats)
    return [name for name in dict.fromkeys(names) if name and name.lower() not in NO_AUDIO]


def effective(ours: SdpMedia, theirs: SdpMedia) -> MediaDirection:
    """The direction of the stream, seen from the played side (RFC 3264 section 8)."""
    sends = ours.direction in {SENDRECV, MediaDirection.SENDONLY} and not theirs.on_hold
    receives = not ours.on_hold and theirs.direction in {SENDRECV, MediaDirection.SENDONLY}
    if sends:
        return SENDRECV if receives else MediaDirection.SENDONLY
    return MediaDirection.RECVONLY if receives else MediaDirection.INACTIVE


def user_of(uri: str) -> str:
    """The user of a URI; empty for another text."""
    try:
        return parse_uri(uri).user or ""
    except ConfigError:
        return ""
