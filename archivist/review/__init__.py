"""Review: what people should look at first, and what they decide about it."""
