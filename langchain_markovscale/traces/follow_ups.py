"""What a user says after an answer: feedback on it, or another question.

Nothing in a log says which; the words do. Feedback speaks of the answer or of who gave it, or
begins with what is wrong. A question has the form of one and does none of that. What has neither
form is feedback: `Slowly.`, `2 + 2 is 4.`
"""

import re
from collections.abc import Collection

from langchain_markovscale.traces.messages import Message

_LOOKED_AT = 1_000  # characters at each end: a question or a critique soon says what it is

_OF_THE_ANSWER = (
    r"are (yo)?u (\w+ )?(sure|certain|confident)",
    r"(is|was) (that|this|it) (\w+ )?(right|correct|true|wrong)(?! that)",
    r"(that|this|it)('s|s| is| was| looks| seems) (\w+ )?(wrong|not|incorrect|right|correct|close)",
    r"(do|did|does)n.t (look|seem|sound) right",
    r"again",
    r"re-?(try|do|vise|consider|think|check|write|phrase|examine|work)",
    r"double[- ]?check",
    r"shorten it",
    r"(check|verify|improve|fix|correct|refine|make|keep|redo|polish) (it|this|that|your|any|all)",
    r"(check|verify|improve|fix|correct|refine) the (answer|code|error|bug|issue|mistake|test)",
    r"try (harder|another|a different|something|once more)",
    r"start over",
    r"(your|previous|last|above|earlier|proposed|final) (\w+ )?(answer|solution|response|reply"
    r"|attempt|draft|reasoning|code|program|result|output|calculation|work|proof|explanation"
    r"|summary|translation|step|essay|text)s?",
    r"(the|this|that) (answer|solution|response|reply|attempt|draft)(?! (to|of|for) )",
    r"why (do|did|are) you",
    r"you (\w+ )?(forgot|missed|made|did|said|say|wrote|have|left|are|were|need|confused|omitted"
    r"|got|gave|used|calculated|added|assumed|should|must|seem)",
    *(r"bist du( dir)? sicher", r"sind sie sicher", r"noch ?(ein)?mal", r"deine antwort"),
    *(r"überprüf\w*", r"es-tu sûre?", r"êtes-vous sûre?", r"vérifie[rz]?", r"réessa\w+"),
    *(r"encore une fois", r"ta réponse", r"estás segur[oa]", r"otra vez", r"de nuevo", r"revisa"),
    *(r"verifica", r"tu respuesta", r"sei sicur[oa]", r"ricontrolla", r"tem certeza"),
    *(r"de novo", r"sua resposta", r"проверь", r"ты уверена?", r"ещё раз"),
)
_OF_THE_ANSWER_UNSPACED = "|".join(
    (
        *("再检查", "再想", "再试", "再算", "确定吗", "确认", "重新", "你的答案", "你的回答"),
        *("もう一度", "確認して", "本当ですか", "다시", "확실"),
    )
)

_BEFORE_A_FAULT = (
    *("no", "sorry", r"hmm+", "well", "unfortunately", "i think", "this", "it", "but", "wait"),
    *(r"there (is|are)( an?)?", "careful", "almost", "close"),
)
_FAULTS = (
    *("wrong", "incorrect", "inaccurate", "not ", "nope", r"mistakes?", r"errors?", r"fail\w*"),
    *("feedback", "critique", "hint", "traceback", "wait", "almost", r"no[,.!]", r"sure\?"),
    *(r"really\?", "falsch", "faux", "incorrecto", "errato", "errado", "sbagliato", "错", "不对"),
    *("間違", "違い", "틀렸", "неверно", "неправильно"),
)

_BEFORE_A_TASK = (
    *("and ", "now ", r"ok,? ", r"okay,? ", "then ", "also ", r"thanks[.,!]* ", r"great[.,!]* "),
    *("please ", "could you ", "can you "),
)
_TASKS = (
    *("what", "whats", "who", "whom", "whose", "when", "where", "which", "how", "compute"),
    *("calculate", "evaluate", "solve", "find", "determine", "simplify", "factor", "prove"),
    *("derive", "integrate", "differentiate", "convert", "translate", r"summari[sz]e", "define"),
    *("describe", "name", "list", "write", "give", "tell", "show", "generate", "create"),
    *("implement", "classify", "compare", "draw", "estimate", "multiply", "add", "subtract"),
    *("divide", "is", "are", "was", "were", "do", "does", "did", "has", "have", "will", "would"),
    *("wer", "wie", "wo", "wann", "berechne", "que", r"quel\w*", "combien", r"calcule\w*", "qué"),
    *(r"cuánt\w+", "cuál", "quanto", "сколько", "вычисли"),
)
_TASKS_UNSPACED = "什么|多少|计算|いくつ|何|계산"


def _any(phrases: Collection[str]) -> str:
    return f"({'|'.join(phrases)})"


_SPEAKS_OF_THE_ANSWER = re.compile(
    rf"\b{_any(_OF_THE_ANSWER)}\b|{_OF_THE_ANSWER_UNSPACED}", re.IGNORECASE
)
_BEGINS_WITH_A_FAULT = re.compile(
    rf"\W*({_any(_BEFORE_A_FAULT)}\W+)*{_any(_FAULTS)}", re.IGNORECASE
)
_ASKS = re.compile(
    r"[?\uff1f\u061f](\s|$)|^\W*(q(uestion|\d+)?\b[\s\d.]*:|(the )?next (question|task|problem)|"
    rf"{_any(_BEFORE_A_TASK)}*{_any(_TASKS)}\b|{_TASKS_UNSPACED})",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\W*(\w+\W+){0,3}?(thanks|thank you|thx|danke|merci|gracias|grazie|obrigad[oa]|谢谢|ありがとう"
    r"|감사|спасибо)(\W+\w+){0,4}\W*",
    re.IGNORECASE,
)
_CRITICS = re.compile(r"critic|review|verif|feedback|judge|evaluat|grader|reflect", re.IGNORECASE)


def is_new_question(message: Message, question: str, known: Collection[str] = ()) -> bool:
    """Return whether what a user says after an answer asks something else.

    Args:
        message: What the user says.
        question: The question that was answered. A message that repeats it is feedback, as of loops
            that show it again beside the critique.
        known: Texts that are known to be questions.
    """
    text, question = message.text.strip(), question.strip()
    if text in known or message.text in known:
        return text != question
    if message.name is not None and _CRITICS.search(message.name):
        return False
    if question and question in text:
        return False
    head, tail = text[:_LOOKED_AT], text[-_LOOKED_AT:]
    if _THANKS.fullmatch(head):
        return True  # the reply to them revises nothing
    if _BEGINS_WITH_A_FAULT.match(head) or _SPEAKS_OF_THE_ANSWER.search(head):
        return False
    return bool(_ASKS.search(head) or _ASKS.search(tail))
