"""constraints.txt: `make` installs the same everywhere, from wherever pip is told to look."""

import itertools
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==\S+(?: ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def normalized(name: str) -> str:
    """As the packaging standards compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_line_is_an_exact_release_or_its_hash() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []
    assert all(HASH.match(after) for line, after in itertools.pairwise(lines) if PIN.match(line))


def test_every_dependency_has_a_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["codecs"], *extras["docs"]]
    pinned = {
        normalized(match[1])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if (match := PIN.match(line))
    }
    names = {normalized(re.split(r"[<>=!~ \[;]", requirement, maxsplit=1)[0]) for requirement in wanted}
    assert names - pinned == set()
