"""What an HTML page is made of, for tests of what users are shown."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Reads a page or a part of one; an element left open is an error.

    Attributes:
        elements: Name and attributes of every element.
        text: The pieces of text that a reader sees, outside of plots.
        rows: The cells of every row of a table.
    """

    VOID = frozenset({"meta", "br", "use"})
    UNSEEN = frozenset({"style", "svg", "title"})

    def __init__(self, document):
        super().__init__()
        self.elements, self.text, self.rows = [], [], []
        self._open = []
        self.feed(document)
        self.close()
        assert not self._open

    @property
    def tags(self):
        return [name for name, _ in self.elements]

    def all(self, tag):
        """The attributes of every element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        if self.UNSEEN & set(self._open):
            return
        data = data.replace("\u00a0", " ")
        self.text.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data
