"""The plugin as its users have it: pytest runs their tests, in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from srtpbot_pytest.artifacts import LONGEST, claim, file_safe
from tests.support import needs
from tests.support.commands import PROJECT

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(120)  # pytest starts in each of them, with endpoints and calls

RunTests = Callable[..., pytest.RunResult]
CALL = """
import os, signal
import pytest
from bot import Controller, EndpointCrashed, expect


def connect(caller, callee):
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer()
    expect(outgoing).to_be_confirmed()
    return outgoing
"""
FOLDER = "test-artifacts"
PYTEST = str(Path(sys.executable).with_name("pytest"))


@pytest.fixture
def run_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunTests:
    """Run a test file with these options."""
    for name in ("CI", "BUILD_NUMBER"):  # there pytest's summary has the messages once more
        monkeypatch.delenv(name, raising=False)

    def run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_calls=CALL + source)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


def kept(pytester: pytest.Pytester, folder: str = FOLDER) -> dict[str, list[str]]:
    """The folders of artifacts, and what is in each."""
    parent = pytester.path / folder
    found = sorted(parent.iterdir()) if parent.exists() else []
    return {one.name: sorted(file.name for file in one.iterdir()) for one in found}


PASSES = """
def test_passes(new_endpoint, call_artifacts):
    call = connect(new_endpoint(codecs=["PCMA"], srtp="mandatory"), new_endpoint(codecs=["PCMA"]))
    expect(call).to_use_codec("PCMA")
    assert (call_artifacts / "journal.jsonl").exists()
"""
FAILS = """
def test_fails(new_endpoint, call_artifacts):
    call = connect(new_endpoint(name="caller", srtp="off"), new_endpoint(name="callee"))
    (call_artifacts / "mine.txt").write_text("mine")
    expect(call).to_be_encrypted()
"""


@needs.calls
def test_what_failed_reads_well_and_is_kept(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    result = run_tests(PASSES + FAILS)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       expect(call).to_be_encrypted()",
            "E       bot.errors.ExpectationFailed: caller: call 1 to sip:callee@127.0.0.1:* is encrypted",
            "E       expected: SRTP",
            "E       observed: plain RTP (offered nothing; answered nothing)",
            "E       it can no longer come true: the stream runs plain RTP",
            "E       last states:",
            "E       SIP messages:",
            "E       * --> INVITE sip:callee@127.0.0.1:*RTP/AVP*",
            "test_calls.py:*: ExpectationFailed",
            "*- srtpbot artifacts -*",
            f"{FOLDER}/test_calls.py-test_fails (open report.html)",
        ]
    )
    result.stdout.no_fnmatch_line("*expectations.py*")
    result.stdout.no_fnmatch_line("*object at 0x*Expectation*")
    files = ["journal.jsonl", "mine.txt", "report.html", "result.json", "sip.pcap"]
    assert kept(pytester) == {"test_calls.py-test_fails": files}
    report = json.loads((pytester.path / FOLDER / "test_calls.py-test_fails" / "result.json").read_text())
    assert report["verdict"] == "fail"
    assert sorted(call["endpoint"] for call in report["calls"]) == ["callee", "caller"]
    assert all(call["disconnect"] for call in report["calls"])


@needs.calls
@pytest.mark.parametrize(
    ("keep", "names"),
    [("all", {"test_calls.py-test_passes", "test_calls.py-test_fails"}), ("none", set())],
)
def test_what_is_kept_can_be_chosen(
    keep: str, names: set[str], run_tests: RunTests, pytester: pytest.Pytester
) -> None:
    result = run_tests(PASSES + FAILS, f"--srtpbot-keep={keep}", "--srtpbot-artifacts=out/calls")
    result.assert_outcomes(passed=1, failed=1)
    assert set(kept(pytester, "out/calls")) == names
    assert not (pytester.path / FOLDER).exists()
    assert ("srtpbot artifacts -" in result.stdout.str()) is bool(names)


@needs.calls
def test_a_plain_assertion_is_in_the_result_too(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    source = """
def test_plain(new_endpoint):
    call = connect(new_endpoint(), new_endpoint())
    assert call.digits == "42"
