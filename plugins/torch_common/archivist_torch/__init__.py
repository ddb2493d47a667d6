"""Shared ground of archivist's network plugins: weights, devices, degradations, training."""

__version__ = "0.1.0"
