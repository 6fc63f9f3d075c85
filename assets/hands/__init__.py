"""Hands: channel textures of poses, how they lie in the head, and the script that draws both."""
