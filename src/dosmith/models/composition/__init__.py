"""Spectra that are no density of states: whatever is a vector on an axis and belongs to a formula."""

KIND = "composition"
"""Of such a model, in its checkpoint."""
