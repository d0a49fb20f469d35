"""Where the ingestor's main thread spends its time in the saturated drain."""

import pstats
from pathlib import Path

from bench import ground
from bench.drain import drain
from bench.options import Options
from bench.pipelines import Ends, Ours
from bench.report import Figure
from bench.saturated import DEVICES, saturated_load

ROWS = 30
OURS = r"/(telemetry|ingestor)/"
NOT_IMPORTS = r"^(?!.*(importlib|marshal|_parser|_compiler|__build_class__|posix|exec))"


class Profiled(Ours):
    """The ingestor under cProfile, which sees only the main thread and makes each call dearer: not to be quoted."""

    name = "profiled"

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `Pipeline`."""
        python, *arguments = super().command(folder, ends, devices)
        return [python, "-m", "cProfile", "-o", str(self._file), *arguments]


def profile(options: Options) -> list[Figure]:
    """The saturated drain under cProfile: prints where the main thread's time goes. Only when asked for by name."""
    with ground.folder() as path:
        file = path / "profile"
        found = drain(Profiled(file), saturated_load(options, DEVICES))
        statistics = pstats.Stats(str(file))
        statistics.sort_stats("cumulative").print_stats(OURS, ROWS)
        statistics.strip_dirs().sort_stats("tottime").print_stats(NOT_IMPORTS, ROWS)
    what = f"ingestor under cProfile, {DEVICES:,} devices: CPU a message"
    return [Figure("profile.cpu", what, found.cpu_us, "us", None, str(found.verdict), not found.verdict.right)]
