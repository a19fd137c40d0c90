"""Commonwheel: a fast Python package installer and environment manager, with a cache a whole team can share safely."""

__version__ = "0.1.0"
