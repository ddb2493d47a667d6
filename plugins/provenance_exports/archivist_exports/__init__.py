"""Reports of archivist in the standards of archives, repositories and viewers."""

__version__ = "0.1.0"
