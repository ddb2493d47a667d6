"""How long `archivist --help` takes, compared with a bare Python that does nothing.

Workload: start the program, print the help, end. Baseline: ``python -c pass`` of the same
interpreter. Metric: median over interleaved pairs of the ratio of wall-clock times.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from _harness import interleave, show, verdict

ROUNDS = 15
TARGET = 6.0


def main() -> int:
    """Run the benchmark and return 0 when the target is met."""
    program = shutil.which("archivist", path=str(Path(sys.executable).parent))
    if program is None:
        print("the archivist command is not installed beside this Python", file=sys.stderr)
        return 2
    pair = interleave(
        lambda: _run(sys.executable, "-c", "pass"),
        lambda: _run(program, "--help"),
        rounds=ROUNDS,
    )
    bare, full = pair.medians
    show(
        "startup: archivist --help against a bare Python",
        [
            ("workload", f"{ROUNDS} interleaved pairs of processes"),
            ("baseline", f"python -c pass: {bare * 1000:.0f} ms"),
            ("archivist --help", f"{full * 1000:.0f} ms"),
        ],
    )
    return verdict("ratio", pair.ratio, at_most=TARGET)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
