"""Describe photographs by vectors, so that similar ones are found in an archive."""

__version__ = "0.1.0"
