"""The composition root: builds the parts lazily and ties them together in one place."""
