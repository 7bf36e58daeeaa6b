"""The benchmark: the paper's tables and figures again, then the questions it does not ask. Seeded throughout."""
