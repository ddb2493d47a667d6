"""Training of the compact generator and of the identity descriptor."""
