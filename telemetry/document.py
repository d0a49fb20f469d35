"""What a person writes: YAML into pydantic models, with errors that name file, line, field, found and expected.

A model's own validators say only what they expect (`raise ValueError("an IANA time zone such as Asia/Hong_Kong")`);
where it stood and what was found is added here. A description of a required field is what is said when it's missing.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, RootModel, Secret, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from telemetry.marked import Fault, MarkedError, Node, Part, read_marked

ENVIRONMENT = "environment"
"""Stands for the file in a problem with an environment variable."""

_SHOWN = 20
_HIDDEN = "a value (not shown: it may be a secret)"
_Model = TypeVar("_Model", bound=BaseModel)

_EXPECTED = {
    "string_type": "text (numbers and true/false in quotes)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
    "dict_type": "a mapping (name: value)",
    "list_type": "a list",
    "tuple_type": "a list",
}


class Section(BaseModel):
    """A part of a file that a person writes. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(NamedTuple):
    """One thing to mend."""

    file: str
    line: int
    """From 1; 0 where the file as a whole, or something that is no file, is meant."""
    field: str
    """As in `sites[2].timezone`; empty for the file as a whole."""
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = f"{self.field}: " if self.field else ""
        return f"{place}: {field}found {self.found}, expected {self.expected}"


class DocumentError(Exception):
    """Files that can't be used, with everything that is wrong with them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        more = len(self.problems) - _SHOWN
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


class Document:
    """A file that was read, and the line of everything in it."""

    def __init__(self, name: str, root: Node, faults: Iterable[Fault]) -> None:
        self.name = name
        """How problems call the file."""
        self._root = root
        self._faults = [_problem(name, fault) for fault in faults]

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> "Document":
        """Read the YAML; what it means is asked later.

        Raises:
            DocumentError: it is no YAML that we read.
        """
        name = name or path.name
        try:
            root, faults = read_marked(path)
        except MarkedError as error:
            raise DocumentError([_problem(name, error.fault)]) from None
        return cls(name, root, faults)

    def validate(self, model: type[_Model]) -> _Model:
        """The file as `model`. For settings, environment variables go before the file where the model says so.

        Raises:
            DocumentError: with every problem of the file. It never holds the value of a secret.
        """
        problems = list(self._faults)
        found: _Model | None = None
        # Raised after the except clauses: pydantic's own error holds the values, also those of secrets.
        try:
            found = self._built(model)
        except ValidationError as error:
            problems += [self._translated(model, details) for details in error.errors(include_url=False)]
        except SettingsError as error:
            problems.append(Problem(ENVIRONMENT, 0, "", str(error), "JSON for a list or a mapping"))
        except DocumentError as error:
            problems += error.problems
        if problems or found is None:
            raise DocumentError(problems)
        return found

    def problem(self, path: Iterable[Part], found: str, expected: str) -> Problem:
        """A problem with the value at `path`, for checks that look beyond one file."""
        parts = tuple(path)
        return Problem(self.name, self._find(parts)[0], _field(parts), found, expected)

    def _built(self, model: type[_Model]) -> _Model:
        data = self._root.data
        if not issubclass(model, BaseSettings):
            return model.model_validate(data)
        if not isinstance(data, dict):
            raise DocumentError([Problem(self.name, self._root.line, "", show(data), _EXPECTED["dict_type"])])
        # Such names are parameters of the constructor (`_env_file`), not fields.
        private = [key for key in data if key.startswith("_")]
        if private:
            raise DocumentError(self.problem([key], show(key), _known(_names([model]), key)) for key in private)
        return model(**data)

    def _find(self, path: tuple[Part, ...]) -> tuple[int, Node, tuple[Part, ...]]:
        """The line nearest to `path`, the node there, and how much of the path is in the file.

        Parts that pydantic adds for the branch of a union are passed over.
        """
        line, node = self._root.line, self._root
        real: list[Part] = []
        for part in path:
            step = node.step(part)
            if step is not None:
                line, node = step
                real.append(part)
        return line, node, tuple(real)

    def _translated(self, model: type[BaseModel], error: ErrorDetails) -> Problem:
        path, kind = error["loc"], error["type"]
        line, node, real = self._find(path)
        types = _types_at(model, path if kind not in {"missing", "extra_forbidden"} else path[:-1])
        if kind == "missing":
            return Problem(self.name, line, _field((*real, path[-1])), "nothing", _wanted(types, path[-1]))
        if kind == "extra_forbidden":
            return Problem(self.name, line, _field(real), show(path[-1]), _known(_names(types), str(path[-1])))
        expected = _EXPECTED.get(kind) or _sentence(error)
        hidden = any(_holds_secret(annotation, frozenset()) for annotation in types)
        found = _HIDDEN if hidden and not isinstance(error["input"], dict | list) else show(error["input"])
        if issubclass(model, BaseSettings) and path and (not real or node.data != error["input"]):
            return Problem(ENVIRONMENT, 0, _variable(model, path), found, expected)
        return Problem(self.name, line, _field(real), found, expected)


def read(path: Path, model: type[_Model], name: str | None = None) -> _Model:
    """The YAML file at `path` as `model`; `name` is how problems call it, by default the file's name.

    Raises:
        DocumentError: with all its problems.
    """
    return Document.open(path, name).validate(model)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known name that somebody who wrote `word` may have meant."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else None


def show(value: object) -> str:
    """A value for a message: short, on one line."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[-1]}"  # noqa: PLR2004 - half a terminal's line


