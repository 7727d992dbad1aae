"""Wrong verdicts, counted: ``python -m tests.bench.verdicts [N] [PATTERN]`` places N live calls, or 200.

Half of them are with honest peers, half with cheating ones. Each goes through ``srtpbot call`` or ``srtpbot
answer`` with the assertions of a tester. Exit status, results, JUnit reports, page and terminal have to
agree, an honest peer has to pass, and a cheat has to fail for its own fault. Prints a table, then every wrong
verdict. A wrong verdict on a call during which the machine was late is no verdict on the peer: the call is
placed anew, up to three times, and the table says so.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.acting import Acting, Callee, Caller
from tests.bench.kinds import RAW, Case
from tests.bench.lateness import Lateness
from tests.bench.programs import LASTS_S, OTHERS, Other, started
from tests.support.process import FAILED, OK, Bot
from tests.support.verdicts import OUTPUTS, VERDICTS, of_junit, of_page, of_terminal

CALLS = 200
AT_ONCE = 2
TRIES = 3


@dataclass(frozen=True)
class Call:
    """One call to be placed: a case, and the side on which the peer is."""

    case: Case | Other
    role: str
    honest: bool

    @property
    def peer(self) -> str:
        """As the table names it."""
        return self.case.peer if isinstance(self.case, Other) else f"raw {self.role}"

    @property
    def expected(self) -> str:
        """The verdict that is deserved."""
        return "pass" if self.honest else "fail"


def main() -> None:
    """Place the calls and print the table; exits 1 when a verdict was wrong or is missing."""
    words = sys.argv[1:]
    count = int(words.pop(0)) if words and words[0].isdigit() else CALLS
    kinds = [
        one for one in all_calls() if re.search(words[0] if words else "", f"{one.peer}: {one.case.name}")
    ]
    calls = chosen(kinds, count)
    with tempfile.TemporaryDirectory() as folder, Lateness() as watch, ThreadPoolExecutor(AT_ONCE) as pool:
        bench = Bench(Path(folder), watch)
        verdicts = list(pool.map(bench.judged, calls))
    show(calls, verdicts)
    sys.exit(any(one.fault or one.missing for one in verdicts))


def all_calls() -> list[Call]:
    """Every kind of call once."""
    raw = [Call(case, role, honest) for honest in RAW for case in RAW[honest] for role in case.roles]
    return [*raw, *(Call(other, other.peer, other.fault is None) for other in OTHERS)]


def chosen(kinds: list[Call], count: int) -> list[Call]:
    """So many calls, an honest one and a cheating one in turn, each kind in turn."""
    found = []
    for honest in (True, False):
        mine = [one for one in kinds if one.honest is honest]
        found.append(list(itertools.islice(itertools.cycle(mine), count // 2)))
    return [one for pair in itertools.zip_longest(*found) for one in pair if one is not None]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with the verdict of a call, and of the tries in which the machine was late."""

    fault: str
    late: list[str] = field(default_factory=list)

    @property
    def missing(self) -> bool:
        """Whether the machine was late each time."""
        return len(self.late) == TRIES


class Bench:
    """Places calls, each in a folder of its own."""

    def __init__(self, folder: Path, watch: Lateness) -> None:
        self._folder = folder
        self._watch = watch
        self._numbers = itertools.count()

    def judged(self, call: Call) -> Verdict:
        """The judgement on a call; it is placed again while its verdict is wrong and the machine is late."""
        late: list[str] = []
        fault = ""
        while len(late) < TRIES:
            begun = self._watch.now()
            fault = self._placed(call)
            delay = self._watch.since(begun)
            if not fault or not delay:
                break
            late.append(f"{fault} (the machine was {delay * 1000:.0f} ms late)")
            fault = ""
        print("." if not fault else f"\n{call.peer}: {call.case.name}: {fault}\n", end="", flush=True)
        return Verdict(fault, late)

    def _placed(self, call: Call) -> str:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        try:
            found = (
                raw(call.case, call.role, folder)
                if isinstance(call.case, Case)
                else call.case.perform(folder)
            )
            return complaint(call, found, folder)
        except Exception as error:  # the bench's own trouble is told in the table
            return f"the bench: {type(error).__name__}: {error}"


