"""Grammar of test signals, such as `tone:440:2@-20,silence:1`.

::

    SIGNAL  = ITEM {"," ITEM}                   one after the other
    ITEM    = NAME {":" ARGUMENT} ["@" LEVEL]   LEVEL in dBFS
    seconds = 2, 0.5, 200ms, 3s, 1min
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from media.audio.wav import AudioError

__all__ = ["LONGEST_S", "Item", "items"]

LONGEST_S = 3600.0
"""Maximum duration of a signal in seconds."""

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0}
NUMBER = re.compile(r"([0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*([a-z]*)", re.IGNORECASE)
LEVEL = re.compile(r"(.*)@\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*(?:dBFS)?\s*", re.DOTALL | re.IGNORECASE)
SEPARATED = re.compile(r'(?:[^,"]|"[^"]*"?)+|(?<=,)(?=,)|^(?=,)|(?<=,)$')

# Alternative names that users try; the error suggests the right name.
ALIASES = {
    "sine": "tone",
    "beep": "tone",
    "chirp": "sweep",
    "pause": "silence",
    "congestion": "reorder",
    "ring": "ringback",
    "ringing": "ringback",
    "wav": "file",
    "voice": "speech",
    "digits": "dtmf",
}


@dataclass(frozen=True, slots=True)
class Item:
    """An item as written, `position` from 1, with its parts; `usage` is its correct form."""

    position: int
    text: str
    name: str
    arguments: tuple[str, ...]
    level_dbfs: float | None
    usage: str

    @property
    def place(self) -> str:
        """The position of the item, for a message."""
        return f"item {self.position}, {self.text!r}"

    def wrong(self, what: str, expected: str) -> AudioError:
        """An error with the fault and the expected form."""
        return AudioError(f"{self.place}: {what}; expected {expected}")

    def level(self, default: float) -> float:
        """The level in dBFS."""
        return default if self.level_dbfs is None else self.level_dbfs

    def takes(self, least: int, most: int) -> None:
        """Check the number of arguments."""
        if len(self.arguments) < least:
            raise self.wrong("something is missing", self.usage)
        if len(self.arguments) > most:
            raise self.wrong(f"{self.arguments[most]!r} is too much", self.usage)

    def seconds(self, index: int, default: float) -> float:
        """An argument as a duration in seconds: above zero, and at most the maximum duration."""
        if index >= len(self.arguments):
            return default
        text = self.arguments[index]
        found = NUMBER.fullmatch(text)
        unit = UNITS.get(found[2].lower()) if found else None
        if found is None or unit is None or not float(found[1]) > 0:
            raise self.wrong(f"{text!r} is no length", "seconds such as 2, 0.5, 200ms or 1min")
        if float(found[1]) * unit > LONGEST_S:
            raise self.wrong(f"{text!r} is too long", f"at most {LONGEST_S:g} s")
        return float(found[1]) * unit

    def whole(self, index: int, default: int, most: int) -> int:
        """An argument as a whole number from 0 to `most`."""
        if index >= len(self.arguments):
            return default
        text = self.arguments[index]
        if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > most:
            raise self.wrong(f"{text!r} is no such number", f"a whole number from 0 to {most}")
        return int(text)

    def hertz(self, index: int, separator: str, expected: str) -> list[float]:
        """An argument as frequencies in Hz."""
        texts = [text.strip() for text in self.arguments[index].split(separator)]
        found = [NUMBER.fullmatch(text) for text in texts]
        if not all(match and match[2].lower() in {"", "hz"} and float(match[1]) > 0 for match in found):
            raise self.wrong(f"{self.arguments[index]!r} is no frequency", expected)
        return [float(match[1]) for match in found if match]

    def choice(self, text: str, choices: Collection[str], what: str) -> str:
        """One of several words."""
        if text not in choices:
            wrong = f"no {what} is called {text!r}{nearest(text, choices)}"
            raise self.wrong(wrong, " or ".join(choices))
        return text


def items(specification: str, usages: dict[str, str]) -> list[Item]:
    """The items of a signal; `usages` has the syntax of each name.

    The argument of an item `file` is the text after the colon; an argument with a comma needs quotes. Raises
    AudioError, which names the item and its position, when a name is unknown or an item is empty.
    """
    if not specification.strip():
        raise AudioError("the signal is empty; expected items such as tone:440:2,silence:1,speech")
    texts = (found[0].strip() for found in SEPARATED.finditer(specification))
    return [_item(position, text, usages) for position, text in enumerate(texts, start=1)]


def nearest(text: str, choices: Iterable[str]) -> str:
    """A "did you mean" question with a similar name, or an empty text."""
    near = difflib.get_close_matches(text, list(choices), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _item(position: int, text: str, usages: dict[str, str]) -> Item:
    if not text:
        raise AudioError(f"item {position} is empty; is there a comma too many?")
    found = LEVEL.fullmatch(text)
    body, level = (found[1], float(found[2])) if found else (text, None)
    name, colon, rest = body.partition(":")
    name = name.strip().lower()
    if name not in usages:
        meant = f" (did you mean {ALIASES[name]!r}?)" if name in ALIASES else nearest(name, usages)
        raise AudioError(
            f"item {position}, {text!r}: unknown signal {name!r}{meant}; known signals: {', '.join(usages)}"
        )
    if name != "file" and "@" in body:
        raise AudioError(f"item {position}, {text!r}: a level stands at the end, in dBFS, such as @-20")
    arguments = ([rest] if name == "file" else rest.split(":")) if colon else []
    return Item(position, text, name, tuple(argument.strip() for argument in arguments), level, usages[name])
