"""The classes of status codes (RFC 3261 7.2), and the messages that have them."""

from __future__ import annotations

import json

import pytest

from bot.sip import (
    Message,
    StatusCode,
    is_challenge,
    is_early,
    is_failure,
    is_final,
    is_provisional,
    is_redirection,
    is_success,
)


@pytest.mark.parametrize(
    ("code", "classes"),
    [
        (0, ""),
        (99, ""),
        (100, "provisional"),
        (101, "provisional early"),
        (199, "provisional early"),
        (200, "final success"),
        (299, "final success"),
        (300, "final failure redirection"),
        (399, "final failure redirection"),
        (400, "final failure"),
        (401, "final failure challenge"),
        (407, "final failure challenge"),
        (422, "final failure"),
        (699, "final failure"),
        (700, ""),
    ],
)
def test_classes(code: int, classes: str) -> None:
    tests = {
        "provisional": is_provisional,
        "early": is_early,
        "final": is_final,
        "success": is_success,
        "failure": is_failure,
        "redirection": is_redirection,
        "challenge": is_challenge,
    }
    assert {name for name, holds in tests.items() if holds(code)} == set(classes.split())


@pytest.mark.parametrize("code", [100, 183, 200, 302, 486, 603])
def test_a_response_has_the_classes_of_its_code(code: int) -> None:
    response = Message(status=code)
    assert response.is_provisional is is_provisional(code)
    assert response.is_early is is_early(code)
    assert response.is_final is is_final(code)
    assert response.is_success is is_success(code)
    assert response.is_failure is is_failure(code)


def test_a_request_has_none() -> None:
    request = Message(method="INVITE", uri="sip:a@b")
    assert not any([request.is_provisional, request.is_final, request.is_success, request.is_failure])


def test_a_named_code_is_shown_as_a_number() -> None:
    assert f"{StatusCode.REQUEST_TERMINATED} {StatusCode.OK!s}" == "487 200"
    assert json.dumps(StatusCode.DECLINE) == "603"
