"""Un-masking with two discriminators: one sees the picture, the other a window on the mask."""
