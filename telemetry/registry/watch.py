"""The registry while it is edited: read again when a file changes, the last good one kept while it has errors."""

from pathlib import Path

from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Registry
from telemetry.watch import FilesWatch


class RegistryWatch(FilesWatch[Registry]):
    """The registry of a directory."""

    def __init__(self, directory: Path) -> None:
        """Load the registry once.

        Raises:
            DocumentError: there is no good one to begin with.
        """
        super().__init__(
            lambda: (path for group in registry_files(directory).values() for path in group),
            lambda: load_registry(directory),
        )
