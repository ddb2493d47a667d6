"""Stage 6: the record of what was found, planned and done, in SQLite or Postgres.

Only the pipeline process writes, through :class:`~archivist.catalog.writer.Writer`; readers use
:mod:`archivist.catalog.queries`, which returns plain frozen dataclasses.
"""
