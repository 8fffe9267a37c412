"""What a user says after an answer: another question, or something about the answer."""

import pytest

from langchain_markovscale.traces.conversations import question_in, questions_in
from langchain_markovscale.traces.follow_ups import is_new_question
from langchain_markovscale.traces.messages import Message, read_messages

QUESTION = "What is 2 + 2?"
QUESTIONS = """
What is 3 + 3?
And what is 5 + 5?
And 5 + 5?
Now compute 12 * 12.
Who wrote Hamlet?
Write a program to check if n is prime.
Which of these statements is incorrect: A or B?
How many more apples does Tom have than Ann?
Translate "good morning" to French.
Q2: What is the capital of Peru?
Thanks! What is 7 * 8?
What is the standard error of the mean of 1, 2, 3?
Can you list the planets?
What is the answer to 3 + 3?
Is it true that 9 is a prime?
Solve x + 3 = 5. Think step by step.
Tom has 3 apples. He buys 4 more. How many does he have?
Was ist 3 + 3?
3 + 3 等于多少?
Next question: name a prime.
Thanks!
Great, thank you very much!
Vielen Dank, danke
"""
FEEDBACK = """
Are you sure?
Are you really sure about this?
Wrong, try again.
That's wrong.
That is not right. 2 + 2 is 4.
Count again.
Slowly.
Check your answer.
Please double-check.
Incorrect. What about carrying the one?
Is that correct?
You forgot to carry the one.
There is an error in line 3, can you fix it?
Tests failed: AssertionError: expected 4
Traceback (most recent call last): File x
Your answer is missing a unit. What is the unit?
Critique: the sum is off by one.
Why did you add 1?
The verifier rejected this answer.
2 + 2 is 4, not 5.
Review your previous answer and find problems with your answer.
Hint: think of pairs.
No, it is 4.
Bist du sicher?
再检查一下
Give your final answer.
Hmm, really?
I don't think so. Could you reconsider?
The question was: What is 2 + 2? The critique: not a sum.
"""


@pytest.mark.parametrize("text", [*QUESTIONS.strip().splitlines(), "Peru\uff1f"])
def test_another_question_is_one(text):
    assert is_new_question(Message("user", text), QUESTION)


@pytest.mark.parametrize("text", [*FEEDBACK.strip().splitlines(), QUESTION, "", "ok"])
def test_feedback_is_no_question(text):
    assert not is_new_question(Message("user", text), QUESTION)


def test_what_is_known_to_be_a_question_is_one():
    assert is_new_question(Message("user", "12 squared."), QUESTION, known={"12 squared."})


def test_a_critic_asks_no_new_question():
    assert not is_new_question(Message("user", "What is 3 + 3?", name="critic"), QUESTION)


def test_two_questions_in_a_conversation_have_their_own_answers():
    talk = [("ai", "Hello!"), ("user", "2 + 2?"), ("ai", "5"), ("user", "Sure?"), ("ai", "4")]
    talk += [("user", "What is 3 + 3?"), ("ai", "6")]
    first, second = questions_in(read_messages(talk))
    assert (first.question, second.question) == ("2 + 2?", "What is 3 + 3?")
    assert [(each.message.text, each.feedback) for each in first.answers] == [
        *(("5", "Sure?"), ("4", None)),
    ]
    assert [each.message.text for each in second.answers] == ["6"]
    whole = question_in(read_messages(talk))
    assert [each.message.text for each in whole.answers] == ["5", "4", "6"]


def test_a_question_that_nobody_answers_is_left():
    talk = [("user", "2 + 2?"), ("ai", "4"), ("user", "What is 3 + 3?")]
    assert [asked.question for asked in questions_in(read_messages(talk))] == ["2 + 2?"]
    assert questions_in(read_messages(talk[:1]))[0].answers == []
    assert questions_in(read_messages([("ai", "Hello!")])) == []
