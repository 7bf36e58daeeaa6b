"""The drawing board: a local page where a DOS is bent by hand while the materials that have it change."""
