"""Why a step will run, in words a librarian understands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archivist.plan.lookup import Output, Previous

NEW = "new"
UP_TO_DATE = "up to date"
PINNED = "pinned: the approved result stays (--override runs it again)"
HELD = (
    "the approved result of another scan lies in its place, and stays (--override replaces it; "
    "archivist review reject with the output file withdraws the approval)"
)
NOT_KEPT = "its earlier result was not kept in the store"
NEW_NAME = "not published under this name yet"
NOT_PUBLISHED = "its output is missing or was changed"
OTHER_PUBLISHED = "another result lies in its place"


def not_published(lacking: Collection[tuple[str, str]], done: Collection[Output]) -> str:
    """Return why outputs (profile, path of the scan) are written though all steps are done."""
    found = [one for one in done if (one.profile, one.source) in lacking]
    if any(one.lies or one.replaced for one in found):
        return OTHER_PUBLISHED
    if found:
        return NOT_PUBLISHED
    return NEW_NAME if done else NOT_PUBLISHED


def why(
    previous: Previous | None,
    *,
    version: int,
    params: Mapping[str, object],
    inputs: Mapping[str, str],
    weights: Sequence[str],
    replaced: bool,
    failure: str | None = None,
) -> str:
    """Return the difference between what is planned and what was done last."""
    if failure is not None:
        return f"failed last time: {failure}"
    if previous is None:
        return "input changed" if replaced else NEW
    differences = _differences(previous, version, params, weights)
    changed = [name for name in inputs if previous.inputs.get(name) != inputs[name]]
    gone = [name for name in previous.inputs if name not in inputs]
    if previous.gone:
        differences.extend(previous.gone)
    elif changed or gone:
        differences.append(f"input changed: {', '.join([*changed, *gone])}")
    return "; ".join(differences) or "seed or device changed"


def _differences(
    previous: Previous, version: int, params: Mapping[str, object], weights: Sequence[str]
) -> list[str]:
    out = []
    if previous.version != version:
        out.append(f"version {previous.version} -> {version}")
    for name in sorted(set(params) | set(previous.params)):
        old, new = previous.params.get(name), params.get(name)
        if old != new:
            out.append(f"param {name} {_show(old)} -> {_show(new)}")
    if list(previous.weights) != list(weights):
        out.append("weights changed")
    return out


def _show(value: object) -> str:
    return "(none)" if value is None else str(value)
