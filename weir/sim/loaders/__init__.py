"""Workloads from files: one file a format, and `formats.load`, which recognizes them.

Every loader gives a `Workload` or raises `BadInput` that names the file and, of the first twenty
mistakes, the line, the field, what was found and what would be right.
"""
