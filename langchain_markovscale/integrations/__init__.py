"""Bridges to what users already run: agents, chat models, local models; each has its own extra."""
