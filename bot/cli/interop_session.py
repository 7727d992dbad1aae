"""Run of ``srtpbot interop``: cells, verdicts and reports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bot.cli.command_line import command_line
from bot.cli.session import Session
from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.files import why_not_writable
from bot.interop.attempt import Setting
from bot.interop.baseline import Baseline, saved
from bot.interop.cells import Cell, Group
from bot.interop.matrix import Matrix, PeerSilent, trigger_words
from bot.interop.observation import Observation
from bot.interop.outcome import NOT_TRIED, short
from bot.interop.result import ChangesResult, InteropResult, cell_result
from bot.interop.verdict import (
    ANSWERS,
    ANSWERS_TO_THE_END,
    ENCRYPTED_CALL,
    Judgement,
    Whole,
    encrypted_call,
    judged,
    untried,
    wants_encryption,
)
from bot.report.console import colours_of
from bot.report.result import Result
from bot.ua import Call

__all__ = ["InteropRun", "InteropSession"]

WIDTH = 120
"""Width of the tables without a terminal, in columns."""
CALLER = "whoever calls"


class InteropSession:
    """Cells of one command, from the first call to the verdicts."""

    def __init__(
        self, uri: str | None, cells: Sequence[Cell], config: EndpointConfig, options: dict[str, Any]
    ) -> None:
        self.peer = uri or CALLER
        self.cells = cells
        self.matrix: Matrix | None = None
        self.seen: dict[Cell, Observation] = {}
        """Results in the order of the cells, including cells that were not tried (silent peer)."""
        self.judgements: dict[Cell, Judgement] = {}
        self.silence: PeerSilent | None = None
        """Reason why some cells were not tried."""
        self._uri = uri
        self._config = config
        self._listens = options.pop("listen")
        self._patience = options.pop("patience")
        self._trigger = options.pop("trigger")
        self._parallel = 1 if config.port else options["parallel"]
        options.pop("parallel")
        self._timeout = options.pop("timeout")
        expected, save = options.pop("expected_file"), options["saved_file"]
        self.baseline = Baseline(Path(expected)) if expected is not None else None
        self.save = Path(save) if save is not None else None
        self._check()

    def _check(self) -> None:
        """Raise ConfigError early for invalid options."""
        if self._trigger is not None:
            if not self._listens:
                raise ConfigError("--trigger makes the peer call: add --listen")
            trigger_words(self._trigger)
        if self.save is not None and (problem := why_not_writable(self.save)):
            raise ConfigError(f"--save {self.save}: {problem}")
        ids = {cell.id for cell in self.cells}
        if self.baseline is not None and not ids & set(self.baseline.outcomes):
            raise ConfigError(f"--expect {self.baseline.path}: has none of the cells that are chosen")

    def perform(self, run: InteropRun) -> None:
        """Try every cell, then compute the verdicts, also after an interrupt."""
        done = 0

        def tell(cell: Cell, seen: Observation) -> None:
            nonlocal done
            done += 1
            run.say(f"{done:>3}/{len(self.cells)}  {cell.id:<40}  {seen.outcome}  ({seen.seconds:.1f} s)")

        with ExitStack() as stack:
            folder = run.folder / "recordings" if run.folder is not None else None
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-")))
            run.begin_capture([self._config], [self._uri] if self._uri is not None else [])
            setting = Setting(self._config, folder, self._timeout, run.endpoint_arguments)
            matrix = self.matrix = Matrix(self.cells, setting, tell)
            try:
                if self._uri is None:
                    matrix.receive(
                        self._config.port,
                        self._patience,
                        self._trigger,
                        ready,
                        lambda cell, uri: waiting(run, cell),
                    )
                else:
                    with run.workers(self._parallel, "srtpbot-cell") as workers:
                        matrix.place(self._uri, workers)
            except PeerSilent as silence:
                self.silence = silence
            finally:
                run.calls = [call for calls in matrix.calls.values() for call in calls]
                self._judge(run, matrix.seen)
                if run.folder is None:
                    forget_recordings(run)

    def _judge(self, run: InteropRun, seen: dict[Cell, Observation]) -> None:
        for cell, observation in seen.items():
            if self.baseline is not None:
                judgement = self.baseline.judged(cell, observation.outcome)
            else:
                judgement = judged(cell, observation, Whole.around(cell, seen))
            self.judgements[cell] = judgement
            if judgement.verdict != "skip":
                why = f"; {judgement.remark}" if judgement.remark and judgement.verdict != "pass" else ""
                run.note(
                    cell.id, judgement.verdict == "pass", judgement.expected, short(observation.outcome) + why
                )
        if self.baseline is None and wants_encryption(list(seen)):
            found = encrypted_call(seen, self.judgements)
            run.note(ENCRYPTED_CALL, found is not None, "SRTP", found or "in none")
        self.seen = seen
        if self.silence is not None:
            self._judge_silence(run, self.silence)

    def _judge_silence(self, run: InteropRun, silence: PeerSilent) -> None:
        """Record the failure of a silent peer; cells that were not tried have no verdict."""
        after = silence.after
        name = ANSWERS if after is None else ANSWERS_TO_THE_END
        run.note(name, False, "a SIP message in each cell", str(silence))
        if after is None:
            return
        for cell in self.cells:
            if cell not in self.seen:
                self.judgements[cell] = untried(after)
        self.seen = {cell: self.seen.get(cell) or Observation(outcome=NOT_TRIED) for cell in self.cells}

    def outcomes(self) -> dict[str, str]:
        """Write the file of ``--save``."""
        seen = self.matrix.seen if self.matrix is not None else {}
        return {cell.id: observation.outcome for cell, observation in seen.items()}


def forget_recordings(run: InteropRun) -> None:
    """Remove the recordings from the reports, because their folder is deleted."""
    for call in run.calls:
        call.recordings.clear()


def ready(uris: list[str]) -> None:
    """Print the URI for the peer's call."""
    for uri in uris:
        click.echo(f"ready {uri}")


