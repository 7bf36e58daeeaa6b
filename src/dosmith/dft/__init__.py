"""Density-functional theory: from a crystal to its energy and density of states."""
