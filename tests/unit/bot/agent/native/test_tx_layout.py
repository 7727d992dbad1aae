"""bot.agent.native.tx_layout: messages of builds with other sizes, made of memory of our own."""

from __future__ import annotations

import ctypes

import pytest

from bot.agent.native.library import MissingSymbol
from bot.agent.native.structs import SentLayout, SentMessage, SipMessage
from bot.agent.native.tx_layout import METHOD, OTHER_METHOD, probed

TEXT = b"PROBE sip:probe@127.0.0.1 SIP/2.0\r\n\r\n"
WORD = 8


class Build:
    """Functions of a build that lays out its messages with ``shift`` more bytes before the message."""

    def __init__(self, shift: int = 0, *, prints: bool = True, method: bytes = METHOD) -> None:
        self.layout = SentLayout(
            pool=16, name=24, message=392 + shift, start=408 + shift, current=416 + shift
        )
        self._prints = prints
        self._memory = ctypes.create_string_buffer(8192)
        self._printed = ctypes.create_string_buffer(TEXT)
        self.address = (ctypes.addressof(self._memory) + WORD - 1) // WORD * WORD
        there = self.address + 4096
        message = SipMessage.from_address(there)
        message.line.method, message.line.name.slen = OTHER_METHOD, len(method)
        ctypes.memmove(self.address + self.layout.name, b"tdta0x1", 7)
        self._put(self.layout.pool, self.address)
        self._put(self.layout.message, there)

    def _put(self, offset: int, value: int) -> None:
        ctypes.c_void_p.from_address(self.address + offset).value = value

    def pjsip_msg_print(self, message: int, buffer: ctypes.Array[ctypes.c_char], size: int) -> int:
        assert message == self.address + 4096
        ctypes.memmove(buffer, TEXT, len(TEXT))
        return len(TEXT)

    def pjsip_tx_data_encode(self, address: int) -> int:
        if self._prints:
            start = ctypes.addressof(self._printed)
            self._put(self.layout.start, start)
            self._put(self.layout.current, start + len(TEXT))
        return 0


@pytest.mark.parametrize("shift", [-64, 0, 8, 64, 256])
def test_the_layout_is_found(shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(shift)
    layout = probed(build, build.address)
    assert layout == build.layout
    monkeypatch.setattr(SentMessage, "layout", layout)
    sent = SentMessage.from_address(build.address)
    assert sent.name == b"tdta"
    assert sent.pool == build.address
    assert ctypes.addressof(sent.message.contents) == build.address + 4096
    assert (sent.current or 0) - (sent.start or 0) == len(TEXT)


@pytest.mark.parametrize("build", [Build(2048), Build(prints=False), Build(method=b"INVITE")])
def test_a_layout_that_does_not_fit(build: Build) -> None:
    with pytest.raises(MissingSymbol, match="pjsip_tx_data"):
        probed(build, build.address)


def test_without_a_layout_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentMessage, "layout", None)
    with pytest.raises(MissingSymbol, match="pjsip_tx_data"):
        SentMessage.from_address(1)