"""
    run_tests(source).assert_outcomes(failed=1)
    result = json.loads((pytester.path / FOLDER / "test_calls.py-test_plain" / "result.json").read_text())
    assert result["verdict"] == "fail"
    failed = [one for one in result["expectations"] if one["verdict"] == "fail"]
    assert [one["name"] for one in failed] == ["test_plain"]
    assert "'42'" in failed[0]["observed"]


PASSING = """
from bot import EndpointConfig

@pytest.mark.xfail(raises=AssertionError, strict=True)
def test_known(new_endpoint):
    expect(connect(new_endpoint(srtp="off"), new_endpoint())).to_be_encrypted()

def test_skips(new_endpoint):
    new_endpoint()
    pytest.skip("not today")

def test_parrot(parrot, new_endpoint):
    caller = new_endpoint(codecs=["PCMA"])
    call = caller.make_call(parrot.uri)
    expect(call).to_have_active_media()
    call.send_dtmf("1")
    expect(call).to_have_received_packets(at_least=10)
    assert parrot.name == "parrot" and parrot.uri.startswith("sip:parrot@127.0.0.1:")

def test_names(new_endpoint, call_artifacts):
    config = EndpointConfig(name="desk", bind="127.0.0.1")
    made = [new_endpoint(name="bot1"), new_endpoint(), new_endpoint()]
    made += [new_endpoint(config), new_endpoint(config)]
    assert [one.name for one in made] == ["bot1", "bot2", "bot3", "desk", "desk-2"]
    assert len({one.journal for one in made}) == 1
    assert "bot1, bot2" in repr(new_endpoint)
"""


@needs.calls
def test_what_passed_or_was_skipped_leaves_nothing(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    run_tests(PASSES + PASSING).assert_outcomes(passed=3, xfailed=1, skipped=1)
    assert not (pytester.path / FOLDER).exists()


@needs.calls
def test_endpoints_are_closed_last_first_even_when_the_test_failed(run_tests: RunTests) -> None:
    source = """
made = []

@pytest.fixture
def closed(request):
    yield made
    print("closed", made)

def test_order(monkeypatch, closed, new_endpoint):
    from bot import Endpoint
    close = Endpoint.close
    def closing(endpoint):
        made.append(endpoint.name)
        close(endpoint)
    monkeypatch.setattr(Endpoint, "close", closing)
    new_endpoint(name="first"), new_endpoint(name="second")
    1 / 0

def test_after():
    import psutil
    assert not [one for one in psutil.Process().children() if "bot.agent" in one.cmdline()]
"""
    result = run_tests(source)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["closed ['second', 'first']"])


BROKEN = """
class Broken(Controller):
    def on_incoming_call(self, call):
        call.ring()
        raise LookupError("no such customer")
"""


@needs.calls
def test_a_callback_that_raised_fails_the_test(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    source = """
def test_callback(new_endpoint):
    callee = new_endpoint(name="callee", controller=Broken())
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_be_ringing()
"""
    result = run_tests(BROKEN + source)
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) + outcomes.get("error", 0) == 1, outcomes
    result.stdout.fnmatch_lines(["callee: Broken callback raised", "LookupError: no such customer"])
    assert result.stdout.str().count("LookupError: no such customer") == 1
    result.stdout.no_fnmatch_line("*hidden*")
    assert list(kept(pytester)) == ["test_calls.py-test_callback"]


CRASHES = """
def crashed(new_endpoint, name):
    endpoint = new_endpoint(name=name)
    os.kill(endpoint.pid, signal.SIGKILL)
    with pytest.raises(EndpointCrashed):
        endpoint.wait_registered()
    return endpoint

def test_nobody_waited(new_endpoint):
    crashed(new_endpoint, "alice")

def test_forgiven(new_endpoint):
    crashed(new_endpoint, "bob").failure = None

def test_told_once(new_endpoint):
    endpoint = new_endpoint(name="carol")
    os.kill(endpoint.pid, signal.SIGKILL)
    endpoint.wait_registered()

