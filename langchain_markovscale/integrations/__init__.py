"""Bridges to what users already run: agents, chat models, local models. Each needs its own extra."""
