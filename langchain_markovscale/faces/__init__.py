"""Faces: the same words, tables and plots as text, Markdown and HTML, for whatever shows itself."""