def test_beside_another_failure(new_endpoint):
    assert crashed(new_endpoint, "dave").calls, "no call came"
"""


@needs.calls
def test_crashes(run_tests: RunTests) -> None:
    result = run_tests(CRASHES)
    result.assert_outcomes(passed=1, failed=3)
    text = result.stdout.str()
    crash = "the agent crashed: it was killed by SIGKILL"
    result.stdout.fnmatch_lines([f"alice: {crash}", "  | *pjsua*"])
    assert "bob" not in text.partition("FAILURES")[2]
    assert text.count(f"carol: {crash}") == 1
    result.stdout.fnmatch_lines(
        [">       endpoint.wait_registered()", "E       bot.errors.EndpointCrashed: *"]
    )
    result.stdout.fnmatch_lines(["*no call came*", "*- srtpbot endpoints -*", "dave: the agent crashed: *"])


@needs.calls
def test_full_trace_shows_everything(run_tests: RunTests) -> None:
    result = run_tests(FAILS, "--full-trace")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expectations/*.py:*"])


@needs.calls
def test_under_xdist_every_run_of_a_test_has_its_folder(
    run_tests: RunTests, pytester: pytest.Pytester
) -> None:
    result = run_tests(FAILS, "-n", "2", "--dist", "each")
    result.assert_outcomes(failed=2)
    files = ["journal.jsonl", "mine.txt", "report.html", "result.json", "sip.pcap"]
    assert kept(pytester) == {"test_calls.py-test_fails": files, "test_calls.py-test_fails-2": files}
    result.stdout.fnmatch_lines([f"{FOLDER}/test_calls.py-test_fails (open report.html)"])


@needs.calls
def test_under_xdist_what_passed_leaves_nothing(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    source = PASSES.replace(
        "def test_passes(", "@pytest.mark.parametrize('n', range(4))\ndef test_passes(n, "
    )
    run_tests(source, "-n", "2").assert_outcomes(passed=4)
    assert not (pytester.path / FOLDER).exists()


@needs.calls
def test_a_second_run_replaces_what_the_first_one_left(
    run_tests: RunTests, pytester: pytest.Pytester
) -> None:
    run_tests(FAILS).assert_outcomes(failed=1)
    folder = pytester.path / FOLDER / "test_calls.py-test_fails"
    (folder / "old.txt").write_text("old")
    run_tests(FAILS).assert_outcomes(failed=1)
    assert list(kept(pytester)) == ["test_calls.py-test_fails"]
    assert "old.txt" not in kept(pytester)["test_calls.py-test_fails"]
    run_tests(FAILS.replace('srtp="off"', "")).assert_outcomes(passed=1)
    assert kept(pytester) == {}


def test_a_folder_that_cannot_be_made_is_told(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    (pytester.path / "taken").write_text("a file")
    result = run_tests(FAILS, "--srtpbot-artifacts=taken")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--srtpbot-artifacts: *taken*"])


def test_a_conftest_may_have_its_own_fixtures_of_these_names(
    run_tests: RunTests, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef new_endpoint():\n    return 'mine'\n")
    run_tests("def test_mine(new_endpoint):\n    assert new_endpoint == 'mine'\n").assert_outcomes(passed=1)
    assert not (pytester.path / FOLDER).exists()


DIRECT = """
from bot import Endpoint


def test_direct():
    settings = {"bind": "127.0.0.1", "codecs": ["PCMA"]}
    with Endpoint(name="bot", srtp="off", **settings) as caller, Endpoint(name="bot", **settings) as callee:
        call = connect(caller, callee)
        expect(call).to_use_codec("PCMA")
        call.hangup()
        expect(call).to_be_encrypted()
