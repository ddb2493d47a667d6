"""Find faces on old photographs, and refine them without making them somebody else's."""

__version__ = "0.1.0"
