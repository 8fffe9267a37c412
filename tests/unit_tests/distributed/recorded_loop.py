"""A loop of functions that counts its calls."""

from collections import Counter

from langchain_markovscale import create_markovscale_graph


def counting_graph(fails=lambda question: False):
    """Return a loop, and its calls by question."""
    calls = Counter()

    def write(request):
        question = request["question"]
        if fails(question):
            raise ConnectionError("the model is down")
        calls[question] += 1
        return f"{question.split()[2]} after {calls[question]}"

    return create_markovscale_graph(
        generate=write, revise=write, verifier=lambda answer: 0.9
    ), calls
