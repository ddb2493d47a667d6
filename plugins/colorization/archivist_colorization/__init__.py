"""Colour for grey photographs, taken from colour photographs of the same archive."""

__version__ = "0.1.0"
