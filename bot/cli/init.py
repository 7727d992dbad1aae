"""Command ``srtpbot init``: a folder to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli import shipped
from bot.cli.help import GroupedCommand

__all__ = ["command"]

CI = {"github": ".github/workflows/calls.yaml", "gitlab": ".gitlab-ci.yml"}
"""The file of the CI job for each service."""
NEXT = """
Next:{enter}
  srtpbot run echo.yaml --out out     # the scenario; its report is out/report.html
  pytest                              # the test; needs: pip install pytest"""


@click.command(
    name="init",
    cls=GroupedCommand,
    examples=("srtpbot init", "srtpbot init calls --ci gitlab"),
)
@click.argument("folder", default=".", metavar="[DIR]")
@click.option(
    "--ci",
    type=click.Choice([*CI, "none"]),
    default="github",
    show_default=True,
    help="Service of the CI job.",
)
def command(folder: str, ci: str) -> int:
    """Make a folder to begin with: a scenario, a pytest file, an endpoint file, a CI job.

    All of them pass as they are. A file that is there already is never overwritten.  [DIR: this folder]
    """
    top, start = Path(folder), shipped.folder()
    files = {
        top / name: (start / shipped.START / name).read_bytes()
        for name in ("echo.yaml", "test_call.py", "endpoint.yaml")
    }
    files[top / "scenario.schema.json"] = (start / "scenarios" / "scenario.schema.json").read_bytes()
    if ci in CI:
        files[top / CI[ci]] = (start / shipped.START / f"{ci}.yaml").read_bytes()
    for path in shipped.write_new(files):
        click.echo(path)
    click.echo(NEXT.format(enter="" if folder == "." else f"\n  cd {folder}"))
    return 0
