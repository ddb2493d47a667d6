"""Stage 2: decide, for every step of every asset, whether it runs and why."""
