"""From a composition to any spectrum that is a vector on an axis, and back."""
