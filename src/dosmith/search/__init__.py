"""Exact search for the best compositions under a cost that is a sum over slots."""
