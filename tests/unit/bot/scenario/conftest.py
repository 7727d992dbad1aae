"""Fixtures of the tests of scenarios."""

from __future__ import annotations

from tests.support.scenarios import broken, perform
from tests.support.starting import audio_cache

__all__ = ["audio_cache", "broken", "perform"]
