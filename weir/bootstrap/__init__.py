"""The only place that wires clock, ids, chance, engine and settings together.

One file for each kind of process, so that an agent loads nothing of a server.
"""
