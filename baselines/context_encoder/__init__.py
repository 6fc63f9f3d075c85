"""The context encoder: inpaint what a mask hides, from the rest of the picture."""
