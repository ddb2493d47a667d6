"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from archivist.api import UsageError
from archivist_exports.photographs import clean, gathered
from archivist_exports.plugin import archivist_exporters


@pytest.mark.parametrize("spec", archivist_exporters(), ids=lambda spec: spec.id)
def test_every_exporter_leads_to_a_function(spec):
    module, _, name = spec.run.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_listing_the_exporters_imports_nothing_heavy():
    code = "import sys, archivist_exports.plugin; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"lxml", "cv2", "numpy", "archivist_exports.premis"} & set(told.stdout.split())


def test_a_report_without_photographs_is_refused_with_the_cure(rows):
    with pytest.raises(UsageError, match="Cure: name a run"):
        gathered([rows[0], rows[-1]])


def test_pages_of_a_file_are_one_photograph(rows):
    _, photographs = gathered(rows)
    assert [len(one.pages) for one in photographs] == [1, 2]


def test_different_control_characters_stay_different():
    names = [clean(f"a{chr(code)}.tif") for code in range(32)]
    assert len(set(names)) == 32
    assert json.dumps(names).isascii()


def test_paths_of_this_machine_stay_exact(rows):
    _, photographs = gathered(rows)
    assert next(photographs).first["file"] == rows[1]["file"]
