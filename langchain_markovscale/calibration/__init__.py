"""From past runs to rates that can be trusted, and how far they can be."""