def waiting(run: InteropRun, cell: Cell) -> None:
    """Print the cell of the next call."""
    run.say(f"waiting for a call: {cell.id}, {cell.title}")


class InteropRun(Session):
    """Session with reports about cells."""

    def __init__(self, options: dict[str, Any], trial: InteropSession) -> None:
        super().__init__(options)
        self._trial = trial

    def show_result(self) -> None:
        """The matrix as text."""
        from bot.interop.table import table

        width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
        if isinstance(self.result, InteropResult) and self.result.cells:
            self.say(table(self.result, colour=colours_of(), width=width), styled=True)
        else:
            super().show_result()

    def completed(self, result: Result) -> Result:
        """The result with the cells."""
        trial = self._trial
        matrix, seen, changes = trial.matrix, trial.seen, None
        calls = matrix.calls if matrix is not None else {}
        for cell, observation in seen.items():
            observation.wire = self._on_the_wire(calls[cell])
        if trial.baseline is not None:
            found = trial.baseline.changes(trial.outcomes())
            changes = ChangesResult(
                changed=list(found.changed), added=list(found.added), removed=list(found.removed)
            )
        facts = {name: getattr(result, name) for name in result.__struct_fields__}
        whole = InteropResult(
            **facts,
            peer=trial.peer,
            cells=[cell_result(cell, one, trial.judgements[cell], calls[cell]) for cell, one in seen.items()],
            changes=changes,
        )
        if matrix is not None and matrix.crashed and self.error is None:
            names = ", ".join(cell.id for cell in matrix.crashed)
            whole.verdict, whole.error = "error", f"the agent crashed in {names}"
            self.exit_status = 3
        elif unmeasured := [(cell, one.unmeasured) for cell, one in seen.items() if one.unmeasured]:
            self._tell_unmeasured(whole, unmeasured)
        if trial.save is not None and (trial.silence is not None or self.error is not None):
            why = "the peer fell silent" if trial.silence is not None else "the run ended in an error"
            click.echo(f"srtpbot: --save {trial.save}: not written, for {why}", err=True)
        elif trial.save is not None:
            self.files.write(trial.save, saved(trial.peer, trial.outcomes(), trial.save))
        return whole

    def _tell_unmeasured(self, whole: InteropResult, cells: Sequence[tuple[Cell, str]]) -> None:
        """End the run with an error for cells that failed on this machine."""
        names = ", ".join(cell.id for cell, _ in cells)
        problem = f"the received audio was not measured in {names}: {cells[0][1]}"
        click.echo(f"srtpbot: {problem}", err=True)
        whole.verdict, whole.error = "error", whole.error or problem
        self.exit_status = self.exit_status or 3

    def _on_the_wire(self, calls: Sequence[Call]) -> str | None:
        """The verification of the captured packets of a cell's calls."""
        proofs = [proof for call in calls for proof in self.proven.get(call, {}).values()]
        return "; ".join(proof.observed for proof in proofs) or None

    def must_be_proven(self, call: Call) -> bool:
        """Whether the packets of a call must be as negotiated: all cells except the invalid offers."""
        matrix = self._trial.matrix
        owners = matrix.calls.items() if matrix is not None else ()
        return any(call in calls and cell.group is not Group.NEGATIVE for cell, calls in owners)

    def junit_report(self, result: Result) -> bytes:
        """The JUnit report, with a test case for each cell."""
        from bot.interop.junit import junit_of_matrix

        return junit_of_matrix(result) if isinstance(result, InteropResult) else super().junit_report(result)

    def page_report(self, result: Result) -> bytes:
        """The HTML report of the matrix."""
        from bot.interop.page import page_of_matrix

        if not isinstance(result, InteropResult):
            return super().page_report(result)
        matrix = self._trial.matrix
        calls = {cell.id: of for cell, of in matrix.calls.items()} if matrix is not None else {}
        return page_of_matrix(result, calls, self.events.agents, folder=self.folder, command=command_line())
