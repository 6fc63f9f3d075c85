"""Cups: channel textures, the profiles they are turned from, and the script that draws both."""
