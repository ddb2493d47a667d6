"""Restore old photographs in a triplet of latent domains: real, synthetic, clean."""

__version__ = "0.1.0"
