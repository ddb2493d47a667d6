"""Commands that only list or explain load no heavy library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "PIL", "cv2", "dask", "distributed", "sqlalchemy", "alembic", "jinja2", "torch")

CODE = """
import json, sys
from archivist.cli.main import invoke
code = invoke(sys.argv[2:])
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps([code, heavy]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("plugins", "list"),
        ("plugins", "list", "--json"),
        ("weights", "list"),
        ("config", "example"),
        ("run", "--help"),
    ],
    ids=" ".join,
)
def test_a_light_command_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", CODE, json.dumps(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    assert (code, heavy) == (0, [])
