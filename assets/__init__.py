"""Drawn textures with their anchor points, and the scripts that draw them."""
