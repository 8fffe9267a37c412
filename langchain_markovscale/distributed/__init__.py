"""Recording and solving on many machines, with Ray (extra `ray`)."""