def raw(case: Case, role: str, folder: Path) -> Bot:
    """A call with a raw peer."""
    options = ["--codec", "PCMA", *case.options, *OUTPUTS]
    with ExitStack() as stack:
        if role == "callee":
            if case.duration is not None and "--cancel-after" not in options:
                options += ["--play", "speech:3", "--duration", str(case.duration)]
            callee = stack.enter_context(Callee(case.part, case.script))
            bot = stack.enter_context(started("call", callee.uri, *options, folder=folder))
            peer: Acting = callee
        else:
            answering = [
                "--port",
                "0",
                "--as",
                "player",
                "--play",
                "speech:4",
                "--loop",
                "--calls",
                "1",
                "--for",
                "60",
            ]
            if "--expect-audio" in options:
                answering += ["--record", "heard.wav"]
            if "--expect-media" not in options:
                answering += ["--expect-media", "sendrecv"]
            bot = stack.enter_context(started("answer", *answering, *options, folder=folder))
            caller = stack.enter_context(Caller(case.part))
            caller.place(bot.uri())
            peer = caller
        bot.end(LASTS_S)
        if peer.failure is not None:
            raise peer.failure
        return bot


def complaint(call: Call, bot: Bot, folder: Path) -> str:
    """What is wrong with what a command that has ended says."""
    status, out = bot.end(), folder / "out"
    result = json.loads((out / "result.json").read_text())
    said = {
        "exit status": VERDICTS.get(status, str(status)),
        "result.json": result["verdict"],
        "--json": json.loads((folder / "also.json").read_text())["verdict"],
        "junit.xml": of_junit(out / "junit.xml"),
        "--junit": of_junit(folder / "also.xml"),
        "report.html": of_page(out / "report.html"),
        "terminal": of_terminal(bot.stdout + bot.stderr),
    }
    if len(set(said.values())) > 1:
        return f"they disagree: {said}"
    failed = list(failures(result))
    if status not in {OK, FAILED} or "Traceback" in bot.said:
        return f"exit status {status}: {bot.said[-600:]}"
    if said["result.json"] != call.expected:
        return f"{said['result.json']}: {'; '.join(failed) or 'nothing failed'}"
    if call.case.fault and not any(re.search(call.case.fault, one, re.IGNORECASE) for one in failed):
        return f"fails for another reason: {'; '.join(failed)}"
    return ""


def failures(result: Any) -> Iterator[str]:
    """What failed, and why."""
    for one in result["expectations"]:
        if one["verdict"] != "pass":
            yield f"{one['name']}: expected {one['expected']}, observed {one['observed']}"


def show(calls: list[Call], verdicts: list[Verdict]) -> None:
    """The table, and the wrong verdicts."""
    rows: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for call, verdict in zip(calls, verdicts, strict=True):
        rows[call.peer, call.case.name, call.expected].append(verdict)
    print(f"\n\n{'peer':<16}{'what it does':<44}{'deserved':<10}{'calls':>5}{'wrong':>7}{'late tries':>12}")
    for (peer, name, expected), found in rows.items():
        wrong, again = sum(bool(one.fault) for one in found), sum(len(one.late) for one in found)
        print(f"{peer:<16}{name:<44}{expected:<10}{len(found):>5}{wrong:>7}{again:>12}")
    bad = [(row, one.fault) for row, found in rows.items() for one in found if one.fault]
    late = [(row, fault) for row, found in rows.items() for one in found for fault in one.late]
    honest = sum(call.honest for call in calls)
    missing = sum(one.missing for one in verdicts)
    kinds = f"{len(calls)} calls, {honest} honest, {len(rows)} kinds"
    print(f"\n{kinds}: {len(bad)} wrong verdicts, {missing} without one")
    for title, told in (("wrong", bad), ("late", late)):
        for (peer, name, _), fault in told:
            print(f"- {title}: {peer}: {name}: {fault}")


if __name__ == "__main__":
    main()
