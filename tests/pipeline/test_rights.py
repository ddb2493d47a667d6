"""Rights of the manifest: left out of the plan, not published, not lent, each time an event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api.errors import UsageError
from archivist.catalog import ledger, queries
from archivist.catalog.session import open_catalog
from archivist.cli.main import invoke
from archivist.config import RightsRule, RightsSettings
from archivist.pipeline import plan, run
from archivist.pipeline.job import Silent

SPOTTED, DEEP = "album/spotted.png", "album/deep.tif"
RULES = RightsSettings(
    rules=(
        RightsRule(values=("closed",), deny=("restoration",)),
        RightsRule(values=("careful",), deny=("generative",)),
        RightsRule(values=("open",)),
    )
)


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def governed(bench, tmp_path):
    """A bench with rules of rights; ``say`` writes the manifest."""
    manifest = tmp_path / "manifest.csv"

    def say(**rights: str) -> None:
        named = {"spotted": SPOTTED, "deep": DEEP, "plain": "plain.png", "photo": "photo.jpg"}
        rows = [f"{named[name]},{value}\n" for name, value in rights.items()]
        manifest.write_text("path,rights\n" + "".join(rows))

    say(spotted="open")
    scan = replace(bench.settings.scan, manifest=str(manifest))
    bench.settings = replace(bench.settings, scan=scan, rights=RULES)
    bench.steps = [{"use": "sample.shade"}, {"use": "sample.colour"}]
    bench.say, bench.manifest = say, manifest
    return bench


def told(bench) -> set[tuple[str, str, str, int]]:
    lines = plan(bench.job()).lines
    return {(line.step, str(line.action), line.reason, line.count) for line in lines}


def events(bench) -> list[tuple[str, str, str]]:
    """Return (type, path, reason), oldest first."""
    with open_catalog(bench.job().url, write=False) as catalog:
        found = []
        for kind in ("rights.denied", "rights.allowed"):
            for row in queries.events(catalog, type=kind)[::-1]:
                paths = queries.paths_of(catalog, [row.asset])[row.asset]
                found.append((kind, paths[0], row.detail["reason"]))
        return found


def ending(bench, path: str):
    with open_catalog(bench.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, path)
        return queries.last_outcomes(catalog, [asset.uid])[asset.uid]


def changes_manifest(bench, **rights: str):
    """Return a watcher that writes the manifest anew when the work of a run begins."""

    class Changes(Notes):
        def start(self, total_units, total_assets, seconds):
            bench.say(**rights)

    return Changes()


# --- in the plan ----------------------------------------------------------------------------


def test_a_photograph_whose_rights_forbid_restoration_is_skipped_and_not_published(governed):
    governed.say(spotted="closed")

    result = governed.run()

    assert result.counts == {"done": 3, "skipped": 1}
    assert SPOTTED not in governed.outputs()
    end = ending(governed, SPOTTED)
    assert (end.status, end.code, end.message) == (
        "skipped",
        "rights",
        "rights 'closed': no restoration",
    )


def test_a_replay_leaves_out_what_the_rights_forbade(governed, capsys):
    governed.say(deep="careful")
    governed.run()
    capsys.readouterr()

    code = invoke(["replay", "last", "--out", str(governed.out), "--scheduler", "serial"])

    assert code == 0
    assert "4 bit-identical" in capsys.readouterr().out


def test_only_the_step_that_invents_is_left_out_where_rights_forbid_that(governed):
    governed.say(deep="careful")

    governed.run()

    shaded = governed.source(DEEP) * 0.5
    assert abs(governed.pixels(DEEP) - shaded).max() <= 1
    assert (governed.pixels("plain.png") < governed.source("plain.png") * 0.3).all()


def test_a_plan_counts_what_is_denied_with_its_reason(governed):
    governed.say(deep="careful", spotted="closed")

    lines = told(governed)

    assert ("sample.colour", "denied", "rights 'careful': no generative restoration", 1) in lines
    assert ("sample.shade", "denied", "rights 'closed': no restoration", 1) in lines


def test_a_denial_is_an_event_in_the_ledger_told_once(governed):
    governed.say(deep="careful", spotted="closed")
    governed.run()
    governed.run()

    assert sorted(events(governed)) == [
        ("rights.denied", DEEP, "rights 'careful': no generative restoration"),
        ("rights.denied", SPOTTED, "rights 'closed': no restoration"),
    ]
    with open_catalog(governed.job().url, write=False) as catalog:
        kinds = [entry.kind for entry in ledger.entries(catalog)]
        assert kinds.count("event") == 2
        assert list(ledger.not_entered(catalog)) == []


def test_a_plan_alone_leaves_no_event(governed):
    governed.say(spotted="closed")

    plan(governed.job())

    assert events(governed) == []


def test_rights_that_are_granted_again_are_an_event_and_the_photograph_is_restored(governed):
    governed.say(spotted="closed")
    governed.run()
    governed.say(spotted="open")

    result = governed.run()

    assert result.counts == {"done": 1}
    assert SPOTTED in governed.outputs()
    assert events(governed)[1][:2] == ("rights.allowed", SPOTTED)


def test_a_result_from_before_a_denial_is_made_anew_without_the_denied_step(governed):
    governed.run()
    before = governed.pixels("plain.png")
    governed.say(plain="careful")

    governed.run()

    assert (governed.pixels("plain.png") > before).all()
    assert plan(governed.job()).summary.units == 0


def test_an_output_from_before_restoration_was_forbidden_stays(governed):
    governed.run()
    governed.say(spotted="closed")

    result = governed.run()

    assert SPOTTED in governed.outputs()
    assert result.counts == {"skipped": 1}


def test_of_two_copies_the_row_that_forbids_more_holds(governed):
    copy = governed.scans / "copy.png"
    copy.write_bytes((governed.scans / SPOTTED).read_bytes())
    governed.manifest.write_text(f"path,rights\n{SPOTTED},closed\ncopy.png,open\n")

    governed.run()

    assert not {"copy.png", SPOTTED} & governed.outputs()


def test_rules_without_a_manifest_are_refused_before_the_scan(governed):
    governed.settings = replace(
        governed.settings, scan=replace(governed.settings.scan, manifest="")
    )

    with pytest.raises(UsageError, match="no manifest that tells the rights"):
        governed.run()
    assert not governed.out.exists()


def test_a_rule_about_a_column_that_the_manifest_lacks_is_refused(governed):
    rule = RightsRule(column="consent", values=("no",), deny=("restoration",))
    governed.settings = replace(governed.settings, rights=RightsSettings(rules=(rule,)))

    with pytest.raises(UsageError, match=r"ask for consent, which is no column"):
        governed.run()


# --- while a run goes -----------------------------------------------------------------------


def test_rights_that_are_forbidden_while_a_run_goes_are_heeded(governed):
    watcher = changes_manifest(governed, spotted="closed")

    result = run(governed.job(), watcher)

    assert result.counts == {"done": 3, "skipped": 1}
    assert SPOTTED not in governed.outputs()
    assert ("rights.denied", SPOTTED, "rights 'closed': no restoration") in events(governed)


def test_a_result_that_may_not_hold_invented_parts_any_more_is_planned_again(governed):
    watcher = changes_manifest(governed, plain="careful")

    result = run(governed.job(), watcher)

    (failure,) = result.failures
    assert (failure.paths, failure.code) == (("plain.png",), "rights-changed")
    assert "plain.png" not in governed.outputs()
    assert governed.run().counts == {"done": 1}
    assert "plain.png" in governed.outputs()


def test_a_manifest_that_breaks_while_a_run_goes_is_told_and_the_rights_before_hold(governed):
    class Breaks(Notes):
        def start(self, total_units, total_assets, seconds):
            governed.manifest.write_bytes(b"path,rights\n\xff\xfe,")

    watcher = Breaks()

    result = run(governed.job(), watcher)

    assert result.counts == {"done": 4}
    assert any("stay in force" in note for note in watcher.notes)


def test_what_is_told_to_workers_is_gone_after_the_run(governed):
    run(governed.job(), changes_manifest(governed, spotted="closed"))

    assert not list((governed.out / ".archivist").rglob("denials.json"))


def test_rules_are_not_forgotten_with_the_name_of_their_file(governed, tmp_path, capsys):
    governed.say(spotted="closed")
    config = tmp_path / "archivist.toml"
    rules = f"""[scan]
manifest = "{governed.manifest}"
[rights]
rules = [{{ values = ["closed"], deny = ["restoration"] }}, {{ values = ["open"] }}]
"""
    recipe = """recipe = "bare"
[recipes.bare]
steps = [{ use = "sample.shade" }]
"""
    config.write_text(recipe + rules)
    words = ["run", str(governed.scans), "--out", str(governed.out), "--scheduler", "serial"]
    assert invoke([*words, "--config", str(config)]) == 0
    assert not (governed.out / SPOTTED).exists()
    capsys.readouterr()

    assert invoke([*words, "--recipe", "scratch"]) == 2

    told = capsys.readouterr().err
    assert str(config) in told
    assert "Cure: --config" in told
    assert not (governed.out / SPOTTED).exists()
    config.write_text(recipe)
    assert invoke([*words, "--config", str(config)]) == 0
    assert (governed.out / SPOTTED).exists()
