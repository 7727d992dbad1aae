"""Pages of other sites, as they ask for what is on the page of a load."""

from __future__ import annotations

import flask
import pytest

from bot.load.web import refuse_other_sites


def asked(path: str, headers: dict[str, str], *, host: str = "127.0.0.1") -> int:
    app = flask.Flask(__name__)
    refuse_other_sites(app, host)
    app.add_url_rule("/", view_func=lambda: "page")
    app.add_url_rule("/stop", view_func=lambda: "stopped", endpoint="stop")
    return app.test_client().get(path, headers={"Host": "127.0.0.1:8089", **headers}).status_code


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/stop", {"Sec-Fetch-Site": "cross-site"}),
        ("/stop", {"Sec-Fetch-Site": "same-site"}),
        ("/stop", {"Origin": "http://example.org"}),
        ("/stop", {"Origin": "http://127.0.0.1:8090"}),
        ("/stop", {"Origin": "null"}),
        ("/", {"Host": "example.org:8089"}),
    ],
)
def test_others_are_refused(path: str, headers: dict[str, str]) -> None:
    assert asked(path, headers) == 403


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/stop", {}),
        ("/stop", {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8089"}),
        ("/", {"Sec-Fetch-Site": "cross-site"}),
        ("/", {"Host": "localhost:8089"}),
        ("/", {"Host": "[::1]:8089"}),
    ],
)
def test_the_page_itself_is_answered(path: str, headers: dict[str, str]) -> None:
    assert asked(path, headers) == 200


def test_a_page_for_the_network_has_any_name() -> None:
    assert asked("/", {"Host": "load.example.org"}, host="192.0.2.1") == 200
