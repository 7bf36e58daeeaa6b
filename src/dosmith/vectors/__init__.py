"""Vectors of elements (EV) and of compositions (CV)."""
