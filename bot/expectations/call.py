"""All expectations of a call, in one class."""

from __future__ import annotations

from bot.expectations.dtmf import DtmfExpectation
from bot.expectations.encryption import EncryptionExpectation
from bot.expectations.headers import HeaderExpectation
from bot.expectations.quality import QualityExpectation
from bot.expectations.setup import SetupExpectation
from bot.expectations.states import StateExpectation
from bot.expectations.stream import StreamExpectation
from bot.expectations.transfer import TransferExpectation
from bot.expectations.transport import PathExpectation

__all__ = ["CallExpectation"]


class CallExpectation(
    StateExpectation,
    PathExpectation,
    SetupExpectation,
    HeaderExpectation,
    TransferExpectation,
    StreamExpectation,
    EncryptionExpectation,
    DtmfExpectation,
    QualityExpectation,
):
    """All expectations of a call; every ``timeout`` is in seconds.

    Each assertion works while the call lasts and after it has ended.
    """
