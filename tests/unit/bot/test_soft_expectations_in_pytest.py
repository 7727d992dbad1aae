"""Soft expectations under pytest: the test continues, and fails at its end with all failures."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support import needs

pytest_plugins = ["pytester"]

RunTests = Callable[..., pytest.RunResult]
HEAD = """
import asyncio
import pytest
from bot import CallFailed, Endpoint, expect

def refused(endpoint):
    with pytest.raises(CallFailed):
        endpoint.call(9)
    return endpoint
"""


@pytest.fixture
def run_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunTests:
    """Run a test file with these options."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)

    def run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_soft=HEAD + source)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


@needs.calls
def test_all_are_listed_at_the_end_and_in_the_result(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    source = """
def test_two(new_endpoint):
    endpoint = new_endpoint(name="phone")
    expect.soft(endpoint).to_be_registered(timeout=0)
    expect.soft(endpoint).not_to_be_registered()
    expect.soft(endpoint).to_have_messages_waiting(timeout=0)
    print("went on")
"""
    result = run_tests(source, "--junit-xml=report.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*expect.soft(endpoint).to_be_registered(timeout=0)",
            "E*SoftExpectationsFailed: 2 soft expectations failed",
            "E*1. test_soft.py:12: phone is registered",
            "E*expected: registered",
            "E*observed: no word from a registrar",
            "E*2. test_soft.py:14: phone has messages waiting",
            "went on",
        ]
    )
    result.stdout.no_fnmatch_line("*srtpbot_pytest/*")
    assert "2. test_soft.py:14: phone has messages waiting" in (pytester.path / "report.xml").read_text()
    [folder] = (pytester.path / "test-artifacts").iterdir()
    report = json.loads((folder / "result.json").read_text())
    assert report["verdict"] == "fail"
    assert [one["name"] for one in report["expectations"] if one["verdict"] == "fail"] == [
        "phone is registered",
        "phone has messages waiting",
    ]


@needs.calls
def test_beside_another_failure(run_tests: RunTests) -> None:
    source = """
def soft(endpoint):
    expect.soft(endpoint).to_be_registered(timeout=0)

def test_hard(new_endpoint):
    endpoint = new_endpoint(name="phone")
    soft(endpoint)
    expect(endpoint).to_have_messages_waiting(timeout=0)

def test_assert(new_endpoint):
    soft(new_endpoint(name="phone"))
    assert 1 == 2

def test_fail(new_endpoint):
    soft(new_endpoint(name="phone"))
    pytest.fail("no traceback", pytrace=False)

def test_skip(new_endpoint):
    soft(new_endpoint(name="phone"))
    pytest.skip("not today")

@pytest.mark.xfail(raises=AssertionError, strict=True)
def test_known(new_endpoint):
    soft(new_endpoint(name="phone"))
"""
    result = run_tests(source)
    result.assert_outcomes(failed=4, xfailed=1)
    assert result.stdout.str().count("1. test_soft.py:11: phone is registered") == 4
    result.stdout.fnmatch_lines(["*phone has messages waiting", "*assert 1 == 2", "*no traceback"])


@needs.calls
def test_in_fixtures_threads_and_coroutines(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        asyncio.run(pyfuncitem.obj(**arguments))
        return True
"""
    )
    source = """
import threading

@pytest.fixture
def before(new_endpoint):
    expect.soft(new_endpoint()).to_be_registered(timeout=0)

@pytest.fixture
def after(new_endpoint):
    yield
    expect.soft(new_endpoint()).to_be_registered(timeout=0)

def test_before(before):
    print("went on")

def test_after(after):
    pass

def test_thread(new_endpoint):
    endpoint = new_endpoint()
    thread = threading.Thread(target=lambda: expect.soft(endpoint).to_be_registered(timeout=0))
    thread.start()
    thread.join()

async def test_coroutine(new_endpoint):
    expect.soft(new_endpoint()).to_be_registered(timeout=0)
    await asyncio.sleep(0)
    expect.soft(new_endpoint()).to_be_registered(timeout=0)

def test_own_block():
    with Endpoint(bind="127.0.0.1", name="phone") as endpoint:
        expect.soft(endpoint).to_be_registered(timeout=0)
    expect.soft(endpoint).to_be_registered(timeout=0)
    print("went on after the block")

def test_good(new_endpoint):
    expect.soft(new_endpoint()).not_to_be_registered()
"""
    result = run_tests(source, "-rA")
    result.assert_outcomes(failed=4, passed=2, errors=1)
    text = result.stdout.str()
    assert text.count("went on") == 2
    assert text.count("SoftExpectationsFailed: 2 soft expectations failed") >= 2
    assert "went on after the block" in text


@needs.calls
def test_what_is_imported_late_is_not_lost(run_tests: RunTests, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_late="""
def test_late():
    from bot import Endpoint, expect
    with Endpoint(bind="127.0.0.1", name="phone") as endpoint:
        expect.soft(endpoint).to_be_registered(timeout=0)

def test_next():
    pass
"""
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*SoftExpectationsFailed: 1 soft expectation failed"])


def test_without_the_plugin_the_block_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_block():
    with Endpoint(bind="127.0.0.1", name="phone") as endpoint:
        expect.soft(endpoint).to_be_registered(timeout=0)
"""
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:srtpbot")
    result.assert_outcomes(failed=1)
