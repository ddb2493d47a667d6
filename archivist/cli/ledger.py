"""`archivist ledger`: prove that the record was not changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archivist.cli.exits import Exit
from archivist.cli.options import FILE, Place, catalog_options, folder_of, json_option, place
from archivist.cli.spared import TEXT_FILE, spare_scans
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.ledger.checkpoint import Checkpoint
    from archivist.ledger.keys import PublicKey

YEARS_2 = 730

public_key_option = click.option(
    "--public-key",
    "public_keys",
    type=FILE,
    multiple=True,
    help="A key that checkpoints may be signed with; besides those in the configuration.",
)
_since_option = click.option(
    "--since",
    metavar="CHECKPOINT",
    help="A checkpoint that was kept elsewhere: its line, or a file with line or note.",
)
_to_option = click.option("--to", type=TEXT_FILE, required=True, help="The file to write.")


@click.group()
def ledger() -> None:
    """Prove that the record was not changed since.

    Every record enters the ledger, a Merkle tree; each run ends with a checkpoint of it, signed
    where there is a key. Whoever keeps the one line of a checkpoint can show later that nothing
    recorded before it was edited, deleted or put in.
    """


@ledger.command()
@click.option("--all", "everything", is_flag=True, help="All checkpoints, not only the newest.")
@click.option("--note", is_flag=True, help="As signed notes, for programs that read logs.")
@catalog_options
def show(
    everything: bool,
    note: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show the newest checkpoint as one line, to print or to write down."""
    from archivist.catalog.ledger import checkpoints, size
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        found, entries = checkpoints(catalog), size(catalog)
    shown = found if everything else found[-1:]
    if as_json:
        facts = {"entries": entries, "checkpoints": [_facts(one) for one in shown]}
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in shown:
        signed = f"signed by {one.key_name} (key {one.key_id})" if one.signature else "unsigned"
        click.echo(one.note if note else f"{one.line}\n  {signed}")
    if not found:
        click.echo(
            "There is no checkpoint yet: a run ends with one, archivist ledger seal makes one"
        )
    elif entries > found[-1].size and not note:
        since = counted(entries - found[-1].size, "entry", "entries")
        click.echo(f"{since} came since, which no checkpoint covers.")


