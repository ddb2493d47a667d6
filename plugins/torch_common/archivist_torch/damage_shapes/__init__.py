"""Shapes of damage, drawn or laid as coverage maps: float32 (height, width), values 0..1."""
