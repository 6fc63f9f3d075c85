"""Un-masking after Din et al.: a map of the mask, then an editing generator with two discriminators, one of which joins late."""
