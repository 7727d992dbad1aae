"""bot.json_schema: where the description of a property comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.json_schema import json_schema


class Colour(StrEnum):
    """A colour."""

    RED = "red"


class Part(msgspec.Struct):
    """A part of the whole."""

    size: int
    """The size
    in mm."""


class Base(msgspec.Struct, kw_only=True):
    inherited: int = 0
    """A field of the base class."""


class Whole(Base, kw_only=True):
    renamed: int = msgspec.field(name="other", default=0)
    """A renamed field."""
    annotated: Annotated[int, Meta(description="an annotated type")] | None = None
    both: Annotated[int, Meta(description="an annotated type")] = 0
    """The docstring comes first."""
    part: Part | None = None
    parts: dict[str, list[tuple[Part, ...]]] = {}
    colour: Colour = Colour.RED


Made = msgspec.defstruct("Made", [("size", int)], bases=(Base,), kw_only=True)


def descriptions(type_: type, name: str) -> dict[str, str | None]:
    properties = json_schema(type_)["$defs"][name]["properties"]
    return {key: one.get("description") for key, one in properties.items()}


def test_docstring_then_annotation_then_type() -> None:
    assert descriptions(Whole, "Whole") == {
        "inherited": "A field of the base class.",
        "other": "A renamed field.",
        "annotated": "an annotated type",
        "both": "The docstring comes first.",
        "part": "A part of the whole.",
        "parts": None,
        "colour": "A colour.",
    }
    assert descriptions(Whole, "Part") == {"size": "The size\nin mm."}


def test_a_struct_without_source_has_the_docstrings_of_its_base() -> None:
    assert descriptions(Made, "Made") == {"inherited": "A field of the base class.", "size": None}
