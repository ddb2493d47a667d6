"""Tell what a run did: a web page for people, tables for programs, and the audit of the files.

``rows`` holds the plain rows that everything here reads, ``gather`` fills them from the catalog,
``html``, ``tables`` and ``as_json`` write them, ``verify`` compares the files with the record.
"""

from archivist.report.write import Written, write_report

__all__ = ["Written", "write_report"]
