"""Our own network: enlarges by itself, and adds texture borrowed in the space of pixels."""