def _problem(name: str, fault: Fault) -> Problem:
    return Problem(name, fault.line, _field(fault.path), fault.found, fault.expected)


def _field(path: Iterable[Part]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _sentence(error: ErrorDetails) -> str:
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return text[:1].lower() + text[1:] if text[:2].istitle() else text


def _known(names: Collection[str], word: str) -> str:
    close = nearest(word, names)
    return f"a known field, perhaps {close!r}" if close else f"one of {', '.join(sorted(names))}"


def _variable(model: type[BaseSettings], path: tuple[Part, ...]) -> str:
    delimiter = model.model_config.get("env_nested_delimiter") or "__"
    return (model.model_config.get("env_prefix", "") + delimiter.join(map(str, path))).upper()


def _wanted(types: Iterable[Any], name: Part) -> str:
    for annotation in types:
        if _is_model(annotation) and name in annotation.model_fields:
            return annotation.model_fields[name].description or "a value"
    return "a value"


def _names(types: Iterable[Any]) -> set[str]:
    return {
        info.alias or name
        for annotation in types
        if _is_model(annotation)
        for name, info in annotation.model_fields.items()
    }


def _types_at(model: Any, path: tuple[Part, ...]) -> list[Any]:
    """The annotations that may hold for the value at `path`; parts that name the branch of a union change nothing."""
    types = list(_branches(model))
    for part in path:
        inner = [branch for annotation in types for step in _step(annotation, part) for branch in _branches(step)]
        types = inner or types
    return types


def _branches(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for branch in get_args(annotation):
            yield from _branches(branch)
    elif _is_model(annotation) and issubclass(annotation, RootModel):
        yield from _branches(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def _step(annotation: Any, part: Part) -> list[Any]:
    if _is_model(annotation):
        fields = annotation.model_fields
        return [info.annotation for name, info in fields.items() if part in {name, info.alias}]
    origin, args = get_origin(annotation), get_args(annotation)
    if not isinstance(origin, type) or not args:
        return []
    if issubclass(origin, Mapping):
        return [args[1]] if isinstance(part, str) else []
    return [arg for arg in args if arg is not Ellipsis] if isinstance(part, int) else []


def _holds_secret(annotation: Any, seen: frozenset[type]) -> bool:
    """Whether a value meant for `annotation` may contain a secret, however wrong its shape."""
    if _is_model(annotation):
        if annotation in seen:
            return False
        inner = [info.annotation for info in annotation.model_fields.values()]
        return any(_holds_secret(child, seen | {annotation}) for child in inner)
    if isinstance(annotation, type) and issubclass(annotation, Secret | SecretStr | SecretBytes):
        return True
    return any(_holds_secret(child, seen) for child in get_args(annotation))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
