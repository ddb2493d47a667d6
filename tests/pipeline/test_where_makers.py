"""A run can be asked for the photographs that a step, plugin or weights were used for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api.errors import ConfigError
from archivist.cli.main import invoke
from archivist.hashing import digest_bytes
from archivist.pipeline import run


@pytest.fixture
def made(bench):
    """The archive after a run in which ``sample.fill`` found spots in some photographs only."""
    bench.run()
    return bench


def taken(bench, where):
    return bench.run(where=where).planned.summary.assets


def test_only_what_a_step_made_is_taken_not_what_it_was_skipped_for(made):
    everything = taken(made, 'step = "sample.spot"')
    filled = taken(made, 'step = "sample.fill"')

    assert 0 < filled < everything
    assert taken(made, 'step = "sample.fill" and status = "done"') == filled


def test_a_step_and_a_plugin_can_be_asked_for_with_their_version(made):
    everything = taken(made, "path like '*'")

    assert taken(made, 'step = "sample.spot@1"') == everything
    assert taken(made, 'step = "sample.spot@2"') == 0
    assert taken(made, 'plugin = "sample-steps==1.0"') == everything
    assert taken(made, 'plugin in ["sample-steps"]') == everything
    assert taken(made, 'plugin = "other"') == 0


def test_weights_are_asked_for_by_name_and_by_the_first_digits(unsteady_plugin, bench, tmp_path):
    source = tmp_path / "net.bin"
    source.write_bytes(bytes([200]))
    toml = tmp_path / "archivist.toml"
    toml.write_text(f'[weights]\nfolder = "{tmp_path / "weights"}"\n')
    assert invoke(["weights", "import", "unsteady-net", str(source), "--config", str(toml)]) == 0
    settings = replace(bench.settings.weights, folder=str(tmp_path / "weights"))
    bench.settings = replace(bench.settings, weights=settings)
    bench.steps = [{"use": "unsteady.learned"}]
    bench.run()

    everything = taken(bench, "path like '*'")

    assert taken(bench, 'weights = "unsteady-net"') == everything > 0
    assert taken(bench, f'weights like "{digest_bytes(bytes([200]))[:8]}*"') == everything
    assert taken(bench, f'weights like "{digest_bytes(bytes([100]))[:8]}*"') == 0


def test_before_the_first_run_nothing_was_made_with_anything(bench):
    assert taken(bench, 'step = "sample.spot"') == 0


def test_an_override_of_a_recipe_cannot_ask_what_made_the_result(bench):
    bench.steps = [{"use": "sample.shade"}]
    job = bench.job()
    override = {"where": 'step = "sample.shade"', "use": "sample.shade", "amount": 0.1}
    recipe = replace(job.settings.recipes["test"], overrides=(override,))

    with pytest.raises(ConfigError, match="there is no fact named 'step'"):
        run(replace(job, settings=replace(job.settings, recipes={"test": recipe})))
