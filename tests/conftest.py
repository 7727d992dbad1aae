"""Before any test: an assertion in ``tests.support`` shows its values, as one in a test does."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support")
