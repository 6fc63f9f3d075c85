"""Sunglasses: channel textures of frames, reflections for their lenses, grids in head mm, and the script that draws them."""
