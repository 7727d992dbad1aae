"""Scenario of one side of a captured call: endpoint, steps at their times, and notes as comments."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bot.captured.attended import enquiries_of
from bot.captured.identity import Settings, audio_of, settings
from bot.captured.reading import CallOfCapture
from bot.captured.sound import Side as Spoken
from bot.captured.sound import sides
from bot.captured.steps import Moment, Script, sdp_of
from bot.captured.yaml_text import Raw, comment, flow
from bot.errors import ConfigError
from bot.model import Codec

if TYPE_CHECKING:
    from media.rtp.srtp import SrtpKey

__all__ = ["Converted", "Side", "convert"]

Side = Literal["caller", "callee"]
LEAST_WAIT_S = 0.02
JUST_S = 1e-6
LONGEST_WAIT_S = 3600.0
PATIENCE_S = 20.0
"""Deadline of a step after the time at which the capture has its event, in seconds."""
FIRST_CALL_S = 60.0
"""Deadline of the first call to a callee, in seconds."""
PACKETS_SHARE = 2
"""The expected packets are the captured ones divided by this."""
LOOPBACK = "127."
PASSWORD = "PASSWORD"  # noqa: S105  the name of a variable


@dataclass(frozen=True)
class Converted:
    """A written scenario."""

    scenario: Path
    sounds: list[Path]
    notes: list[str]
    """What was not taken over."""


def convert(
    capture: str | Path,
    call: CallOfCapture,
    side: Side,
    target: Path,
    *,
    keys: Sequence[SrtpKey] = (),
    codecs: Sequence[Codec] | None = None,
    calls: Sequence[CallOfCapture] = (),
) -> Converted:
    """Write the scenario of a side to ``target``, its audio beside it; ``codecs`` are those of the build.

    ``calls`` are all of the capture: an attended transfer needs another call of the played side.
    Raises ConfigError for a file that exists, CaptureError for one that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="srtpbot-") as folder:
        both = sides(capture, call, keys, Path(folder))
        spoken = both if side == "caller" else both[::-1]
        names = {
            sound.file: target.with_name(f"{target.stem}-{way}-{number}.wav")
            for way, one in zip(("sent", "heard"), spoken, strict=True)
            for number, sound in enumerate(one.sounds, 1)
        }
        for path in (target, *names.values()):
            if path.exists():
                raise ConfigError(f"{path}: exists; name another file with --out")
        writer = _Writer(Path(capture).name, call, side, spoken, codecs, calls=calls)
        text = "\n".join(writer.lines({file: path.name for file, path in names.items()})) + "\n"
        try:
            for file, path in names.items():
                shutil.copyfile(file, path)
                path.chmod(0o600)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{target}: cannot write: {error.strerror}") from None
    return Converted(target, list(names.values()), writer.notes)


