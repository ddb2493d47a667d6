"""Find scratches, dust, cracks and stains on scanned photographs, and mend them."""

__version__ = "0.1.0"
