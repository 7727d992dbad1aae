"""The layout of the tests: imports, places, and no disabled checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
FILES = sorted(TESTS.rglob("*.py"))
SHARED = ("tests.support.", "tests.fuzz.", "tests.bench.")
SWITCHED_OFF = re.compile(r"#\s*(?:noqa|type:\s*ignore)")


def name_of(path: Path) -> str:
    return str(path.relative_to(TESTS))


def imported(path: Path) -> Iterator[str]:
    """The modules of the tests that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("tests."))


def test_shared_code_is_in_support() -> None:
    """Tests import tests.support, and the programs that they test: the fuzzer and the benches."""
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in FILES
        for module in imported(path)
        if not module.startswith(SHARED)
    ]
    assert not wrong


def test_support_holds_no_tests() -> None:
    assert not [name_of(path) for path in (TESTS / "support").rglob("test_*.py")]


@pytest.mark.parametrize("package", ["bot", "media"])
def test_unit_tests_mirror_the_product(package: str) -> None:
    """A folder of unit tests has the name of the package that it tests."""
    unit = TESTS / "unit"
    folders = {path.parent.relative_to(unit) for path in (unit / package).rglob("test_*.py")}
    assert not [str(folder) for folder in folders if not (TESTS.parent / folder).is_dir()]


def test_no_check_is_switched_off() -> None:
    assert not [name_of(path) for path in FILES if SWITCHED_OFF.search(path.read_text())]
