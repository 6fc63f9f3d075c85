"""Recipe, plan, render, write: how photographs become a data set."""
