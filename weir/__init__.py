"""Weir joins computing centers that different people own into one compute network."""

__version__ = "0.1.0"
