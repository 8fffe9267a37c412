"""Recorded attempts handed out again, as a strategy asks for them."""
