"""Real runs as evidence: recorded, imported, graded, replayed and compared."""
