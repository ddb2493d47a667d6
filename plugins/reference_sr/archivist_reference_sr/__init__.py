"""Enlarge photographs four times, with texture borrowed from similar pictures of the archive."""

__version__ = "0.1.0"
