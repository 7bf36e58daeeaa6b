"""The model of Bang et al. (2024): from a standard DOS to the vector of a composition; networks, training, exact search."""
