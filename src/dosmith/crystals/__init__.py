"""Crystals: prototypes to put elements into, and a machine-learned potential that gives their volume and energy."""
