"""Readers of what models write: numbers, JSON, LaTeX boxes and chosen options inside prose.

Every reader is total (it raises on no text) and takes linear time on any text.
"""
