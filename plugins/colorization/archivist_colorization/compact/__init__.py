"""The compact network: its own small size, trained by this project."""
