"""Every setting, its value, and where the value came from."""
