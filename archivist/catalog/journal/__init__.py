"""The journal: what a transaction changes in the catalog is written beside it too, as plain text.

From it the catalog comes back when it is lost, or is brought up to date after an older copy of it
was put back. It lies in the output folder, in ``.archivist/journal``.
"""
