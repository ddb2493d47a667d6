"""What is kept: content-addressed blobs, artifacts, and the published outputs with their names."""
