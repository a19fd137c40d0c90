"""The only file that spawns processes."""
