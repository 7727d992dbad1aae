"""Events and commands to bytes and back: JSON lines, one struct a line, over a stream socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from .commands import Request
from .events import Wired

__all__ = ["LineDecoder", "commands_decoder", "encode", "events_decoder"]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """One line of JSON, newline included."""
    return _encoder.encode(message) + b"\n"


class LineDecoder(Generic[T]):
    """Turns chunks of a byte stream into structs; a chunk may end anywhere."""

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self._decoder = decoder
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[T]:
        """Yield each struct that ``chunk`` completes.

        Raises msgspec.DecodeError when a line is not one of the expected structs.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield self._decoder.decode(line)


def events_decoder() -> LineDecoder[Wired]:
    """The parent's ear."""
    return LineDecoder(msgspec.json.Decoder(Wired))


def commands_decoder() -> LineDecoder[Request]:
    """The agent's ear."""
    return LineDecoder(msgspec.json.Decoder(Request))
