"""The site of the documentation: links that lead out of its folder, and its build."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tools import site


@pytest.mark.parametrize(
    ("text", "depth", "expected"),
    [
        ("[Security](../SECURITY.md)", 0, "[Security](security.md)"),
        ("[Security](../../SECURITY.md)", 1, "[Security](../security.md)"),
        ("[the file](../../Dockerfile)", 1, "`Dockerfile`"),
        ("[a page](../start.md)", 1, "[a page](../start.md)"),
    ],
)
def test_links_out_of_the_folder(text: str, depth: int, expected: str) -> None:
    assert site.moved(text, depth=depth) == expected


@pytest.mark.skipif(find_spec("zensical") is None, reason="the extra docs is not installed")
def test_the_site_is_built_and_loads_nothing_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "TARGET", tmp_path / "docs")
    assert site.main() == 0
    built = tmp_path / "docs" / "site"
    for page in ("index.html", "reference/commands.html", "security.html"):
        text = (built / page).read_text()
        assert "<title>" in text
        assert not [
            part for part in text.split("<")[1:] if part.startswith(('script src="http', 'link href="http'))
        ]
        assert "fonts.g" not in text
