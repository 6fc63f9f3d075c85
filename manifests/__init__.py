"""Benchmark definitions: recipes and frozen manifests. No images."""
