"""Runs a service with one defect in it: `python -m tests.faults.mutant_launcher NAME --config DIR --data DATA`."""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from tests.faults.mutants import MUTANTS, Mutant


class _Loader(SourceFileLoader):
    """Compiles the changed source, and leaves no byte code of it behind."""

    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - importlib's signature
        source = self.mutant.apply(Path(self.path).read_text(encoding="utf-8"))
        return compile(source, f"{self.path} with {self.mutant.name}", "exec")


class _Finder:
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        found = PathFinder.find_spec(fullname, path)
        assert found is not None
        assert found.origin is not None
        loader = _Loader(fullname, found.origin)
        loader.mutant = self._mutant
        return importlib.util.spec_from_loader(fullname, loader)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("mutant", choices=MUTANTS)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    mutant = MUTANTS[given.mutant]
    bring_in(mutant)
    code: int = importlib.import_module(mutant.app).main(given.config, given.data)
    return code


def bring_in(mutant: Mutant) -> None:
    """Put it in the place of its module, which must not have been imported yet."""
    assert mutant.module not in sys.modules, f"{mutant.module} is imported already"
    sys.meta_path.insert(0, _Finder(mutant))


if __name__ == "__main__":
    sys.exit(main())
