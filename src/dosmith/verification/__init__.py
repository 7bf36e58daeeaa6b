"""Candidates of a design, checked by density-functional theory."""
