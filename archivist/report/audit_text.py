"""An audit as plain text for people, at most a hundred columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from archivist.model import Role, path_to_text
from archivist.report.audit_rows import (
    Audit,
    AuditArtifact,
    AuditInput,
    AuditStep,
    Condition,
    Generation,
    Origins,
    Photograph,
)
from archivist.report.verdicts import row_words
from archivist.report.words import duration, file_size, moment, number, readable, short

WIDTH = 100
_LABEL = 14
_BAR = 24


def audit_lines(audit: Audit) -> Iterator[str]:
    """Yield the lines of an audit."""
    yield f"Audit of {readable(audit.asked)}"
    for match in dict.fromkeys((one.how, one.text) for one in audit.matches):
        yield from _pair("found as", f"{match[0]}: {readable(match[1])}")
    if audit.digest:
        yield from _pair("SHA-256", audit.digest)
    for warning in audit.warnings:
        yield from _pair("WARNING", warning)
    for one in audit.photographs:
        yield ""
        yield from _photograph(one)


def _photograph(one: Photograph) -> Iterator[str]:
    asset, header = one.asset, one.asset.header
    page = f", page {asset.page + 1} of {asset.pages}" if asset.pages > 1 else ""
    yield f"=== {readable(one.paths[0] if one.paths else asset.digest)}{page}"
    width, height = header.upright_size
    yield from _pair("scan", f"{_place(one)}; {file_kind(one)}, {width} x {height} pixels")
    yield from _pair("SHA-256", asset.digest)
    for name, value in asset.facts.items():
        yield from _pair(name, value)
    for path in one.paths[1:]:
        yield from _pair("same bytes as", path)
    if one.run is None:
        yield from _pair("result", "no run has treated it")
    else:
        run = one.run
        yield from _pair(
            "run", f"{run.uid}, {moment(run.started)}, recipe {run.recipe}, by {run.operator}"
        )
    if one.seal is not None:
        yield from _pair("records" if one.seal.fine else "WARNING", one.seal.words)
    yield from _endings(one)
    yield from _origins(one.origins)
    for place, step in enumerate(one.steps, start=1):
        yield from _step(place, step)
    yield from _outputs(one)
    yield from _opinion(one)
    yield from _checks(one)
    yield from _generations(one.generations)


def file_kind(one: Photograph) -> str:
    """Return format, depth and colour of a scan: ``JPEG, 8-bit rgb``."""
    header = one.asset.header
    return f"{header.format.upper()}, {header.depth}-bit {header.colour}"


def _place(one: Photograph) -> str:
    return f"{readable(one.scan.path) or 'not in the archive now'} ({one.scan.condition})"


def _endings(one: Photograph) -> Iterator[str]:
    if one.endings and one.endings[-1].message:
        last = one.endings[-1]
        yield from _pair(last.status, last.message)


def _origins(origins: Origins) -> Iterator[str]:
    yield from _head("What is real, what was made")
    found = origins.synthesis
    if found is None:
        yield from _pair("no map", f"{origins.missing}.")
        return
    for part, title, reason in zip(found.parts, origins.titles, origins.reasons, strict=True):
        bar = "#" * max(1, round(part.percent / 100 * _BAR))
        yield f"  {part.percent:6.2f} %  {bar.ljust(_BAR, '.')}  {readable(title)}"
        yield from _wrapped(reason, 12)
    for note in origins.notes:
        yield from _wrapped(note, 2)


def _step(place: int, step: AuditStep) -> Iterator[str]:
    record = step.record
    yield from _head(f"Step {place}: {readable(record.title or record.step)}")
    status = f"{record.status}{', taken over from an earlier run' if step.reused else ''}"
    invents = "; it declares that it invents content" if record.conjectural else ""
    yield from _pair("what", f"{record.step} v{record.version}, {status}{invents}")
    yield from _pair("software", f"{record.distribution} {record.distribution_version}")
    if record.reason:
        yield from _pair("reason", record.reason)
    unusual = step.defaults
    yield from _pair("params", _params(record.params, unusual))
    for weight in record.used_weights:
        yield from _pair("weights", f"{weight.name}; licence {weight.licence}; {weight.source}")
        yield from _pair("", f"SHA-256 {weight.digest}")
    for weight in record.idle_weights:
        yield from _pair("not used", f"the weights {weight.name}, SHA-256 {weight.digest}")
    for one in step.inputs:
        yield from _input(one)
    for artifact in step.artifacts:
        yield from _pair("made", _artifact(artifact))
        if artifact.path is not None:
            path = readable(path_to_text(str(artifact.path)))
            yield " " * (_LABEL + 3) + path  # never broken, so that it can be copied
    if record.scores:
        yield from _pair("scores", _listed(record.scores))
    yield from _pair(
        "how",
        f"device {record.device}, determinism {record.determinism}, seed {record.seed}"
        + (f", tiling {_listed(record.tiling)}" if record.tiling else ""),
    )
    yield from _pair(
        "when",
        f"{moment(record.started)}, {duration(record.seconds)}, {record.peak_mib:.0f} MiB, "
        f"by {record.operator or 'nobody named'}, run {short(step.run)}",
    )
    yield from _pair("on", _listed(_flat(step.environment)) or "not recorded")
    for line in record.log:
        yield from _pair("log", line)
    yield from _pair("record", record.digest)


def _input(one: AuditInput) -> Iterator[str]:
    use = one.use
    if use.role not in Role.PHOTOGRAPHS:
        paths = f" {', '.join(one.paths)}" if one.paths else ""
        yield from _pair("read", f"{use.port}: {one.maker}{paths} ({short(use.digest)})")
        return
    score = "" if use.score is None else f"score {use.score:.3f}, "
    where = ", ".join(one.paths) or "no longer in the archive"
    facts = "; ".join(f"{name} {value}" for name, value in one.facts.items())
    yield from _pair(use.role, f"{where}: {score}{use.note}")
    if facts:
        yield from _pair("", facts)
    yield from _pair("", f"SHA-256 {use.digest}")
    if one.snapshot:
        yield from _pair("", f"index snapshot {one.snapshot}")


def _artifact(one: AuditArtifact) -> str:
    artifact = one.artifact
    size = f", {artifact.width} x {artifact.height}" if artifact.width else ""
    what = f"{artifact.port} ({artifact.kind}{size}), value {short(artifact.digest)}"
    if one.path is None:
        return f"{what}, not kept"
    state = "" if one.condition is Condition.FINE else f" ({one.condition})"
    return f"{what}, {file_size(artifact.size)}{state}"


def _outputs(one: Photograph) -> Iterator[str]:
    if not one.files:
        return
    yield from _head("Outputs")
    for file in one.files:
        item, contract = file.written.publication, file.written.publication.contract
        copy = ", byte copy of the scan" if item.untouched else ""
        replaced = ", replaced since" if file.written.replaced else ""
        yield from _pair(
            item.profile,
            f"{readable(item.path)} ({file.place.condition}{replaced}), {item.media_type}, "
            f"{file_size(item.size)}, published {moment(file.written.at)}{copy}",
        )
        yield from _pair("SHA-256", item.output_digest)
        yield from _pair(
            "metadata",
            f"{len(contract.kept)} kept, {len(contract.changed)} changed, "
            f"{len(contract.added)} added, {len(contract.lost)} lost",
        )
        for what, tags in (("lost", contract.lost), ("changed", contract.changed)):
            for name, why in tags.items():
                yield from _pair(what, f"{name}: {why}")


def _opinion(one: Photograph) -> Iterator[str]:
    if one.reviews or one.flags or one.events:
        yield from _head("What was said of it")
    for review in one.reviews:
        said = f"{review.decision} by {review.reviewer}, {moment(review.at)}"
        files = ", ".join(map(short, review.results))
        yield from _pair("review", f"{said}{': ' if review.reason else ''}{review.reason}")
        if files:
            yield from _pair("", f"of the output {files}")
        if review.wanted:
            yield from _pair("", f"to be made again with {review.wanted}")
    for flag in one.flags:
        yield from _pair("flag", f"{flag.reason} (check {flag.check} after {flag.step})")
    for event in one.events:
        yield from _pair(
            "event", f"{event.type}, {moment(event.at)}, {event.actor} {_listed(event.detail)}"
        )


def _checks(one: Photograph) -> Iterator[str]:
    if one.replays or one.checks:
        yield from _head("Checked since")
    for check in one.checks:
        yield from _pair(
            "fixity", f"{check.subject} {check.name}: {check.outcome}, {moment(check.at)}"
        )
    for row in one.replays:
        yield from _pair("replay", row_words(row))


def _generations(generations: Iterable[Generation]) -> Iterator[str]:
    others = [one for one in generations if not one.shown]
    if not others:
        return
    yield from _head("Other versions")
    for one in others:
        for file in one.files:
            state = "replaced" if file.replaced else "lies in the output folder"
            item = file.publication
            yield from _pair(
                moment(file.at)[:10],
                f"{readable(item.path)}, {state}, SHA-256 {short(item.output_digest)}, "
                f"run {one.run.uid}, recipe {one.run.recipe}",
            )


# --- lines ----------------------------------------------------------------------------------


def _head(text: str) -> Iterator[str]:
    yield ""
    yield f"--- {text} "[:WIDTH].ljust(WIDTH, "-")


def _pair(label: str, text: str) -> Iterator[str]:
    """Yield a label and its text, wrapped below itself."""
    lines = _broken(readable(text), WIDTH - _LABEL - 3) or [""]
    yield f"  {readable(label)[:_LABEL].ljust(_LABEL)} {lines[0]}".rstrip()
    for line in lines[1:]:
        yield " " * (_LABEL + 3) + line


def _wrapped(text: str, indent: int) -> Iterator[str]:
    for line in _broken(readable(text), WIDTH - indent):
        yield " " * indent + line


def _broken(text: str, width: int) -> list[str]:
    # Digests and paths stay whole where they can, so that they can be copied.
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _params(params: Mapping[str, object], defaults: Mapping[str, object] | None) -> str:
    if not params:
        return "none"
    marked = (
        f"{name}={number(value)}{_mark(name, value, defaults)}" for name, value in params.items()
    )
    return ", ".join(marked)


def _mark(name: str, value: object, defaults: Mapping[str, object] | None) -> str:
    if defaults is None or (name in defaults and defaults[name] == value):
        return ""
    return f" (default {number(defaults[name])})" if name in defaults else ""


def _listed(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in facts.items())


def _flat(facts: Mapping[str, object]) -> dict[str, object]:
    """Return an environment with its libraries beside the rest, empty values left out."""
    flat: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat.update({str(key): item for key, item in value.items()})
        elif value not in ("", None):
            flat[name] = value
    return flat
