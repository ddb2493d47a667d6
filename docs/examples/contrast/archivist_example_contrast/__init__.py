"""An example plugin for archivist: gives faded photographs their contrast back."""
