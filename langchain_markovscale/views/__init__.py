"""What a run and a decision look like to people."""
