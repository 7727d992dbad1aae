"""bot.agent.native.library: each function is declared once, and a missing one is named."""

from __future__ import annotations

import pytest

from bot.agent.native.library import PROTOTYPES, MissingSymbol, exported, missing_functions


def test_a_function_has_its_prototype() -> None:
    function = exported().pjsip_msg_print
    result, *arguments = PROTOTYPES["pjsip_msg_print"]
    assert (function.restype, function.argtypes) == (result, arguments)


def test_a_missing_function_is_no_attribute_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROTOTYPES, "pjsip_no_such_function", (None,))
    with pytest.raises(MissingSymbol, match="does not export pjsip_no_such_function"):
        exported().require("pjsip_msg_print", "pjsip_no_such_function")
    assert "pjsip_no_such_function" in missing_functions()
    assert not issubclass(MissingSymbol, AttributeError)


def test_an_undeclared_function_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        exported().require("pjsip_endpt_respond_stateles")


def test_a_missing_variable() -> None:
    assert exported().address("pjsip_sip_cfg_var")
    with pytest.raises(MissingSymbol, match="no_such_variable"):
        exported().address("no_such_variable")
