"""JPEG 2000 for archivist: JP2 and JPX files and raw codestreams."""

__version__ = "0.1.0"
