"""From a crystal to its DOS in milliseconds: tight binding whose parameters were learned from computed spectra."""
