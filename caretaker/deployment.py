"""A deployment as the commands load it, and how what is wrong with it reaches the person who typed the command."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caretaker.output import Exit, fail
from caretaker.service_call import ServiceAwayError
from ingestor.settings import Settings, load_settings
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry
from telemetry.stores.store import StoreAwayError, StoreUnusableError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""No room on the disk, or no more of it for this user."""
CORRECT = "correct the file; `caretaker check DIR` shows everything that is wrong at once"


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a user can mend into a sentence and an exit code; all else is a defect and keeps its traceback."""
    try:
        yield
    except DocumentError as error:
        # Of a folder or a variable, what is expected is the mend.
        in_files = any(problem.line for problem in error.problems)
        fail(str(error), CORRECT if in_files else None)
    except StoreUnusableError as error:
        fail(str(error), code=Exit.UNAVAILABLE)
    except StoreAwayError as error:
        fail(f"the store does not answer: {error}", code=Exit.UNAVAILABLE)
    except ServiceAwayError as error:
        fail(str(error), code=Exit.UNAVAILABLE)
    except OSError as error:
        if error.errno in FULL:  # a write knows no name
            fail(f"{error.filename or 'the disk is full'}: {error.strerror}", "free some space, then run it again")
        # A file or a folder that a user named. A reader of ours that has gone away (`| head`) has no name.
        if error.filename is None:
            raise
        fail(f"{error.filename}: {error.strerror}", code=Exit.USAGE)


class Deployment:
    """What stands in a configuration, checked. Raises `DocumentError` on construction."""

    def __init__(self, config: Path, data: Path) -> None:
        self.config = config
        self.data = data
        self.registry: Registry = load_registry(config)
        self.settings: Settings = load_settings(config, data)
