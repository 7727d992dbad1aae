"""Commands ``srtpbot report show`` and ``srtpbot report merge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.help import GroupedCommand, WithExamples
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.report.merged import MergedRun

__all__ = ["command"]

PAGE = "report.html"


class ReportCommands(WithExamples, click.Group):
    """Group with examples."""


EXAMPLES = (
    "srtpbot report show out/demo",
    "srtpbot report merge out/monday out/tuesday --out out/week",
    "srtpbot report merge test-artifacts --out out/tests",
)


@click.group(name="report", cls=ReportCommands, examples=EXAMPLES)
def command() -> None:
    """Show the report of a run, or make one of several runs."""


@command.command(name="show", cls=GroupedCommand, examples=EXAMPLES[:1])
@click.argument("place", metavar="DIR|FILE")
def show(place: str) -> int:
    """Open the report of a run in the browser; DIR is the folder of --out, FILE a file in it.

    Prints the path of the report too, for a machine without a browser.
    """
    import webbrowser

    page = page_of(Path(place))
    click.echo(page)
    if not webbrowser.open(page.absolute().as_uri()):
        click.echo("no browser here; copy the file, which needs nothing else", err=True)
    return 0


def page_of(place: Path) -> Path:
    """The page of a folder or beside a file; raises ConfigError without one."""
    page = place / PAGE if place.is_dir() else place if place.suffix == ".html" else place.with_name(PAGE)
    if not page.is_file():
        what = "no such file or folder" if not place.exists() else f"no {PAGE} there; --out DIR writes it"
        raise ConfigError(f"{place}: {what}")
    return page


@command.command(name="merge", cls=GroupedCommand, examples=EXAMPLES[1:])
@click.argument("places", nargs=-1, required=True, metavar="DIR|FILE...")
@click.option(
    "--out", "folder", required=True, metavar="DIR", help="Folder of report.html, result.json, junit.xml."
)
@click.option("--title", default="srtpbot", show_default=True, metavar="TEXT", help="Title of the page.")
def merge(places: tuple[str, ...], folder: str, title: str) -> int:
    """Make one page, one result.json and one junit.xml of the results of several runs.

    DIR is a folder of --out, or a folder with several of them; FILE is a file of --json. The page has links
    to the reports of the runs. The exit status is 0 whatever their verdicts are.
    """  # fmt: skip
    from bot.files import write_whole
    from bot.report.merged import merged_page, results_in

    runs = [run for place in places for run in results_in(Path(place))]
    target = Path(folder)
    contents = {
        "report.html": merged_page(runs, title=title, folder=target),
        "result.json": merged_result(runs),
        "junit.xml": merged_junit(runs),
    }
    for name, content in contents.items():
        write_whole(target / name, content)
    click.echo(target / PAGE)
    return 0


def merged_result(runs: list[MergedRun]) -> bytes:
    """The results as one JSON document."""
    import msgspec

    from bot.cli.report_files import as_json
    from bot.report.steps import StepResult
    from bot.scenario.runner import ScenarioResult, outcomes

    results = [
        ScenarioResult(
            **{name: getattr(run.result, name) for name in run.result.__struct_fields__},
            name=run.name,
            file=str(run.facts.get("file", run.file)),
            vars=run.facts.get("vars", {}),
            steps=msgspec.convert(run.facts.get("steps", []), list[StepResult]),
        )
        for run in runs
    ]
    started = min(result.started for result in results)
    everything = outcomes(results, started, None)
    ends = [(result.started - started).total_seconds() + result.duration_s for result in results]
    everything.duration_s = round(max(ends), 3)
    return as_json(everything)


def merged_junit(runs: list[MergedRun]) -> bytes:
    """The results as one JUnit report."""
    from bot.report.junit import junit_of

    return junit_of([run.reported for run in runs])
