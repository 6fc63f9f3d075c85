"""What a data set consists of, counted from its manifest alone: as numbers, as tables, as one picture."""
