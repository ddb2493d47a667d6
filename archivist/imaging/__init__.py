"""File to array and back: the only part that knows image formats, upright pixels, and tiles."""
