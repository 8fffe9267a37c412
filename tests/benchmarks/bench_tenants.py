"""10,000 answers to two tenants, by every surface and every cache: none is another's."""

from tenants import answers

QUESTIONS = 105


def test_no_answer_is_crossed(figure):
    given = list(answers(QUESTIONS))
    crossed = [each for each in given if not each[2].startswith(each[0])]
    figure("answers to two tenants", len(given), "answers", at_least=10_000)
    figure("of them crossed", len(crossed), "answers", at_most=0)
