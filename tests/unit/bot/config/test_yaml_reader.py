"""bot.config.yaml_reader: YAML into types, and errors that say where and what."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.yaml_reader import load, loads
from bot.errors import ConfigError


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class RefusedError(ConfigError, ValueError):
    pass


class Wheel(msgspec.Struct, forbid_unknown_fields=True):
    size: int
    colour: Colour = Colour.RED

    def __post_init__(self) -> None:
        if self.size > 99:
            raise RefusedError("size: is too large; at most 99")


class Step(msgspec.Struct, tag_field="do", forbid_unknown_fields=True):
    pass


class Turn(Step, tag="turn"):
    degrees: float


class Wait(Step, tag="wait"):
    seconds: float


Token = Annotated[Literal["aaa", "bbb"], msgspec.Meta(extra={"secret": True})]


class Car(msgspec.Struct, forbid_unknown_fields=True):
    name: str = "car"
    srtp: Literal["off", "on"] = "off"
    wheels: list[Wheel] = []
    spare: Wheel | None = None
    named: dict[str, Wheel] = {}
    codecs: tuple[str, ...] = ()
    pair: tuple[int, int] = (0, 0)
    speed: float = 0
    fast: bool = False
    password: str | None = None
    code: Token | None = None
    steps: list[Turn | Wait] = []


def refusal(text: str, type_: type[Any] = Car) -> str:
    with pytest.raises(ConfigError) as refused:
        loads(text, "x.yaml", type_)
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_a_document_is_read() -> None:
    car = loads(
        "name: beetle\nwheels:\n  - size: 3\n    colour: green\nspeed: 5\nfast: true\n", "x.yaml", Car
    )
    assert car == Car(name="beetle", wheels=[Wheel(3, Colour.GREEN)], speed=5.0, fast=True)


@pytest.mark.parametrize(
    "word", ["off", "no", "yes", "on", "y", "n", "Off", "1:30", "2026-01-31", "0b1", "1_000", "="]
)
def test_only_the_booleans_and_numbers_of_yaml_1_2_are_more_than_text(word: str) -> None:
    assert loads(f"a: {word}\n{word}: b", "x", dict) == {"a": word, word: "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("~", None), ("", None), ("NULL", None), ("010", 10), ("-3", -3),
        ("0x1F", 31), ("0o17", 15),
        ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf")), ("'5'", "5"), ('"true"', "true"),
        ("!!str 5", "5"), ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}), ("|\n  x\n  y\n", "x\ny\n"),
    ],
)  # fmt: skip
def test_values_are_those_of_the_core_schema(text: str, value: object) -> None:
    assert loads(f"a: {text}", "x", dict) == {"a": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("srtp: of", "x.yaml:1: srtp: expected one of off, on, got 'of' (did you mean 'off'?)"),
        ("srtp: false", "x.yaml:1: srtp: expected one of off, on, got false"),
        ("\n\ncodec: [a]", "x.yaml:3: codec: unknown key (did you mean 'codecs'?)"),
        ("zzz: 1", "x.yaml:1: zzz: unknown key"),
        ("name: 5", "x.yaml:1: name: expected text, got 5 (put it in quotes)"),
        ("name: true", "x.yaml:1: name: expected text, got true (put it in quotes)"),
        ("name: [a]", "x.yaml:1: name: expected text, got a list"),
        ("name: {a: b}", "x.yaml:1: name: expected text, got a mapping"),
        ("speed: fast", "x.yaml:1: speed: expected a number, got 'fast'"),
        ("fast: yes", "x.yaml:1: fast: expected true or false, got 'yes'"),
        (
            "codecs: PCMA",
            "x.yaml:1: codecs: expected a list, got 'PCMA' (write a list of one value as [value])",
        ),
        ("codecs:", "x.yaml:1: codecs: expected a list, got nothing"),
        ("codecs:\n  - a\n  - 8", "x.yaml:3: codecs[1]: expected text, got 8 (put it in quotes)"),
        ("pair: [1, 2, 3]", "x.yaml:1: pair: expected a list of length 2, got 3"),
        ("spare:\n  colour: red", "x.yaml:1: spare: the key 'size' is missing"),
        ("spare:\n  size: 3\n  color: red", "x.yaml:3: spare.color: unknown key (did you mean 'colour'?)"),
        (
            "wheels:\n- size: 1\n- size: 2\n  colour: gren",
            "x.yaml:4: wheels[1].colour: expected one of red, green, got 'gren' (did you mean 'green'?)",
        ),
        ("spare:\n  colour: red\n  size: 100", "x.yaml:3: spare.size: is too large; at most 99"),
        (
            "named:\n  a:\n    size: 1\n  b:\n    size: 100",
            "x.yaml:5: named.b.size: is too large; at most 99",
        ),
        (
            "named:\n  a:\n    size: 1\n  b:\n    size: x",
            "x.yaml:5: named.b.size: expected a whole number, got 'x'",
        ),
        ("steps:\n- do: turn\n  seconds: 1", "x.yaml:3: steps[0].seconds: unknown key"),
        (
            "steps:\n- do: trn",
            "x.yaml:2: steps[0].do: expected one of turn, wait, got 'trn' (did you mean 'turn'?)",
        ),
        ("- a", "x.yaml:1: expected a mapping (key: value), got a list"),
        ("just text", "x.yaml:1: expected a mapping (key: value), got 'just text'"),
        ("5: 2", "x.yaml:1: expected text as the key; put the key in quotes"),
    ],
)
def test_an_error_names_file_line_and_key(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml: is empty, expected 'key: value' lines"),
        ("# only a comment\n", "x.yaml: is empty, expected 'key: value' lines"),
        ("name: a\nname: b", "x.yaml:2: name: duplicate key, see line 1"),
        ("name: a\n---\nname: b", "x.yaml:2: expected one document, a second document starts here"),
        ("name:\n\t- a", "x.yaml:2: YAML does not allow tabs in the indentation; use spaces"),
        ("name: a: b", "x.yaml:1: not valid YAML: mapping values are not allowed here"),
        ("name: *x", "x.yaml:1: not valid YAML: found undefined alias 'x'"),
        ("name: !x y", "x.yaml:1: unexpected tag (!...); put a value that begins with ! in quotes"),
        (
            "name: !!python/object/apply:os.system [id]",
            "x.yaml:1: unexpected tag (!...); remove it",
        ),
        ("? [a]\n: b", "x.yaml:1: expected text as the key, got a list or a mapping"),
        ("name: a\nb: \x01", "x.yaml:2: contains a control character; remove it"),
        (f"speed: {'9' * 5000}", "x.yaml:1: is not a valid int"),
        ("speed: !!int fast", "x.yaml:1: is not a valid int"),
        ("<<: 5", "x.yaml:1: <<: expected a mapping or a list of mappings"),
        ("name: &a [*a]", "x.yaml:1: expected at most 50 levels of nesting"),
    ],
)
def test_what_is_not_a_document_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


def test_deep_nesting_is_refused() -> None:
    assert "expected at most 50 levels of nesting" in refusal("[" * 100 + "]" * 100)
    assert "expected at most 50 levels of nesting" in refusal("[" * 50_000)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "values, with aliases expanded" in refusal("\n".join(lines), dict)


def test_anchors_and_merge_keys_work_and_are_located() -> None:
    text = "spare: &w\n  size: 3\n  colour: green\nnamed:\n  a: *w\n  b:\n    size: 4\n    <<: *w\n"
    car = loads(text, "x.yaml", Car)
    assert car.named == {"a": Wheel(3, Colour.GREEN), "b": Wheel(4, Colour.GREEN)}
    assert refusal(text.replace("green", "blue")).startswith("x.yaml:3: spare.colour: expected one of")
    merged = "a: &w\n  size: x\nb:\n  <<: [*w]\n  size: 3\nc:\n  <<: *w\n"
    assert refusal(merged.replace("x\n", "1\n  x: y\n"), dict[str, Wheel]) == "x.yaml:3: a.x: unknown key"
    assert refusal(merged.replace("size: x", "colour: x"), dict[str, Wheel]).startswith("x.yaml:2: a")


# --- the environment -----------------------------------------------------------------------------


def test_text_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRTPBOT_A", "7")
    monkeypatch.setenv("SRTPBOT_EMPTY", "")
    monkeypatch.delenv("SRTPBOT_UNSET", raising=False)
    text = (
        "name: <${SRTPBOT_A}${SRTPBOT_UNSET:-d:e}${SRTPBOT_EMPTY}$${x}$5>\n"
        "password: ${SRTPBOT_A}\n"
        "speed: ${SRTPBOT_A}\n"
        "fast: ${SRTPBOT_UNSET:-true}\n"
        "pair: ['${SRTPBOT_A}', '${SRTPBOT_EMPTY:-2}']\n"
    )
    assert loads(text, "x", Car) == Car(name="<7d:e${x}$5>", password="7", speed=7.0, fast=True, pair=(7, 2))


def test_what_the_environment_says_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRTPBOT_A", "${SRTPBOT_B} [1]: *x")
    assert loads("name: ${SRTPBOT_A}", "x", Car).name == "${SRTPBOT_B} [1]: *x"


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRTPBOT_UNSET", raising=False)
    message = refusal("speed: 1\nname: ${SRTPBOT_UNSET}")
    assert message.startswith("x.yaml:2: the environment variable SRTPBOT_UNSET is not set; ")
    assert message.endswith("write ${SRTPBOT_UNSET:-default}")


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${A:b}", "${1}"])
def test_a_malformed_variable_is_refused(text: str) -> None:
    assert refusal(f"name: '{text}'") == "x.yaml:1: expected ${NAME} or ${NAME:-default}; $${ is a literal ${"


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "password: [geheim]",
        "password: {geheim: 1}",
        "password: 4711",
        "password: *geheim",
        "password: !geheim x",
        "password: &geheim",
        "password: 'geheim",
        "password: geheim: geheim",
        "password: @geheim",
        "password: %geheim\n  - x",
        "password:\n  *geheim",
        "password: '${geheim!}'",
        "passwrd: geheim",
        "password geheim",
        "srtp: off\n  password geheim",
        "code: geheim",
        "code: 4711",
    ],
)
def test_an_error_shows_no_secret(text: str) -> None:
    if text.endswith("&geheim"):
        assert loads(text, "x.yaml", Car).password is None
        return
    message = refusal(text)
    assert message.startswith("x.yaml:")
    assert "geheim" not in message
    assert "4711" not in message


# --- files --------------------------------------------------------------------------------------


def test_a_file_is_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\r\n")
    assert load(path, Car).name == "café"
    assert load(str(path), Car).name == "café"


def test_finish_changes_or_refuses(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: a\nspare:\n  size: 3\n")

    def refuse(car: Car) -> Car:
        raise ConfigError("spare.size: is odd")

    assert load(path, Car, lambda car: Car(name=car.name + "b")) == Car(name="ab")
    with pytest.raises(ConfigError) as refused:
        load(path, Car, refuse)
    assert str(refused.value) == f"{path}:3: spare.size: is odd"


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message(path: Path | str) -> str:
        with pytest.raises(ConfigError) as refused:
            load(path, Car)
        return str(refused.value)

    assert message(tmp_path / "no.yaml") == f"{tmp_path}/no.yaml: no such file"
    assert message(tmp_path) == f"{tmp_path}: is a directory, expected a YAML file"
    assert "cannot be read" in message("a\0b")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: b\nname: caf\xe9\n")
    assert message(latin) == f"{latin}:2: byte 0xe9 is not UTF-8"
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 1_000_001)
    assert message(large) == f"{large}: expected a settings file of at most 1000000 bytes"

    def denied(*_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert message("a.yaml") == "a.yaml: cannot be read: Permission denied"


@given(st.text() | st.text("abc:[]{}&*!|>-?#%@`'\"$\n \t,0x.<~", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for type_ in (Car, dict, dict[str, Wheel], list[int]):
        assert outcome(text, type_).startswith("x.yaml")


def outcome(text: str, type_: type[Any]) -> str:
    try:
        return f"x.yaml is {loads(text, 'x.yaml', type_)!r}"
    except ConfigError as error:
        return str(error)
