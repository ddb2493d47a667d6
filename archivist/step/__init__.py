"""Stage 4, in the worker: bind values to the ports of a step, run it, check what comes out."""
