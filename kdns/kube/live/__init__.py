"""A live cluster as the source of a store: an API server that is followed through all that can happen to it."""
