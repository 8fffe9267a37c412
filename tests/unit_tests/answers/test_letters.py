"""The letter that a text chooses, in many languages and scripts."""

import pytest

from langchain_markovscale.answers.keys import choice_letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("正确答案是B。选项A不对。", "B"),
        ("选C。因为A项错误", "C"),
        ("La réponse est D, car B est faux", "D"),
        ("La risposta è B, non A", "B"),
        ("정답은 B입니다. A는 틀립니다.", "B"),
        ("Ｂ", "B"),
        ("答えはＣ", "C"),
        ("答えはＣです。Aは間違いです。", "C"),
        ("La respuesta correcta es la C. La A es incorrecta.", "C"),
        ("La respuesta es B porque A es falsa", "B"),
        ("A resposta correta é a letra D, pois B está errada.", "D"),
        ("Die richtige Antwort ist C, denn A ist falsch.", "C"),
        ("Правильный ответ: B. Вариант A неверен.", "B"),
        ("Ответ — C, так как A неверно", "C"),
        ("Η σωστή απάντηση είναι το Β. Το Α είναι λάθος.", "B"),
        ("Η απάντηση είναι C", "C"),
        ("الإجابة الصحيحة هي B، لأن A خاطئة.", "B"),
        ("الجواب هو (ب)", "B"),
        ("सही उत्तर B है। A गलत है।", "B"),
        ("उत्तर: C", "C"),
        ("Doğru cevap B'dir. A yanlış.", "B"),
        ("Cevap: C", "C"),
        ("Đáp án đúng là B. A sai.", "B"),
        ("Tôi chọn đáp án C vì A sai", "C"),
        ("Jawaban yang benar adalah B, bukan A.", "B"),
        ("Jawabannya C karena A salah", "C"),
        ("Answer: A. Wait, actually B.", "B"),
        ("Answer: B. Actually, A is wrong.", "B"),
        ("A: no. B: no. C: yes.", "C"),
        ("Vitamin C helps.", None),
        ("Plan B is to wait.", None),
        ("C major is a scale.", None),
        ("B和C都有可能", None),
        ("A, B", None),
        ("A 和 C 都对", None),
        ("B項が正しい", "B"),
        ("我认为应该选择B", "B"),
        ("B가 정답입니다", "B"),
        ("C est la bonne réponse", "C"),
        ("La B est correcte", "B"),
        ("B è corretta, A è sbagliata", "B"),
        ("Richtig ist B.", "B"),
        ("Die Lösung lautet D.", "D"),
        ("Ⓑ", "B"),
        ("【B】", "B"),
        ("「C」", "C"),
        ("答案：【C】", "C"),
        ("答案是（B）", "B"),
        ("A或B", None),
        ("答案是A或B", None),
        ("A ou B", None),
        ("The answer is B and C.", None),
        ("Answer: B, C", None),
        ("正解はBではなく、Cです", "C"),
        ("答案不是B，是C", "C"),
        ("A és a helyes", None),
        ("The answer is A cat", None),
        ("选项A不对，选项B正确", "B"),
        ("A错误，B正确", "B"),
        ("B is not correct. C is correct.", "C"),
        ("B isn't right; it's C.", "C"),
        ("Ответ: Б", "B"),
        ("Ответ: В", None),
        ("A resposta é simples.", None),
        ("E poi la risposta è B", "B"),
        ("A\nB\nC\nD", None),
        ("B\n\n(A) is too small, (C) too large", "B"),
        ("I'd go with C, since A and B fail", "C"),
        ("正确答案：D", "D"),
        ("答案选B", "B"),
        ("故选：D．", "D"),
        ("故选D", "D"),
        ("所以答案为 (A)。", "A"),
        ("따라서 정답은 (3)이 아니라 B이다.", "B"),
        ("Therefore, the correct option is **D**.", "D"),
        ("Final answer: \\boxed{\\text{(C)}}", "C"),
        ("(A) 3 (B) 4 (C) 5", None),
    ],
)
def test_a_letter_is_chosen_by_a_form_of_its_language(text: str, letter: str | None) -> None:
    assert choice_letter(text) == letter


def test_a_statement_is_found_before_a_long_explanation() -> None:
    assert choice_letter("The answer is C.\n" + "This follows from the text. " * 2_000) == "C"


@pytest.mark.parametrize(
    "unit", ["A ", "(A)", "选A", "答案", "**A**", "A, ", "A or ", "\ufdfa", "B は"]
)
def test_hostile_texts_are_read_in_linear_time(unit: str) -> None:
    choice_letter(unit * (200_000 // len(unit)))  # quadratic time would be minutes
