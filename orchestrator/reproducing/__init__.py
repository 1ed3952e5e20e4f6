"""A table of a paper, from the runs that it needs to its files: what is missing is launched, what is interrupted resumed."""
