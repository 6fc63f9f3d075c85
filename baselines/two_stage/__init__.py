"""Two-stage un-masking: find the mask, put noise in its place, and draw the face anew."""