class _Writer:
    """Lines of one scenario."""

    def __init__(
        self,
        capture: str,
        call: CallOfCapture,
        side: Side,
        spoken: tuple[Spoken, Spoken],
        codecs: Sequence[Codec] | None,
        *,
        calls: Sequence[CallOfCapture],
    ) -> None:
        """``spoken`` is what the played and the other side sent."""
        self.notes: list[str] = []
        self._capture, self._call, self._side = capture, call, side
        self._own, self._other = spoken
        self._said = said = call.said(side == "caller")
        self._name = Raw(side)
        enquiries = enquiries_of(call, calls) if side == "caller" else []
        names = {one.call_id: f"enquiry{number}" for number, one in enumerate(enquiries, 1)}
        self._script = Script(said, side == "caller", side, call="first" if names else "", calls=names)
        self._enquiries = [
            Script(one.said(as_caller=True), True, side, call=names[one.call_id], peer=f"PEER{number}")
            for number, one in enumerate(enquiries, 2)
        ]
        if names:
            self._name = Raw(f"{side}.first")
        ours = [one for one in said if one.by_caller is (side == "caller")]
        described = (audio_of(sdp.media) for one in ours if (sdp := sdp_of(one)) is not None)
        line = next((line for line in described if line is not None), None)
        self._settings: Settings = settings(call.invite, line, ours[0] if ours else call.invite, codecs)
        self._first = call.invite.at

    def lines(self, names: dict[Path, str]) -> Iterator[str]:
        """The document; ``names`` are those of the written sounds."""
        what = f"{self._capture}, call {self._call.number}: Call-ID {self._call.call_id}"
        yield comment(f"Made by srtpbot scenario from {what}")
        yield "# It plays one side at the times of the capture, and expects what the other side did."
        yield f"name: {flow(f'{Path(self._capture).stem} call {self._call.number}, {self._side}')}"
        yield f"timeout: {flow(PATIENCE_S)}"
        if variables := self._variables():
            yield "vars:"
            yield from (f"  {name}: {value}" for name, value in variables.items())
        yield "endpoints:"
        yield f"  {self._side}:"
        for key, value in self._endpoint().items():
            yield f"    {key}: {flow(value)}"
        for note in self._settings.notes:
            yield f"    {self._note(note)}"
        yield "steps:"
        for line in self._steps(names):
            yield f"  {line}"

    def _note(self, text: str) -> str:
        self.notes.append(text)
        return comment(f"not taken over: {text}")

    def _variables(self) -> dict[str, str]:
        script, found = self._script, {}
        if self._side == "caller":
            found["PEER"] = flow(self._with_transport(script.target))
            for number, one in enumerate(self._enquiries, 2):
                found[f"PEER{number}"] = flow(self._with_transport(one.target))
        else:
            found["PORT"] = flow(self._call.invite.target.port)
        for number, target in enumerate(script.refer_targets, 1):
            found[f"TARGET{number}"] = flow(target)
        if script.challenged:
            found["USER"] = flow(str(self._settings.values.get("id", "")).partition(":")[2].partition("@")[0])
            found[PASSWORD] = "null  # --var PASSWORD=..."
        return found

    def _with_transport(self, uri: str) -> str:
        transports = self._settings.values.get("transports")
        if isinstance(transports, list) and ";transport=" not in uri.lower():
            return f"{uri};transport={transports[0]}"
        return uri

    def _endpoint(self) -> dict[str, object]:
        values: dict[str, object] = {}
        address = self._call.invite.source if self._side == "caller" else self._call.invite.target
        if address.host.startswith(LOOPBACK) or address.host == "::1":
            values["bind"] = address.host
        if self._side == "callee":
            values["port"] = Raw('"${PORT}"')
        values |= self._settings.values
        if self._script.challenged:
            values["user"], values["password"] = Raw('"${USER}"'), Raw('"${PASSWORD}"')
        if self._script.transfers:
            values["accept_transfers"] = True
        return values

    # ---- steps

    def _moments(self, names: dict[Path, str]) -> list[Moment]:
        moments = [*self._script.moments]
        for one in self._enquiries:
            moments += one.moments
            if one.answered_at is not None:
                note = "audio and digits of the call to the target of the attended transfer"
                moments.append(Moment(one.answered_at, False, "", note=note))
        on: dict[str, object] = {"on": self._name}
        ended = self._script.ended_at
        for sound in self._own.sounds:
            audio: dict[str, object] = {"audio": names[sound.file], "wait": False}
            moments.append(Moment(sound.at, True, "play", on | audio))
        for digits in self._own.digits:
            sent = {
                "digits": digits.digits,
                "method": Raw(digits.method),
                "on_ms": digits.on_ms,
                "off_ms": digits.off_ms,
            }
            moments.append(Moment(digits.at, True, "dtmf", on | sent, lasts_s=digits.lasts_s))
        heard = ""
        for digits in self._other.digits:
            heard += digits.digits
            moments.append(Moment(digits.at + digits.lasts_s, False, "expect", on | {"dtmf": heard}))
        if self._script.answered_at is not None:
            moments.append(Moment(self._script.answered_at, True, "record", on | {"as": Raw("heard")}))
            ends = (one.ended or 0.0 for one in (self._own, self._other))
            last = max([one.at for one in self._said] + list(ends))
            if ended is None:
                moments.append(Moment(last, False, "", note="the capture ends before the call; hung up then"))
                moments.append(Moment(last, True, "hangup", on))
            if self._other.packets:
                packets = max(1, self._other.packets // PACKETS_SHARE)
                by_other = any(one.verb == "expect" and "by" in one.values for one in moments)
                at = last + JUST_S if by_other else (last if ended is None else ended) - JUST_S
                moments.append(Moment(at, False, "expect", on | {"min_packets": packets}))
        moments += [Moment(self._first, False, "", note=note) for note in self._own.notes[:10]]
        return sorted(moments, key=lambda one: one.at)

    def _steps(self, names: dict[Path, str]) -> Iterator[str]:
        now = self._first
        first = True
        for moment in self._moments(names):
            if not moment.verb:
                yield self._note(moment.note)
                continue
            gap = moment.at - now
            values = dict(moment.values)
            if moment.ours and gap >= LEAST_WAIT_S:
                yield f"- wait: {{seconds: {flow(min(gap, LONGEST_WAIT_S))}}}"
            elif not moment.ours and gap > PATIENCE_S / 2:
                values["timeout"] = float(round(min(gap, LONGEST_WAIT_S) + PATIENCE_S))
            if first and not moment.ours:
                values["timeout"] = FIRST_CALL_S
            first = False
            yield f"- {moment.verb}: {flow(values)}"
            now = max(now, moment.at) + moment.lasts_s
        yield from self._stricter(names)

    def _stricter(self, names: dict[Path, str]) -> Iterator[str]:
        """Comments with expectations that the same peer may meet, and another one need not."""
        for sound in self._other.sounds[:1]:
            yield "# stricter, where the other side says the same again:"
            yield f"# - expect: {{recording: heard, matches: {flow(names[sound.file])}}}"
        if self._call.left_out:
            yield self._note(f"{self._call.left_out} messages after the first ones")
