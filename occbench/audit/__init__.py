"""What data sets share across splits and should not: people, photographs, near-duplicates; and namesakes."""
