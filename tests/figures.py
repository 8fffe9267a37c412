"""What is written in a figure, and where it lies on the page."""

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def words_in(ax):
    """All that the legend of some axes says, and what is written within them."""
    legend = ax.get_legend()
    entries = [] if legend is None else legend.get_texts()
    return [text.get_text() for text in (*ax.texts, *entries)]


def misplaced(figure):
    """Words of a figure (legends, labels, ticks, titles) that lie on others or are cut off."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    beyond = set(map(id, _labels_beyond(figure)))
    boxes = [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()).padded(-0.5))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in beyond
    ]
    assert len(boxes) > 5
    wrong = [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)]
    page = figure.bbox
    wrong += [
        (words, "the edge")
        for words, box in boxes
        if not (page.contains(*box.min) and page.contains(*box.max))
    ]
    return wrong


def _labels_beyond(figure):
    """Labels of ticks outside the limits of their axis, which are made and not drawn."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)
