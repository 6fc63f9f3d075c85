"""Data for training: pairs of a manifest and natural photographs, decoded once into memory-mapped arrays."""
