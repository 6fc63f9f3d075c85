"""One method on one split: values a pair, intervals, tests, strata, and the result on disk."""
