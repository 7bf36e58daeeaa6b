"""Models from a standard DOS to compositions: networks, their training, and checkpoints that run without PyTorch."""