"""


@needs.calls
def test_endpoints_of_a_test_without_fixtures_have_artifacts_too(
    run_tests: RunTests, pytester: pytest.Pytester
) -> None:
    result = run_tests(DIRECT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{FOLDER}/test_calls.py-test_direct (open report.html)"])
    files = ["journal.jsonl", "report.html", "result.json", "sip.pcap"]
    assert kept(pytester) == {"test_calls.py-test_direct": files}
    told = json.loads((pytester.path / FOLDER / "test_calls.py-test_direct" / "result.json").read_text())
    assert [one["verdict"] for one in told["expectations"]] == ["pass", "pass", "fail"]
    assert sorted(call["direction"] for call in told["calls"]) == ["incoming", "outgoing"]
    run_tests(DIRECT.replace('srtp="off", ', "")).assert_outcomes(passed=1)
    assert kept(pytester) == {}


@needs.calls
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_session_has_one_report(workers: list[str], run_tests: RunTests, pytester: pytest.Pytester) -> None:
    result = run_tests(FAILS + DIRECT.replace('srtp="off", ', ""), "--srtpbot-report=out", *workers)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*- srtpbot report -*", f"{pytester.path}/out/report.html"])
    page = (pytester.path / "out" / "report.html").read_text()
    assert "pytest: fail</title>" in page
    for name in ("test_calls.py-test_fails", "test_calls.py-test_direct"):
        assert f'<a href="tests/{name}/report.html">{name}</a>' in page
    assert not (pytester.path / FOLDER).exists()


def test_a_run_without_its_fixtures_imports_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert not {"bot", "media", "configs"} & set(sys.modules)
            assert not {"numpy", "msgspec", "soundfile", "rich", "click", "pjsua2"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert not (pytester.path / FOLDER).exists()


@pytest.mark.parametrize("command", [["-m", "pytest"], [PYTEST]], ids=["python -m pytest", "pytest"])
def test_a_project_has_a_bot_and_a_media_of_its_own(command: list[str], tmp_path: Path) -> None:
    """As after an installation: srtpbot is found after the project's own packages."""
    for name in ("bot", "media"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"WHOSE = 'mine, {name}'")
    (tmp_path / "test_mine.py").write_text(
        "import bot, media\n"
        "def test_mine():\n    assert (bot.WHOSE, media.WHOSE) == ('mine, bot', 'mine, media')\n"
        "def test_a_call(new_endpoint):\n    raise AssertionError\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys; sys.path.append({str(PROJECT)!r})")
    run = subprocess.run(
        [sys.executable, *command, "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed, 1 error" in run.stdout, run.stdout + run.stderr
    assert "the fixture new_endpoint needs the package 'bot' of srtpbot in" in run.stdout
    assert f"here it is {tmp_path / 'bot' / '__init__.py'}" in run.stdout


def test_its_import_needs_nothing_but_pytest() -> None:
    script = (
        "import pytest, sys; before = set(sys.modules); import srtpbot_pytest;"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    foreign = {name for name in run.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name.partition(".")[0] for name in foreign} == {"srtpbot_pytest"}


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/a/test_x.py::test_y", "tests-a-test_x.py-test_y"),
        ("test_x.py::TestZ::test_y[PCMA]", "test_x.py-TestZ-test_y-PCMA"),
        ("test_x.py::test_y[a-1.5]", "test_x.py-test_y-a-1.5"),
    ],
)
def test_plain_ids_stay_readable(test: str, name: str) -> None:
    assert file_safe(test) == name


def test_ids_that_are_no_file_names() -> None:
    ids = [
        f"test_x.py::test_y[{one}]"
        for one in ("sip:a@b", "sip;a@b", "../..", "a b", "ü", "a" * 300, "b" * 300)
    ]
    names = [file_safe(one) for one in ids]
    assert len(set(names)) == len(ids)
    assert all(len(os.fsencode(name)) <= LONGEST for name in names)
    assert not any(set(name) & set('/\\:;*?"<>| ') or name.startswith(".") for name in names)


def test_a_name_is_claimed_once(tmp_path: Path) -> None:
    folders = [claim(tmp_path / "new", "one", started=0.0) for _ in range(3)]
    assert [folder.name for folder in folders] == ["one", "one-2", "one-3"]
    (folders[0] / "old").touch()
    os.utime(folders[0], (1000, 1000))
    again = claim(tmp_path / "new", "one", started=2000.0)
    assert again == folders[0]
    assert not list(again.iterdir())
