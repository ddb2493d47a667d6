"""Rights: what the manifest's words about a photograph forbid, under the configuration."""

from __future__ import annotations

import pytest

from archivist.api import Kind, Port, StepSpec
from archivist.api.errors import ConfigError
from archivist.config import load
from archivist.rights import Act, Rights, RightsRule, RightsSettings, acts_of, refusal

IMAGE = Port(name="image", kind=Kind.IMAGE)


def rights(*rules: RightsRule, **more) -> Rights:
    return Rights(RightsSettings(rules=rules, **more))


def rule(*values: str, deny: tuple[str, ...] = (), column: str = "rights") -> RightsRule:
    return RightsRule(values=values, deny=deny, column=column)


def spec(**more) -> StepSpec:
    return StepSpec(
        id="a.b", version=1, title="", run="x:y", inputs=[IMAGE], outputs=[IMAGE], **more
    )


def test_a_value_denies_what_its_rule_says_with_a_reason():
    found = rights(rule("In copyright", deny=("generative",))).denials({"rights": "In copyright"})

    assert found == {"generative": "rights 'In copyright': no generative restoration"}


@pytest.mark.parametrize(
    "value", ["in  COPYRIGHT - EU", "In copyright", " in copyright until 2040"]
)
def test_case_and_blanks_do_not_matter_and_a_star_stands_for_any_text(value):
    assert rights(rule("In Copyright*", deny=("colour",))).denials({"rights": value})


def test_signs_that_mean_something_in_patterns_are_only_signs():
    some = rights(rule("http://rights.example/InC/1.0/?", deny=("colour",)))

    assert some.denials({"rights": "http://rights.example/InC/1.0/?"})
    assert not some.denials({"rights": "http://rights.example/InC/1x0/"})


def test_what_several_rules_deny_is_denied_together():
    some = rights(
        rule("loan", deny=("reference",)), rule("no", deny=("restoration",), column="consent")
    )

    assert set(some.denials({"rights": "loan", "consent": "No"})) == {"reference", "restoration"}


def test_unknown_rights_deny_what_the_configuration_says():
    some = rights(rule("CC0"), unknown=("generative",))

    assert some.denials({}) == {"generative": "rights unknown: no generative restoration"}
    assert some.denials({"rights": "CC0"}) == {}


def test_a_value_that_no_rule_names_denies_what_the_configuration_says():
    some = rights(rule("CC0"), unlisted=("reference",))

    assert "named by no rule" in some.denials({"rights": "All rights reserved"})["reference"]
    assert some.denials({"rights": "cc0"}) == {}


def test_of_several_rows_about_one_photograph_the_strictest_holds():
    some = rights(rule("closed", deny=("restoration",)), unknown=("reference",))

    assert set(some.denials({"rights": "open"}, {"rights": "closed"})) == {"restoration"}
    assert set(some.denials({"rights": ""}, {"rights": "open"})) == set()
    assert set(some.denials({}, {"title": "x"})) == {"reference"}


def test_a_step_that_invents_is_generative_and_one_that_colours_gives_colour():
    assert acts_of(spec()) == (Act.RESTORATION,)
    assert acts_of(spec(conjectural=True, adds_colour=True)) == (
        Act.RESTORATION,
        Act.GENERATIVE,
        Act.COLOUR,
    )


def test_a_refusal_tells_the_first_act_that_is_denied():
    denied = {"colour": "no colour here"}

    assert refusal(denied, acts_of(spec(adds_colour=True))) == "no colour here"
    assert refusal(denied, acts_of(spec())) == ""


def test_without_rules_that_deny_nobody_need_ask():
    assert rights(rule("CC0")).silent
    assert not rights(unlisted=("colour",)).silent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[rights]\nunknown = ["generativ"]', "rights.unknown.*'generativ' is not allowed.*colour"),
        ('[rights]\nrules = [{ values = ["x"], deny = ["all"] }]', r"rules\[0\].deny: 'all'"),
        ('[rights]\nrules = [{ values = [" "], deny = ["colour"] }]', "names no value.*unknown"),
        (
            '[rights]\nrules = [{ values = ["CC0"] }, { values = ["cc0"], deny = ["colour"] }]',
            "'cc0' is allowed by one rule and denied by another",
        ),
        (
            '[references]\nrights = ["loan"]\n[rights]\nrules = '
            '[{ values = ["Loan*"], deny = ["reference"] }]',
            "references.rights: 'loan' is allowed for references here and denied",
        ),
        (
            '[review]\napprovals = 2\nreviewers = ["Ada"]',
            "2 persons must approve and only 1 may",
        ),
        ("[review]\nweights = { change = 3 }", "review.weights.change.*outside the range 0 to 1"),
    ],
)
def test_settings_that_are_wrong_or_contradict_each_other_are_refused(tmp_path, text, message):
    path = tmp_path / "archivist.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=f"(?s){message}"):
        load(path)
