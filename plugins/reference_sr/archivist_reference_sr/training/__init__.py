"""Training of the compact network: ``archivist train ttsr``."""
