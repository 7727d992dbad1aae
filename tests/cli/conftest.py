"""Fixtures of the tests that run the srtpbot command."""

from __future__ import annotations

from tests.support.commands import answer, call, srtpbot
from tests.support.loading import peer
from tests.support.starting import audio_cache, new_endpoint, other_speech, speech

__all__ = ["answer", "audio_cache", "call", "new_endpoint", "other_speech", "peer", "speech", "srtpbot"]
