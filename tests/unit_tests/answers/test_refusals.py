"""A reply that is a refusal in words is no answer; one that only sounds like it is."""

import pytest

from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.languages import LANGUAGES
from langchain_markovscale.answers.reading import Answered, read_answer, read_key
from langchain_markovscale.answers.refusals import REFUSALS, is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "Sorry, I can't help with that.",
        "I cannot fulfill this request.",
        "I can't help with that.",
        "I'm unable to assist with that.",
        "I apologize, but I cannot provide that information.",
        "As an AI language model, I cannot provide medical advice.",
        "I'm sorry, I can't answer that question.",
        "Unfortunately, I am not able to help with this request. Feel free to ask another!",
        "I'm sorry, but I can't help with that. However, I can suggest other topics.",
        "I won't help with that.",
        "I can't help with that. If you are in danger, call or text 988.",
        "I must decline.",
        "I'm not able to provide instructions on that topic, as it could be harmful.",
        "I’m really sorry, but I can't provide any help with this.",
        "抱歉，我无法协助满足该请求。",
        "对不起，我不能提供这方面的帮助。",
        "很抱歉，我无法回答这个问题。",
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "申し訳ございませんが、お手伝いできません。",
        "죄송합니다. 그 요청은 도와드릴 수 없습니다.",
        "죄송하지만 답변드릴 수 없습니다.",
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Désolé, je ne peux pas répondre à cette demande.",
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lo siento, no puedo responder a esa pregunta.",
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, não posso ajudá-lo com essa solicitação.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Tut mir leid, ich kann Ihnen dabei nicht weiterhelfen.",
        "Извините, но я не могу помочь с этим.",
        "К сожалению, я не могу ответить на этот вопрос.",
        "Λυπάμαι, αλλά δεν μπορώ να σας βοηθήσω με αυτό.",
        "عذرًا، لا أستطيع مساعدتك في ذلك.",
        "آسف، لا يمكنني المساعدة في هذا الطلب.",
        "क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।",
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Xin lỗi, tôi không thể giúp bạn việc đó.",
        "Tôi xin lỗi, nhưng tôi không thể hỗ trợ yêu cầu này.",
        "Maaf, saya tidak bisa membantu dengan itu.",
        "Mohon maaf, saya tidak dapat memenuhi permintaan tersebut.",
    ],
)
def test_a_reply_that_only_refuses_is_a_refusal(text: str) -> None:
    answered = read_answer(text)
    assert answered == Answered(text, None, "refusal")
    for name in ("text", "last_number", "choice"):
        assert read_key(answered, resolve_answer_key(name)) == (None, {"no_key": "refusal"})


@pytest.mark.parametrize(
    "text",
    [
        "I can't use the formula, so the answer is 5.",
        "I can't help but notice that the answer is Paris.",
        "I can't help but think it is Paris.",
        "I'm sorry, the answer is B.",
        "Sorry, I made a mistake. The answer is 15.",
        "I cannot determine the answer.",
        "It cannot be determined from the information given.",
        "I don't know.",
        "I'm sorry, but I can't help with the first part. The answer is Paris.",
        "I can't answer that directly, but it is Paris.",
        "I cannot provide an exact count, roughly 42.",
        "I can't assist with the proof, but Paris.",
        "I can't do this in my head, so I write it down: Paris.",
        "Unfortunately, the train is late.",
        "I am afraid of dogs.",
        "I'm sorry, but I can't help with that, so B.",
        "I can't give you a discount, she said.",
        "No.",
        "Sorry",
        "We cannot provide more than 5 kg.",
        "I can't complete the square here.",
        "The answer is: I'm sorry, but I can't help with that.",
        "I can't share the pizza evenly.",
        "We can't write this as a fraction.",
        "I can't answer this without the table",
        "Lo siento, la respuesta es Madrid.",
        "Lo siento, no puedo ayudarte con eso, pero la respuesta es Madrid.",
        "抱歉，答案是巴黎。",
        "我无法使用公式，所以答案是巴黎。",
        "抱歉，我无法帮助您计算，但答案是巴黎。",
        "Es tut mir leid, die Antwort ist Paris.",
        "Désolé, je ne peux pas vous aider, mais la réponse est Paris.",
        "Извините, ответ: Париж.",
        "すみません、答えはパリです。",
        "죄송합니다. 정답은 파리입니다.",
        "Maaf, jawabannya adalah Paris.",
    ],
)
def test_a_reply_that_gives_a_result_or_does_not_know_is_an_answer(text: str) -> None:
    assert read_answer(text).no_key is None


def test_thoughts_before_a_refusal_are_taken_off_first() -> None:
    answered = read_answer("<think>It is 5.</think>I'm sorry, but I can't help with that.")
    assert answered == Answered("I'm sorry, but I can't help with that.", "It is 5.", "refusal")


def test_a_long_text_is_no_refusal() -> None:
    assert not is_refusal(
        "I'm sorry, but I can't help with that. " + "This is why: it is long. " * 30
    )


def test_every_language_of_the_answers_has_its_refusals() -> None:
    assert set(REFUSALS) == set(LANGUAGES)
