"""From past runs to rates with their uncertainty, in a file."""
