"""Everything that can be wrong with a file has a line, a field, what was found and what was expected."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, Field, PositiveInt, RootModel, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from telemetry import marked
from telemetry.document import ENVIRONMENT, Document, DocumentError, Problem, Section, nearest, read, show


class Door(Section):
    id: str = Field(description="an id such as north")
    width_cm: PositiveInt = 90
    colours: tuple[str, ...] = ()
    lock: Literal["open", "shut"] | None = None
    key: SecretStr | None = None

    @field_validator("id")
    @classmethod
    def _id(cls, text: str) -> str:
        if " " in text:
            raise ValueError("an id without spaces")
        return text


class House(Section):
    doors: tuple[Door, ...]
    heated: bool = False
    warmth_c: float | None = None
    rooms: dict[str, Door] = Field(default_factory=dict)


class Anything(RootModel[object]):
    pass


BAD: list[tuple[str, str, str]] = [
    (
        "a missing field",
        "doors:\n  - width_cm: 80\n",
        "x.yaml:2: doors[0].id: found nothing, expected an id such as north",
    ),
    ("a missing field without description", "heated: true\n", "x.yaml:1: doors: found nothing, expected a value"),
    ("an empty file", "", "x.yaml:1: doors: found nothing, expected a value"),
    ("only comments", "# doors\n---\n", "x.yaml:1: doors: found nothing, expected a value"),
    (
        "an unknown field",
        "doors:\n  - id: a\n    colour: [red]\n",
        "x.yaml:3: doors[0].colour: found 'colour', expected a known field, perhaps 'colours'",
    ),
    (
        "an unknown field like no other",
        "doors: []\nqqqq: 1\n",
        "x.yaml:2: qqqq: found 'qqqq', expected one of doors, heated, rooms, warmth_c",
    ),
    (
        "a validator's sentence",
        "doors:\n- id: a b\n",
        "x.yaml:2: doors[0].id: found 'a b', expected an id without spaces",
    ),
    (
        "a number for a text",
        "doors: [{id: 12}]\n",
        "x.yaml:1: doors[0].id: found 12, expected text (numbers and true/false in quotes)",
    ),
    (
        "a text for a number",
        "doors:\n- id: a\n  width_cm: wide\n",
        "x.yaml:3: doors[0].width_cm: found 'wide', expected a whole number",
    ),
    (
        "a bound",
        "doors:\n- id: a\n  width_cm: 0\n",
        "x.yaml:3: doors[0].width_cm: found 0, expected greater than 0",
    ),
    (
        "a word out of a few",
        "doors:\n- id: a\n  lock: ajar\n",
        "x.yaml:3: doors[0].lock: found 'ajar', expected 'open' or 'shut'",
    ),
    (
        "not YAML 1.1's booleans",
        "doors: []\nheated: maybe\n",
        "x.yaml:2: heated: found 'maybe', expected true or false",
    ),
    (
        "a scalar for a list",
        "doors: north\n",
        "x.yaml:1: doors: found a value (not shown: it may be a secret), expected a list",
    ),
    (
        "a scalar for a mapping",
        "doors: [north]\n",
        "x.yaml:1: doors[0]: found a value (not shown: it may be a secret), expected a mapping",
    ),
    ("a list for the file", "- a\n- b\n", "x.yaml:1: found a list, expected a mapping (name: value)"),
    ("a mapping for a text", "doors: [{id: {a: b}}]\n", "x.yaml:1: doors[0].id: found a mapping, expected text"),
    (
        "inside a dictionary",
        "doors: []\nrooms:\n  hall:\n    id: a b\n",
        "x.yaml:4: rooms.hall.id: found 'a b', expected an id without spaces",
    ),
    (
        "a key twice",
        "doors: []\nheated: true\nheated: false\n",
        "x.yaml:3: heated: found the key a second time, expected each key once (the first is in line 2)",
    ),
    (
        "a syntax error",
        "doors:\n  - id: 'a\n",
        "x.yaml:2: found broken YAML (found unexpected end of stream), expected YAML syntax",
    ),
    (
        "a tab",
        "doors:\n\t- id: a\n",
        "x.yaml:2: found broken YAML (found character that cannot start any token), expected",
    ),
    (
        "a control character",
        "doors: []\nheated: \x00\n",
        "x.yaml:2: found the control character '\\x00', expected text",
    ),
    (
        "two documents",
        "doors: []\n---\ndoors: []\n",
        "x.yaml:2: found a second document, expected one document in a file",
    ),
    (
        "a key that is a list",
        "doors: []\n? [a]\n: b\n",
        "x.yaml:2: found a key that is not a word, expected text as key",
    ),
    ("an unknown alias", "doors: *north\n", "x.yaml:1: doors: found the alias *north, expected an anchor above it"),
    (
        "an alias within its anchor",
        "doors: &a [*a]\n",
        "x.yaml:1: doors[0]: found the alias *a, expected an anchor above",
    ),
    (
        "a tag",
        "doors: []\nheated: !!bool yes\n",
        "x.yaml:2: heated: found the tag tag:yaml.org,2002:bool, expected a value",
    ),
    ("a tag that makes objects", "doors: !!python/name:os.system []\n", "x.yaml:1: doors: found the tag tag:yaml.org"),
    ("deep nesting", "doors: " + "[" * 5000, "x.yaml:1: found deeper nesting, expected at most 32 levels"),
    (
        "not a number",
        "doors: []\nwarmth_c: warm\n",
        "x.yaml:2: warmth_c: found 'warm', expected a number",
    ),
]


def problems_of(path: Path, model: type[BaseModel]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(path, model)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_problem_says_where_what_and_what_instead(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")

    assert [problem[: len(expected)] for problem in problems_of(path, House)] == [expected]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("doors:\n- id: a b\n- width_cm: -1\nheated: 7\nheated: 8\n")

    lines = [problem.split(" ")[0] for problem in problems_of(path, House)]

    assert lines == ["x.yaml:5:", "x.yaml:2:", "x.yaml:3:", "x.yaml:3:", "x.yaml:5:"]


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("doors: []\n# Zür".encode() + b"\xfc\n")

    assert problems_of(tmp_path / "gone.yaml", House) == [
        "gone.yaml: found no such file or directory, expected a readable file"
    ]
    assert problems_of(tmp_path, House) == [f"{tmp_path.name}: found is a directory, expected a readable file"]
    assert problems_of(tmp_path / "latin.yaml", House) == ["latin.yaml:2: found the byte 0xfc, expected UTF-8"]


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("doors: []\n" + "#" * 2000)
    monkeypatch.setattr(marked, "MAX_BYTES", 1024)

    assert problems_of(path, House) == ["x.yaml: found a larger file, expected at most 0 MiB"]


def test_nested_aliases_cost_nothing(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(rows))

    (problem,) = problems_of(path, Anything)

    assert problem == "bomb.yaml:7: found more values, expected at most 2,000,000 with all aliases written out"


def test_anchors_save_writing(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("doors:\n- {id: a, colours: &c [red, blue]}\n- {id: b, colours: *c}\n")

    assert [door.colours for door in read(path, House).doors] == [("red", "blue")] * 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("12", 12),
        ("+7", 7),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".inf", float("inf")),
        ("08:30", "08:30"),
        ("2026-11-22", "2026-11-22"),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("9" * 5000, "9" * 5000),
        ("| \n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"v: {text}")

    found = read(path, Anything).root

    assert found == {"v": value}
    assert isinstance(found, dict)
    assert type(found["v"]) is type(value)


def test_a_byte_order_mark_and_windows_line_ends_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfdoors: []\r\nheated: 7\r\n")

    assert problems_of(path, House) == ["x.yaml:2: heated: found 7, expected true or false"]


def test_the_pure_parser_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("doors:\n- id: a b\n")
    monkeypatch.setattr(marked, "_LOADER", yaml.SafeLoader)

    assert problems_of(path, House) == ["x.yaml:2: doors[0].id: found 'a b', expected an id without spaces"]


SECRET = "canary-7f3a"


@pytest.mark.parametrize(
    "text",
    [
        f"doors: [{{id: a, key: [{SECRET}]}}]",
        f"doors: [{{id: a, key: {{a: {SECRET}}}}}]",
        f"doors: [{{id: a, kee: {SECRET}}}]",
        f"doors: [{SECRET}]",
        f"doors: {SECRET}",
        f"rooms: {{hall: {SECRET}}}",
        f"{{a: {SECRET}, {SECRET}",
    ],
)
def test_a_secret_never_shows(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(DocumentError) as caught:
        read(path, House)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert not isinstance(caught.value.__context__, ValidationError)


class Branch(Section):
    token: SecretStr


class Store(Section):
    url: str = Field(description="an address")
    branch: Branch | None = None


class Settings(BaseSettings):
    """The environment goes before the file."""

    model_config = SettingsConfigDict(env_prefix="HOUSE_", env_nested_delimiter="__", extra="forbid")
    port: int = 1883
    token: SecretStr | None = None
    store: Store | None = None
    names: list[str] = Field(default_factory=list)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "caretaker.yaml"
    path.write_text("port: 1\nstore: {url: file}\n")
    monkeypatch.setenv("HOUSE_PORT", "2")

    settings = read(path, Settings)

    assert (settings.port, settings.store) == (2, Store(url="file"))


def test_settings_may_be_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "caretaker.yaml"
    path.write_text("# nothing\n{}\n")

    assert read(path, Settings).port == 1883


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ({"PORT": "many"}, "port: 1\n", "environment: HOUSE_PORT: found 'many', expected a whole number"),
        ({"PORT": "many"}, "", "environment: HOUSE_PORT: found 'many', expected a whole number"),
        ({}, "\nport: many\n", "c.yaml:2: port: found 'many', expected a whole number"),
        ({}, "\nstore: {}\n", "c.yaml:2: store.url: found nothing, expected an address"),
        ({}, "_env_file: /x\n", "c.yaml:1: _env_file: found '_env_file', expected one of names, port, store, token"),
        ({}, "prot: 1\n", "c.yaml:1: prot: found 'prot', expected a known field, perhaps 'port'"),
        ({}, "[1]", "c.yaml:1: found a list, expected a mapping (name: value)"),
        ({}, f"token: [{SECRET}]", "c.yaml:1: token: found a list, expected text"),
        (
            {"STORE__BRANCH": f'"{SECRET}"'},
            "store: {url: a}",
            "environment: HOUSE_STORE__BRANCH: found a value (not shown: it may be a secret), expected a mapping",
        ),
        ({"NAMES": SECRET}, "", 'environment: found error parsing value for field "names"'),
    ],
)
def test_a_problem_of_settings_names_file_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], text: str, expected: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(f"HOUSE_{name}", value)

    (problem,) = problems_of(path, Settings)

    assert problem.startswith(expected)
    assert SECRET not in problem


class Cat(Section):
    kind: Literal["cat"]
    lives: int


class Dog(Section):
    kind: Literal["dog"]
    tricks: list[str]


class Pets(Section):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]
    weight: int | dict[str, int] = 1


def test_the_branch_of_a_union_is_not_part_of_the_field(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("pets:\n- {kind: dog, tricks: []}\n- kind: cat\n  lives: many\n- {kind: dog, trick: []}\n")

    assert problems_of(path, Pets) == [
        "x.yaml:4: pets[1].lives: found 'many', expected a whole number",
        "x.yaml:5: pets[2].tricks: found nothing, expected a value",
        "x.yaml:5: pets[2].trick: found 'trick', expected a known field, perhaps 'tricks'",
    ]
    path.write_text("pets: []\nweight: {north: heavy}\n")
    assert problems_of(path, Pets) == [
        "x.yaml:2: weight: found a mapping, expected a whole number",
        "x.yaml:2: weight.north: found 'heavy', expected a whole number",
    ]


def test_a_check_beyond_one_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("doors:\n- id: a\n- id: b\n  width_cm: 80\n")
    document = Document.open(path, "folder/x.yaml")

    assert document.problem(("doors", 1, "width_cm"), "80", "90") == Problem(
        "folder/x.yaml", 4, "doors[1].width_cm", "80", "90"
    )
    assert document.problem(("doors", 0, "width_cm"), "nothing", "90").line == 2
    assert document.problem(("doors", 9), "nothing", "90").line == 1


def test_a_long_list_of_problems_is_cut_for_reading() -> None:
    error = DocumentError(Problem(ENVIRONMENT, 0, f"V{i}", "a", "b") for i in range(30))

    assert len(error.problems) == 30
    assert str(error).splitlines()[-1] == "and 10 more"
    assert str(error).splitlines()[0] == "environment: V0: found a, expected b"


def test_values_are_shown_short() -> None:
    values: list[object] = [None, True, [], {}, 1.5, "a\nb"]

    assert [show(value) for value in values] == [
        "nothing",
        "true",
        "a list",
        "a mapping",
        "1.5",
        r"'a\nb'",
    ]
    assert len(show("x" * 500)) == 80


def test_the_nearest_name() -> None:
    assert nearest("nh3_pmm", ["h2s_ppm", "nh3_ppm"]) == "nh3_ppm"
    assert nearest("zzz", ["h2s_ppm"]) is None
