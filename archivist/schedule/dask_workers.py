"""Who works in a Dask cluster, as its scheduler says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distributed import Client


def workers_of(client: Client) -> Mapping[str, Mapping[str, Any]]:
    """Return what the scheduler knows of each worker, by address.

    Not by ``client.scheduler_info()``: every two seconds the client looks at the scheduler for
    itself and leaves the workers out, and on a busy machine what was asked for is replaced by that
    before it is read. Raises OSError when the scheduler does not answer.
    """
    identity = client.sync(client.scheduler.identity)
    workers: Mapping[str, Mapping[str, Any]] = identity["workers"]
    return workers
