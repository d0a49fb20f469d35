"""The configuration that the services have: where it lies, and what stands in it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from deploy.layout import Layout
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Registry


def config_in_force(layout: Layout) -> Path:
    """Of a machine with units what is installed, once it is; of all else what lies in the deployment's folder.

    Raises `OSError` where something is installed that this user may not read: the copy here may be an old one.
    """
    installed = layout.installed.config
    if installed.exists() and not os.access(installed, os.R_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "what is installed there has to be read: run it with sudo", str(installed))
    return installed if has_sites(installed) else layout.staged.config


def has_sites(config: Path) -> bool:
    """Whether a configuration lies there."""
    return bool(registry_files(config)["sites"])


def registry_in_force(layout: Layout) -> Registry:
    """As the services have it. Raises `DocumentError`, with whole paths, and `OSError`."""
    config = config_in_force(layout)
    with whole_paths(config):
        return load_registry(config)


def rules_in_force(layout: Layout, registry: Registry) -> Rules:
    """Those beside that registry. Raises `DocumentError`, with whole paths, and `OSError`."""
    config = config_in_force(layout)
    with whole_paths(config):
        return load_rules(config, registry)


@contextmanager
def whole_paths(config: Path) -> Iterator[None]:
    """Problems with files of `config`, which is absolute, name them whole: elsewhere may be others of the same name."""
    try:
        yield
    except DocumentError as error:
        raise DocumentError(one._replace(file=str(config / one.file)) for one in error.problems) from None
