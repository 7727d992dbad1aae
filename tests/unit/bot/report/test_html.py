"""bot.report.html: text of a peer is escaped, and widths are in per cent."""

from __future__ import annotations

import subprocess
import sys

import jinja2
import pytest

from bot.report.html import counted, percent, templates


@pytest.mark.parametrize(
    ("share", "written"), [(0, "0%"), (1, "100%"), (0.5, "50%"), (1 / 3, "33.33%"), (-1, "0%"), (2, "100%")]
)
def test_per_cent(share: float, written: str) -> None:
    assert percent(share) == written


@pytest.mark.parametrize(("number", "written"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls")])
def test_a_number_and_its_noun(number: int, written: str) -> None:
    assert counted(number, "call") == written


@pytest.mark.parametrize("package", ["bot.report", "bot.interop"])
def test_every_template_escapes_and_misses_nothing_silently(package: str) -> None:
    environment = templates(package)
    assert environment.from_string("<a title='{{ x }}'>{{ x }}").render(x="'<&\">") == (
        "<a title='&#39;&lt;&amp;&#34;&gt;'>&#39;&lt;&amp;&#34;&gt;"
    )
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ unknown }}").render()
    names = environment.list_templates()
    assert {"base.html", "page.html", "report.css"} <= set(names)
    for name in names:
        assert environment.get_template(name)
        source = environment.loader.get_source(environment, name)[0] if environment.loader else ""
        assert "|safe" not in source.replace(" ", "")


def test_the_command_line_starts_without_jinja() -> None:
    program = "import sys, bot.cli.main, bot.cli.call; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
