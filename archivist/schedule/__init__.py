"""Where and when work is done: workers, batches, and the way to stop.

Nothing here knows what the work is: it gets units, a function, and gives outcomes back. Start with
:mod:`archivist.schedule.runner`; Dask is imported by :mod:`archivist.schedule.dask_runner` only.
"""
