"""Commonwheel: a Python package installer whose package cache is a commons."""

__version__ = "0.1.0"
