"""A caller whose header makes an expression of ours backtrack fails its own call, and nobody else's."""

from __future__ import annotations

from tests.support.commands import NewBot
from tests.support.process import FAILED, OK

EVIL = f"X-Evil: {'a' * 60}!"


def test_answer_goes_on(answer: NewBot, call: NewBot) -> None:
    callee = answer("--expect-header", "X-Evil: ^(a|aa)+$", "--calls", "2")
    for header in (EVIL, "X-Evil: aaaa"):
        assert call(callee.uri(), "--duration", "1", "--header", header).end() == OK
    assert callee.end() == FAILED
    assert "FAIL  parrot: call 1 from <sip:caller@127.0.0.1> has header" in callee.stdout
    assert "takes too long on 'aaaa" in callee.stdout
    assert callee.stdout.count("FAIL  ") == 1
