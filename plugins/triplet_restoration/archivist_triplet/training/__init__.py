"""Training of the compact triplet networks: losses, stages, validation."""
