"""Rights: what the manifest's words about a photograph forbid to be done with it.

The configuration says which values deny which acts; here those rules are settings and a function of
the facts of a photograph. Who plans, searches, publishes or lists asks here and nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from archivist.api.errors import ConfigError
from archivist.api.steps import StepSpec, param


class Act(StrEnum):
    """What rights may forbid."""

    RESTORATION = "restoration"
    """Any step at all: the photograph is left out."""
    GENERATIVE = "generative"
    """Steps that invent content: faces, colours, borrowed texture."""
    COLOUR = "colour"
    """Steps that give colour to a picture that has none."""
    REFERENCE = "reference"
    """Lending texture or colour to another photograph."""


_WORDS = {
    Act.RESTORATION: "no restoration",
    Act.GENERATIVE: "no generative restoration",
    Act.COLOUR: "no colour",
    Act.REFERENCE: "not as a reference",
}
COLUMN = "rights"
"""The column of the manifest that holds the rights, unless a rule names another."""

Denials = Mapping[str, str]
"""Act -> the reason why it is denied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRule:
    """That some values of a column deny some acts; with nothing denied they are only known."""

    values: tuple[str, ...] = param((), doc="Values; case does not matter, * stands for any text.")
    deny: tuple[str, ...] = param(
        (), doc=f"Any of {', '.join(Act)}; empty: these values deny nothing."
    )
    column: str = param(COLUMN, doc="The column of the manifest.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsSettings:
    """What the rights in the manifest forbid; where several rules fit, each one's denials hold."""

    rules: tuple[RightsRule, ...] = param(
        (), doc="Tables with `values`, `deny` and, if it is not `rights`, `column`."
    )
    unknown: tuple[str, ...] = param(
        (),
        doc="Denied where the manifest says nothing in `rights`: restoration, generative, "
        "colour, reference.",
    )
    unlisted: tuple[str, ...] = param(
        (), doc="Denied where no rule names what the manifest says in `rights`."
    )


class Rights:
    """The rules of the configuration, ready to be asked."""

    def __init__(self, settings: RightsSettings) -> None:
        self._settings = settings
        self._rules = [
            (rule.column, re.compile("|".join(map(_pattern, rule.values))), rule.deny)
            for rule in settings.rules
        ]

    @property
    def silent(self) -> bool:
        """True where nothing can be denied, so that nobody need ask."""
        settings = self._settings
        return not (settings.unknown or settings.unlisted or any(r.deny for r in settings.rules))

    def denials(self, *rows: Mapping[str, str]) -> dict[str, str]:
        """Return what is denied to a photograph of these facts, with the reason of each act.

        With several rows about it, what any of them denies is denied; rights are unknown where
        none of them tells any.
        """
        found: dict[str, str] = {}
        for row in rows:
            self._by_rules(row, found)
        if not any(row.get(COLUMN, "").strip() for row in rows):
            _deny(found, self._settings.unknown, "rights unknown")
        return found

    def _by_rules(self, facts: Mapping[str, str], found: dict[str, str]) -> None:
        named = False
        for column, pattern, deny in self._rules:
            value = facts.get(column, "")
            if _folded(value) and pattern.fullmatch(_folded(value)):
                named |= column == COLUMN
                _deny(found, deny, f"{column} {value.strip()!r}")
        value = facts.get(COLUMN, "").strip()
        if value and not named:
            _deny(found, self._settings.unlisted, f"rights {value!r}, named by no rule")


def acts_of(spec: StepSpec) -> tuple[Act, ...]:
    """Return the acts that a step carries out."""
    acts = [Act.RESTORATION]
    if spec.conjectural:
        acts.append(Act.GENERATIVE)
    if spec.adds_colour:
        acts.append(Act.COLOUR)
    return tuple(acts)


def refusal(denied: Denials, acts: Iterable[str]) -> str:
    """Return why one of these acts is denied, empty when none is."""
    return next((denied[act] for act in acts if act in denied), "")


def check_rights(settings: RightsSettings, lenders: Sequence[str], where: str) -> None:
    """Check acts and values, and that nothing is allowed in one place and denied in another.

    ``lenders`` are the values of rights that the configuration names as allowed for references.
    Raises ConfigError that names the key and what is allowed.
    """
    for name in ("unknown", "unlisted"):
        _check_acts(getattr(settings, name), where, f"rights.{name}")
    for number, rule in enumerate(settings.rules):
        _check_rule(rule, where, f"rights.rules[{number}]")
    _check_contradictions(settings.rules, where)
    rights = Rights(settings)
    for value in lenders:
        if Act.REFERENCE in rights.denials({COLUMN: value}):
            raise ConfigError(
                f"{value!r} is allowed for references here and denied under [rights]. "
                "Cure: take it out of one of them",
                where=where,
                key="references.rights",
            )


def _check_rule(rule: RightsRule, where: str, key: str) -> None:
    _check_acts(rule.deny, where, f"{key}.deny")
    if not rule.values or not all(map(_folded, rule.values)):
        raise ConfigError(
            "names no value. Cure: give the values of the manifest; what is denied where there is "
            "none stands in rights.unknown",
            where=where,
            key=f"{key}.values",
        )


def _check_contradictions(rules: Sequence[RightsRule], where: str) -> None:
    """Refuse a value that one rule says denies nothing and another denies something."""
    seen: dict[tuple[str, str], tuple[int, bool]] = {}
    for number, rule in enumerate(rules):
        for value in map(_folded, rule.values):
            first, denies = seen.setdefault((rule.column, value), (number, bool(rule.deny)))
            if denies != bool(rule.deny):
                raise ConfigError(
                    f"{value!r} is allowed by one rule and denied by another (number {first}). "
                    "Cure: name it in one of them",
                    where=where,
                    key=f"rights.rules[{number}].values",
                )


def _check_acts(acts: Sequence[str], where: str, key: str) -> None:
    for act in acts:
        if act not in list(Act):
            allowed = ", ".join(map(repr, map(str, Act)))
            raise ConfigError(f"{act!r} is not allowed; allowed: {allowed}", where=where, key=key)


def _deny(found: dict[str, str], acts: Iterable[str], why: str) -> None:
    for act in acts:
        found.setdefault(act, f"{why}: {_WORDS[Act(act)]}")


def _pattern(value: str) -> str:
    return re.escape(_folded(value)).replace(r"\*", ".*")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