@ledger.command()
@click.argument("asset", metavar="FILE|DIGEST|INVENTORY_NO|PATH")
@_to_option
@_since_option
@click.option("--page", type=click.IntRange(1), help="Of a scan of several.")
@catalog_options
def prove(
    asset: str,
    to: Path,
    since: str | None,
    page: int | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Write the records of a photograph with proofs that the ledger holds them.

    FILE is a scan or an output, and is named as for `archivist audit`: found by its content, also
    when it was renamed or moved, or by SHA-256, inventory number or path.

    With --since also the proof that the ledger only grew after that checkpoint. The file can be
    checked without archivist: see `archivist ledger verifier`.
    """
    from archivist.api.errors import UsageError
    from archivist.catalog.session import open_catalog
    from archivist.report.named import named
    from archivist.report.proof import prove as proof
    from archivist.step.record import record_text

    where = place(out or folder_of(asset, catalog_url), catalog_url, config_file)
    kept = _checkpoint(since)
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_scans(catalog, where, to)
        meant = named(catalog, asset, out=where.out, page=None if page is None else page - 1)
        if len(meant.assets) > 1:
            raise UsageError(
                f"{asset!r} means {len(meant.assets)} photographs or pages. Cure: name one of "
                f"them, such as {meant.assets[0].uid}"
            )
        content = proof(catalog, meant.assets[0].uid, record_text, since=kept)
    for warning in meant.warnings:
        click.echo(warning, err=True)
    _write(to, json.dumps(content, indent=1))
    count, later = len(content["entries"]), content["later"]
    if as_json:
        click.echo(json.dumps({"file": str(to), "records": count, "later": later}))
        return
    click.echo(f"{counted(count, 'record')} with proofs: {to}")
    if later:
        click.echo(f"{later} more came after the newest checkpoint. Cure: archivist ledger seal")


@ledger.command()
@_since_option
@public_key_option
@catalog_options
def check(
    since: str | None,
    public_keys: tuple[Path, ...],
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Compare all records with the ledger, the ledger with its checkpoints, and their signatures.

    With --since also with a checkpoint that was kept elsewhere: only that finds out a catalog that
    was put back as a whole to an older state, or signed anew with a stolen key. Exit codes are
    those of `archivist verify`, of which this is a part.
    """
    from archivist.catalog.session import open_catalog
    from archivist.cli.verify import sum_up, tell
    from archivist.report.verify import check_records
    from archivist.report.verify_ledger import check_ledger
    from archivist.step.record import record_digest

    where = place(out, catalog_url, config_file)
    keys, kept = keys_of(where, public_keys), _checkpoint(since)
    counts: Counter[tuple[str, str]] = Counter()
    with open_catalog(where.catalog_url, write=False) as catalog:
        of_records = check_records(catalog, record_digest)
        for finding in chain(of_records, check_ledger(catalog, keys, since=kept)):
            counts[finding.subject, finding.condition] += finding.count
            if finding.condition != "fine":
                tell(finding, as_json)
    sum_up(counts, as_json)
    fine = all(condition in ("fine", "unsigned") for _, condition in counts)
    return Exit.FINE if fine else Exit.SOME_FAILED


@ledger.command()
@catalog_options
def seal(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """Make a checkpoint now, signed where there is a key: after reviews, or once a key is there."""
    import os

    from archivist.catalog.session import open_catalog
    from archivist.catalog.writer import Writer
    from archivist.ledger.keys import find_signing_key

    where = place(out, catalog_url, config_file)
    key = find_signing_key(where.settings.ledger.signing_key, os.environ)
    with open_catalog(
        where.catalog_url, write=True, create=False, home=where.journal_home
    ) as catalog:
        made = Writer(catalog, sign=key.sign if key else None).checkpoint()
    if as_json:
        click.echo(json.dumps({"checkpoint": _facts(made) if made else None}, ensure_ascii=False))
    else:
        click.echo(made.line if made else "The newest checkpoint covers everything already.")


@ledger.command()
@click.option(
    "--to", type=TEXT_FILE, required=True, help="The private key; the public one gets .pub."
)
@click.option("--name", default="archivist", help="Who signs, such as archive.museum.example.")
@click.option(
    "--days", type=click.IntRange(0), default=YEARS_2, help="How long it may sign; 0: for ever."
)
@json_option
def keygen(to: Path, name: str, days: int, as_json: bool) -> None:
    """Make a pair of keys. The private one can be read by its owner alone (mode 0600).

    Keep it away from the machine that holds the catalog where you can; give the public one to
    everybody.
    """
    from archivist.ledger.keys import write_pair

    public, key = write_pair(to, name=name, days=days)
    facts = {"private": str(to), "public": str(public), "id": key.id, "name": key.name}
    facts["expires"] = key.expires.isoformat() if key.expires else ""
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for title, value in facts.items():
        click.echo(f"{title:8} {value or 'never'}")


@ledger.command()
@_to_option
@click.option("--leaves", is_flag=True, help="The digests of all entries too: 0.1 KB for each.")
@catalog_options
def export(
    to: Path,
    leaves: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Write all checkpoints, with proofs that the ledger only grew from each to the next."""
    from archivist.catalog.session import open_catalog
    from archivist.report.proof import export as exported

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_scans(catalog, where, to)
        content = exported(catalog, leaves=leaves)
    _write(to, json.dumps(content, indent=1))
    count = len(content["notes"])
    facts = {"file": str(to), "checkpoints": count}
    click.echo(json.dumps(facts) if as_json else f"{count} checkpoints with proofs: {to}")


@ledger.command()
@_to_option
@json_option
def verifier(to: Path, as_json: bool) -> None:
    """Write the program that checks proofs without archivist: one file of plain Python."""
    from importlib import resources

    source = resources.files("archivist.ledger").joinpath("verify_proof.py")
    _write(to, source.read_text("utf-8"))
    click.echo(json.dumps({"file": str(to)}) if as_json else f"python3 {to} --help")


def keys_of(where: Place, more: tuple[Path, ...]) -> Mapping[str, PublicKey]:
    """Return the public keys of the configuration and the command line, by id."""
    from archivist.ledger.keys import read_public_key

    named = [*map(Path, where.settings.ledger.public_keys), *more]
    return {key.id: key for key in map(read_public_key, named)}


def _checkpoint(text: str | None) -> Checkpoint | None:
    """Return the checkpoint of a line, or of the file that is named. Raises UsageError."""
    from archivist.api.errors import UsageError
    from archivist.ledger.checkpoint import parse

    if not text:
        return None
    if " " in text.strip() and not Path(text).is_file():
        return parse(text)
    try:
        return parse(Path(text).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{text} cannot be read as a checkpoint ({error}). Cure: give the line itself in "
            "quotes, or a file with it"
        ) from error


def _write(to: Path, text: str) -> None:
    from archivist.api.errors import UsageError
    from archivist.store.atomic import replacing

    try:
        with replacing(to.absolute()) as temporary:
            temporary.write_text(text + "\n" * (not text.endswith("\n")), "utf-8")
    except OSError as error:
        raise UsageError(
            f"{to} cannot be written: {error.strerror}. Cure: another place"
        ) from error


def _facts(one: Checkpoint) -> dict[str, Any]:
    return {
        "origin": one.origin,
        "size": one.size,
        "root": one.root,
        "time": one.at.isoformat(),
        "run": one.run,
        "key_name": one.key_name,
        "key_id": one.key_id,
        "signed": bool(one.signature),
        "line": one.line,
        "note": one.note,
    }
