"""The files that a deployment gets from this package, and how one that is there already is treated."""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from deploy.layout import Form, Layout
from deploy.private import FILE_MODE, FOLDER_MODE, make_private, write_private

SCRIPTS = frozenset({"manage", "install"})
UNIT_ENDINGS = (".service", ".target", ".timer", ".socket", ".slice")
OWN = "\n# Your own.\n"
_SETTING = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.MULTILINE)


class Done(StrEnum):
    """What became of a file."""

    MADE = "made"
    KEPT = "kept"
    """As it would be made now."""
    DIFFERS = "kept, differs"
    """Somebody changed it, or an older version wrote it: it is left alone."""
    REPLACED = "replaced"
    """By the one of this version, as was asked for; the old one lies beside it."""
    RENEWED = "renewed"
    """What is derived from the rest: certificates, access rules, dashboards."""


class Step(NamedTuple):
    """One thing that `init` made or kept."""

    done: Done
    what: str
    """Relative to the deployment's folder."""


class Shipped(NamedTuple):
    """A file of this package and its place."""

    text: str
    to: Path
    mode: int = FILE_MODE


def shipped(layout: Layout, settings: Mapping[str, str]) -> Iterator[Shipped]:
    """What this kind of deployment gets. `settings`: values for lines of `.env`."""
    folder = layout.folder
    match layout.form:
        case Form.COMPOSE:
            source = files("deploy") / "compose"
            for name in ("compose.yaml", "manage"):
                yield Shipped((source / name).read_text(encoding="utf-8"), folder / name, _mode(name))
            yield Shipped(with_settings(env_template(), settings), folder / ".env")
            source = files("deploy") / "prometheus"
            for name in ("prometheus.yaml", "rules.yaml"):
                yield Shipped((source / name).read_text(encoding="utf-8"), layout.staged.prometheus / name)
        case Form.SYSTEMD:
            yield from _units(files("deploy") / "systemd", layout)
        case Form.LOCAL:
            return


def put(one: Shipped, folder: Path, *, replace: bool) -> Step:
    """Write a file that is missing; one that differs is left alone, or with `replace` moved to NAME.old. `OSError`."""
    what = one.to.relative_to(folder).as_posix()
    done = Done.MADE
    if one.to.exists():
        if one.to.read_text(encoding="utf-8") == one.text:
            return Step(Done.KEPT, what)
        if not replace:
            return Step(Done.DIFFERS, what)
        one.to.replace(one.to.with_name(f"{one.to.name}.old"))
        done = Done.REPLACED
    make_private(one.to.parent)
    write_private(one.to, one.text, one.mode)
    return Step(done, what)


def env_template() -> str:
    """`.env`, not yet filled."""
    return (files("deploy") / "compose" / "env.template").read_text(encoding="utf-8")


def with_settings(template: str, settings: Mapping[str, str]) -> str:
    """A file of lines `NAME=value` with other values for some of them; comments stay, what it lacks comes last."""
    text = _SETTING.sub(lambda line: f"{line[1]}={settings[line[1]]}" if line[1] in settings else line[0], template)
    known = settings_of(template)
    own = [f"{name}={value}\n" for name, value in settings.items() if name not in known]
    return "".join([text, OWN, *own]) if own else text


def settings_of(text: str) -> Mapping[str, str]:
    """Name to value of a file of lines `NAME=value`."""
    return {line[1]: line[2] for line in _SETTING.finditer(text)}


def _units(source: Traversable, layout: Layout) -> Iterator[Shipped]:
    """Units go below /etc/systemd/system, with their drop-ins; scripts into the deployment's folder."""
    units = layout.folder / "root/etc/systemd/system"
    for one in _sorted(source.iterdir()):
        if one.is_dir() and one.name.endswith(".d"):
            for part in _sorted(one.iterdir()):
                yield Shipped(part.read_text(encoding="utf-8"), units / one.name / part.name)
        elif one.name.endswith(UNIT_ENDINGS):
            yield Shipped(one.read_text(encoding="utf-8"), units / one.name)
        elif one.name in SCRIPTS:
            yield Shipped(one.read_text(encoding="utf-8"), layout.folder / one.name, _mode(one.name))


def _sorted(found: Iterable[Traversable]) -> list[Traversable]:
    return sorted(found, key=lambda one: one.name)


def _mode(name: str) -> int:
    return FOLDER_MODE if name in SCRIPTS else FILE_MODE
