"""One document, shown as text, Markdown and HTML, for whatever shows itself."""
