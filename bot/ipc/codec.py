"""JSON Lines encoding of events and commands for a stream socket, one struct per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from bot.config import explain
from bot.errors import ConfigError
from bot.ipc.commands import Request
from bot.ipc.events import Wired

__all__ = ["LineDecoder", "commands_decoder", "encode", "encode_request", "events_decoder"]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """One line of JSON with its newline; non-UTF-8 bytes from the network are written as \xff."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(encodable(msgspec.to_builtins(message))) + b"\n"


def encodable(value: Any) -> Any:
    """The same text without lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    return [encodable(one) for one in value] if isinstance(value, list | tuple) else value


def encode_request(request: Request) -> bytes:
    """Like ``encode``; raises ConfigError for values that the agent cannot decode and so would not answer."""
    kind = type(request.command)
    try:
        msgspec.json.decode(_encoder.encode(request.command), type=kind)
    except UnicodeEncodeError as error:
        raise ConfigError(f"{error.object!r} cannot be encoded as UTF-8: {error.reason}") from None
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
    """The parent's decoder of events."""
    return LineDecoder(msgspec.json.Decoder(Wired))


def commands_decoder() -> LineDecoder[Request]:
    """The agent's decoder of commands."""
    return LineDecoder(msgspec.json.Decoder(Request))
