"""Text from the network, made harmless for a terminal, a report and a log: the only definition.

A peer chooses reason phrases, header fields, display names, bodies and SDP. In them are harmful: control
characters (C0, DEL, C1: escape sequences begin with them), bidirectional controls and other invisible format
characters (Unicode categories Cc and Cf), line separators, surrogates, and lengths that flood a screen. Each
harmful character is written as an escape such as ``\\x1b`` or ``\\u202e``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec

__all__ = ["escaped", "harmless", "harmless_json", "harmless_lines", "indented", "readable"]

LONGEST: Final = 2000
"""Characters of a line that are shown."""
JOINERS: Final = "\u200c\u200d"
"""Zero-width (non-)joiner: Persian, Indic scripts and emoji need them."""
HARMFUL_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_COLOUR: Final = re.compile("(\x1b\\[[0-9;]*m)")
_IN_JSON: Final = re.compile("[\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
                             "\ufff9-\ufffb\U000e0000-\U000e007f]")  # fmt: skip
Value = TypeVar("Value")


def harmless(text: str, longest: int = LONGEST) -> str:
    """One line without harmful characters; line breaks and tabs are escaped too."""
    return _shortened(_escaped(text, keep=""), longest)


def harmless_lines(text: str, longest: int = LONGEST) -> str:
    """Several lines, each without harmful characters; CR LF is a line break."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_shortened(_escaped(line, keep="\t"), longest) for line in lines)


def indented(text: str) -> str:
    """Several lines as part of a sentence: no line after the first one begins at the left edge."""
    return harmless_lines(text).replace("\n", "\n    ")


def escaped(text: str, *, colours: bool = False) -> str:
    """Text of any length with its line breaks; ``colours`` keeps the SGR sequences of a terminal."""
    if not colours or "\x1b" not in text:
        return _escaped(text, keep="\n\t")
    parts = _COLOUR.split(text)
    return "".join(part if number % 2 else _escaped(part, keep="\n\t") for number, part in enumerate(parts))


def harmless_json(content: bytes) -> bytes:
    r"""The same JSON with harmful characters as ``\u`` escapes: exact, and harmless on a terminal."""
    if content.isascii() and b"\x7f" not in content:
        return content
    text = content.decode("utf-8", "surrogatepass")
    return _IN_JSON.sub(lambda found: _json_escape(found[0]), text).encode("utf-8", "surrogatepass")


def readable(value: Value, *, lines: bool = True) -> Value:
    """A copy of a structure (msgspec structs, sequences, mappings) whose strings are harmless.

    ``lines`` keeps the line breaks in them.
    """
    return cast(Value, _copied(value, harmless_lines if lines else harmless))


def _copied(value: Any, made: Callable[[str], str]) -> Any:
    if type(value) is str:
        return made(value)
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        changed = {name: new for name, old in fields.items() if (new := _copied(old, made)) is not old}
        return msgspec.structs.replace(value, **changed) if changed else value
    if type(value) in {list, tuple}:
        return type(value)(_copied(one, made) for one in value)
    if type(value) is dict:
        return {_copied(key, made): _copied(one, made) for key, one in value.items()}
    return value


def _escaped(text: str, keep: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one in keep or not _is_harmful(one) else _escape(one) for one in text)


def _is_harmful(one: str) -> bool:
    return not one.isprintable() and one not in JOINERS and unicodedata.category(one) in HARMFUL_CATEGORIES


def _escape(one: str) -> str:
    code = ord(one)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _json_escape(one: str) -> str:
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
