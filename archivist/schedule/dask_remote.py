"""A Dask cluster that somebody else runs: reached by its address, checked before it is used."""

from __future__ import annotations

import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

from archivist.api.errors import UsageError
from archivist.schedule.dask_workers import workers_of
from archivist.schedule.runner import Requirement, Shared

CONNECT_SECONDS = 15.0
WORKER_SECONDS = 30.0
CHECK_SECONDS = 60.0


@contextmanager
def remote_cluster(address: str, requirement: Requirement, shared: Shared) -> Iterator[Client]:
    """Yield a client of a cluster whose workers can do the work; leave the cluster as it was.

    Raises UsageError with the cure: no scheduler, no workers, other versions, unseen folders.
    """
    try:
        with warnings.catch_warnings():
            # Dask warns about differing versions of its own; those that matter are checked below.
            warnings.simplefilter("ignore")
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address} ({error}). Cure: start one with `dask "
            "scheduler`, and see that the address is right and no firewall is between"
        ) from error
    with client:
        check_workers(client, requirement, shared)
        yield client


def check_workers(client: Client, requirement: Requirement, shared: Shared) -> None:
    """Raise UsageError when a worker of the cluster could not do the work."""
    address = client.scheduler.address
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise UsageError(
            f"the Dask scheduler at {address} has no workers. Cure: `dask worker {address} "
            "--nthreads 1` on each machine"
        ) from error
    workers = workers_of(client)
    if requirement.needs_gpu and not any(w["resources"].get("GPU") for w in workers.values()):
        raise UsageError(
            "a step of this recipe runs on a GPU only, and no worker of the cluster declares one. "
            'Cure: `dask worker ... --nthreads 1 --resources "GPU=1"` with CUDA_VISIBLE_DEVICES set'
        )
    # Python first: a function sent by value does not survive another minor version.
    for worker, versions in client.get_versions()["workers"].items():
        _complain(worker, compare_python(platform.python_version(), versions["host"]["python"]))
    with ExitStack() as stack:
        marks = [stack.enter_context(_mark(folder)) for folder in shared.write]
        facts = worker_facts(shared, marks)
        here = facts()
        for worker, there in client.run(facts).items():
            _complain(worker, compare(here, there))


def compare_python(here: str, there: str) -> str:
    """Return in words, with the cure, that a worker runs another Python; empty when it does not."""
    if here.split(".")[:2] == there.split(".")[:2]:
        return ""
    return (
        f"it runs Python {there}, this machine {here}. Cure: the same minor version of Python on "
        "all machines"
    )


def compare(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """Return in words, with the cure, what a worker lacks; empty when it lacks nothing."""
    for name, version in here["versions"].items():
        found = there["versions"].get(name)
        if found != version:
            has = f"{name} {found}" if found else f"no {name}"
            return (
                f"it has {has}, this machine {version}. Cure: pip install {name}=={version} there"
            )
    if there["unseen"]:
        return (
            f"it does not see {there['unseen'][0]} as this machine sees it. Cure: mount the same "
            "network folder under the same path on all machines"
        )
    return ""


def worker_facts(shared: Shared, marks: Sequence[Path]) -> Callable[[], dict[str, Any]]:
    """Return a function that tells what its process has.

    It is a closure, which travels by value: a worker without archivist could not even load a
    function of this module.
    """
    names = ["archivist", *(name for name in shared.distributions if name != "archivist")]
    paths = [str(path) for path in (*shared.read, *marks)]

    def facts() -> dict[str, Any]:
        import importlib.metadata
        import os.path

        versions = {}
        for name in names:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {
            "versions": versions,
            "unseen": [path for path in paths if not os.path.exists(path)],  # noqa: PTH110
        }

    return facts


def _complain(worker: str, complaint: str) -> None:
    if complaint:
        raise UsageError(f"the Dask worker {worker} cannot do the work: {complaint}")


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """Put an empty file into a folder for a moment: who sees it sees the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".archivist-seen-") as file:
        yield Path(file.name)
