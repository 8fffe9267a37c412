"""Stopping rules side by side on the same recorded runs, ours among them."""
