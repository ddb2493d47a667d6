"""archivist restores archives of scanned photographs and records how each result came to be.

Read :mod:`archivist.pipeline.flow` first: it joins the stages
scan -> plan -> schedule -> step -> store -> catalog -> report.
"""

__version__ = "0.1.0"
