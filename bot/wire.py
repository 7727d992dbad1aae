"""Events and commands to bytes and back: JSON lines, one struct a line, over a stream socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from .commands import Request
from .document import explain
from .errors import ConfigError
from .events import Wired

__all__ = ["LineDecoder", "commands_decoder", "encode", "encode_request", "events_decoder"]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """One line of JSON, newline included."""
    return _encoder.encode(message) + b"\n"


def encode_request(request: Request) -> bytes:
    """As ``encode``; raises ConfigError for values that the agent would not understand and so not answer."""
    kind = type(request.command)
    try:
        msgspec.json.decode(_encoder.encode(request.command), type=kind)
    except UnicodeEncodeError as error:
        raise ConfigError(f"{error.object!r} is no text that can be sent: {error.reason}") from None
    except msgspec.ValidationError as error:
        raise explain(error, msgspec.to_builtins(request.command), kind) from None
    return encode(request)


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
