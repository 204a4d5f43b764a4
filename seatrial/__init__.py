"""Seatrial proves a deployment before its users depend on it."""

__version__ = "0.1.0"
