"""Documents shown as text, Markdown and HTML, with their wording and plots."""
