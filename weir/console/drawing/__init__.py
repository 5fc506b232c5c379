"""Drawings as plain values, laid out here and written as SVG by the templates. All of it pure."""
