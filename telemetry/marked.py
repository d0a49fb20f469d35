"""YAML as plain values, each with the line it stands on.

The scalars are those of YAML 1.2's core schema: `no` is text and not false, `2026-11-22` is text and not a date,
`08:30` is text and not 510. What a file can cost is bounded: its bytes, its depth, and its values with every alias
written out, so that a few lines of nested aliases can't fill the memory.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 2_000_000

# libyaml is ten times as fast; the two speak the same language.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# 18 digits: what fits a 64-bit integer. Longer ones become floats.
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,400}|[0-9]{1,400}(\.[0-9]{0,400})?)([eE][-+]?[0-9]{1,9})?")
_WORDS: Mapping[str, float | bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", "+.inf", ".Inf", "+.Inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN"), float("nan")),
}

Part = str | int
FieldPath = tuple[Part, ...]


class Fault(NamedTuple):
    """What is wrong with a file before anybody asks what it means."""

    line: int
    """From 1; 0 for the file as a whole."""
    path: FieldPath
    found: str
    expected: str


class MarkedError(Exception):
    """The file can't be read at all."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"line {fault.line}: found {fault.found}, expected {fault.expected}")
        self.fault = fault


@dataclass(slots=True)
class Node:
    """One value of a file."""

    line: int
    data: Any
    """None, bool, int, float, str, list or dict with text keys."""
    size: int = 1
    """Values in it, aliases written out."""
    children: Mapping[str, "Node"] | Sequence["Node"] = ()
    key_lines: Mapping[str, int] = field(default_factory=dict)

    def step(self, part: Part) -> "tuple[int, Node] | None":
        """The line and the node of a key or an index, or None where there is no such thing."""
        if isinstance(self.children, Mapping):
            child = self.children.get(str(part))
            return None if child is None else (self.key_lines[str(part)], child)
        if isinstance(part, int) and 0 <= part < len(self.children):
            return self.children[part].line, self.children[part]
        return None


def read_marked(path: Path) -> tuple[Node, Sequence[Fault]]:
    """The file's only document, and its doubled keys. An empty file is an empty mapping.

    Raises:
        MarkedError: missing, unreadable, too large, not UTF-8, not YAML, too deep, too many values, more than one
            document.
    """
    text = read_text(path)
    reader = _Reader(text)
    try:
        return reader.document(), reader.faults
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The end of the file counts as one line more; the last real one is where a person looks.
        line = 1 if mark is None else min(mark.line, text.rstrip().count("\n")) + 1
        fault = Fault(line, (), f"broken YAML ({error.problem or error.context})", "YAML syntax")
    except yaml.YAMLError:
        # The reader's error: it names a position in an encoding of its own, so the line is counted here.
        line, character = _unprintable(text)
        fault = Fault(line, (), f"the control character {character!r}", "text")
    raise MarkedError(fault)


def read_text(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        MarkedError: missing, unreadable, too large, not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MarkedError(Fault(0, (), "a larger file", f"at most {MAX_BYTES // 1024**2} MiB"))
        raw = path.read_bytes()
    except OSError as error:
        raise MarkedError(Fault(0, (), (error.strerror or str(error)).lower(), "a readable file")) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fault = Fault(line, (), f"the byte 0x{raw[error.start]:02x}", "UTF-8")
    raise MarkedError(fault)


def _unprintable(text: str) -> tuple[int, str]:
    match = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return (1, "?") if match is None else (text.count("\n", 0, match.start()) + 1, match.group())


class _Reader:
    """Builds nodes from the parser's events, so that depth and aliases are judged before they cost anything."""

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise MarkedError(Fault(_line(event), (), "a second document", "one document in a file"))
                node = self._node(next(self._events), ())
        if node is None or node.data is None:
            return Node(1, {}, children={})
        return node

    def _node(self, event: Any, path: FieldPath) -> Node:
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(str(event.anchor))
            if target is None:
                raise MarkedError(Fault(_line(event), path, f"the alias *{event.anchor}", "an anchor above it"))
            return target
        if len(path) > MAX_DEPTH:
            raise MarkedError(Fault(_line(event), (), "deeper nesting", f"at most {MAX_DEPTH} levels"))
        if event.tag is not None and event.tag not in {"!", "tag:yaml.org,2002:str"}:
            self.faults.append(Fault(_line(event), path, f"the tag {event.tag}", "a value without a tag"))
        if isinstance(event, yaml.ScalarEvent):
            node = Node(_line(event), self._scalar(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, path)
        else:
            node = self._mapping(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, start: Any, path: FieldPath) -> Node:
        children: list[Node] = []
        size = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            child = self._node(event, (*path, len(children)))
            size = self._grown(size, child, event)
            children.append(child)
        return Node(_line(start), [child.data for child in children], size, children)

    def _mapping(self, start: Any, path: FieldPath) -> Node:
        children: dict[str, Node] = {}
        lines: dict[str, int] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise MarkedError(Fault(_line(event), path, "a key that is not a word", "text as key"))
            key, line = event.value, _line(event)
            if key in children:
                first = f"each key once (the first is in line {lines[key]})"
                self.faults.append(Fault(line, (*path, key), "the key a second time", first))
            value = next(self._events)
            child = self._node(value, (*path, key))
            size = self._grown(size, child, value)
            children[key], lines[key] = child, line
        return Node(_line(start), {key: child.data for key, child in children.items()}, size, children, lines)

    def _grown(self, size: int, child: Node, event: Any) -> int:
        size += child.size
        if size > MAX_VALUES:
            fault = Fault(_line(event), (), "more values", f"at most {MAX_VALUES:,} with all aliases written out")
            raise MarkedError(fault)
        return size

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        # Quoted, or written as a block: text, whatever it looks like.
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        return float(text) if _NUMBER.fullmatch(text) else text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
