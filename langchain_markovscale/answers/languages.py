"""How answers are stated in many languages: a table of forms, one language after another.

Everything is in lower case. To add a language, add its entry: the words that name an answer or
choose an option, and regular expressions without groups for what follows an option that is right or
wrong and what stands before one that is denied. Between a word and its option or number there may be
space, punctuation, markup and copulas ("is therefore option"), which `FILL` skips.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple


class Forms(NamedTuple):
    """The forms of one language.

    Attributes:
        answer: Words that name the answer, before it, with `|` between them.
        choose: Words that choose the option that follows, alike.
        right: Says after an option that it is right.
        wrong: Says after an option that it is wrong.
        denial: Denies the option that follows: "not".
        alternative: Stands between two options of which neither is chosen: "or".
        thousands: Words that multiply the number before them, with their power of ten; 0 where the
            word may mean something else.
    """

    answer: str
    choose: str = ""
    right: str = ""
    wrong: str = ""
    denial: str = ""
    alternative: str = ""
    thousands: tuple[tuple[str, int], ...] = ()


LANGUAGES: dict[str, Forms] = {
    "en": Forms(
        answer="answer|final result|result:",
        choose="choose|choosing|chose|pick|picked|select|selected|going with|go with|correct option|correct choice|correct one|correct letter"
        "|actually|make that|i meant|correction",
        right=r"(?:is|would be|must be|seems|looks) (?:the )?"
        r"(?:correct|right|best|answer|true|valid)\b|fits best\b|: (?:yes|true|correct|right)\b",
        wrong=r"(?:is|was|would be|must be|seems|cannot be|can't be) (?:the )?(?:also )?"
        r"(?:wrong|incorrect|false|not|out|too|invalid|impossible|ruled|eliminated)\b"
        r"|(?:is|was|ca|does|wo|could|would)n['\u2019]t\b|(?:can|does|could|would|will) ?not\b|: (?:no|false|incorrect|wrong)\b",
        denial=r"(?:\b(?:not|than|nor|neither|except|rule out|ruled out|eliminate|exclude)|n['\u2019]t)",
        alternative=r"\bor\b",
        thousands=(
            ("hundred", 2),
            ("thousand", 3),
            ("millions?|mln|mn|mio", 6),
            ("billions?|bn", 9),
            ("trillions?", 12),
            ("lakhs?|lac", 5),
            ("crores?", 7),
        ),
    ),
    "zh": Forms(
        answer="答案|最终结果|最終結果|正解|正确选项|正確選項|正确的选项|正確的選項",
        choose="选择|選擇|选|選",
        right="(?:项|項|选项|選項)?(?:是|最|为|為)?(?:正确|正確|对的|對的|符合)",
        wrong="(?:项|項|选项|選項)?(?:是|也)?(?:不对|不對|不正确|不正確|错误|錯誤|错|錯|不符|不是|不能|排除)",
        denial="(?:不是|不选|不選|而非|并非|並非|非|排除)",
        alternative="或者?|还是|還是",
        thousands=(("百", 2), ("千", 3), ("万|萬", 4), ("亿|億", 8)),
    ),
    "ja": Forms(
        answer="正解|答え|答|解答|正答|回答",
        right="(?:が|は|を|の)?(?:正解|正しい|正答|選び|選択|最も適切|適切です)(?!では|じゃ)",
        wrong="(?:が|は|も)?(?:間違|誤り|誤って|不正解|正しくな|違い|ではな|ではあり|不適切)",
        alternative="または|か|もしくは",
        thousands=(("千", 3), ("万", 4), ("億", 8)),
    ),
    "ko": Forms(
        answer="정답|답|해답",
        right="(?:번)?(?:가|이|은|는|를|을)?\\s?(?:정답|맞|옳|올바|선택|고르)(?!지 않|이 아)",
        wrong="(?:번)?(?:는|은|가|이|도)?\\s?(?:틀|오답|아니|아닙|아닌|잘못)",
        alternative="또는|혹은|이나",
        thousands=(("백", 2), ("천", 3), ("만", 4), ("억", 8)),
    ),
    "fr": Forms(
        answer="réponse|reponse|résultat final|option correcte|bonne option",
        choose="choisis|choisit|choisir|retiens",
        right=r"(?:est|serait) (?:donc )?(?:la |le )?(?:bonne|bon|correcte?|juste|vraie?|exacte?|réponse)\b",
        wrong=r"(?:est|sont|serait) (?:fausse?|faux|incorrecte?|erronée?|inexacte?|à exclure)\b|n['\u2019]est\b",
        denial=r"\b(?:non|pas|ni|sauf)(?: pas)?(?: la| l['\u2019]option)?",
        alternative=r"\bou\b",
        thousands=(("mille", 3), ("millions?", 6), ("milliards?", 9)),
    ),
    "it": Forms(
        answer="risposta|risultato finale|opzione corretta|soluzione",
        choose="scelgo|scelta",
        right=r"(?:è|e'|sarebbe) (?:la |l['\u2019])?(?:risposta|corrett[ao]|giust[ao]|esatt[ao]|ver[ao])\b",
        wrong=r"(?:è|e'|sono|sarebbe) (?:sbagliat[ao]|errat[ao]|scorrett[ao]|fals[ao])\b|non è\b",
        denial=r"\b(?:non|né|tranne)(?: la| è)?",
        alternative=r"\bo(?:ppure)?\b",
        thousands=(("mila", 3), ("milion[ei]", 6), ("miliard[oi]", 9)),
    ),
    "es": Forms(
        answer="respuesta|resultado final|opción correcta|opcion correcta|alternativa correcta|solución",
        choose="elijo|escojo|selecciono|elegimos",
        right=r"(?:es|sería) (?:la |el )?(?:correct[ao]|respuesta|verdader[ao]|adecuad[ao])\b",
        wrong=r"(?:es|son|sería) (?:incorrect[ao]|fals[ao]|erróne[ao])\b|no (?:es|puede|son)\b",
        denial=r"\b(?:no|ni|excepto)(?: es)?(?: la)?",
        alternative=r"\bo\b",
        thousands=(("mil", 0), ("mill[oó]n(?:es)?", 6)),
    ),
    "pt": Forms(
        answer="resposta|opção correta|alternativa correta|opção certa|solução",
        choose="escolho|seleciono|marco a",
        right=r"(?:é|está|seria) (?:a |o )?(?:corret[ao]|cert[ao]|resposta|verdadeir[ao])\b",
        wrong=r"(?:é|está|são|seria) (?:incorret[ao]|errad[ao]|fals[ao])\b|não (?:é|está|pode)\b",
        denial=r"\b(?:não|nem|exceto)(?: é)?(?: a)?",
        alternative=r"\bou\b",
        thousands=(("mil", 0), ("milh(?:ão|ões)", 6), ("bilh(?:ão|ões)", 9)),
    ),
    "de": Forms(
        answer="antwort|endergebnis|ergebnis:|richtige option|richtig ist|lösung",
        choose="wähle|wählen|nehme|entscheide mich für",
        right=r"(?:ist|wäre|stimmt)(?: (?:also |die |eindeutig )*(?:richtige?|korrekt|wahr|antwort))?\b"
        r"(?! (?:falsch|nicht|unrichtig|inkorrekt|es|kein))",
        wrong=r"(?:ist|sind|wäre) (?:falsch|unrichtig|inkorrekt|nicht|ausgeschlossen)\b|scheidet\b|stimmt nicht\b",
        denial=r"\b(?:nicht|weder|noch|statt|außer)",
        alternative=r"\boder\b",
        thousands=(("tausend|tsd", 3), ("million(?:en)?|mio", 6), ("milliarden?|mrd", 9)),
    ),
    "ru": Forms(
        answer="ответ|итоговый результат|ответом|правильный вариант|верный вариант|решение",
        choose="выбираю|выберу|выбираем",
        right=r"(?:[-\u2013\u2014]\s?)?(?:это )?(?:является )?(?:верн\w+|правильн\w+|подходит)",
        wrong=r"(?:[-\u2013\u2014]\s?)?(?:это )?(?:является )?(?:неверн\w+|неправильн\w+|не\s|ошибочн\w+)",
        denial=r"\b(?:не|ни|кроме)",
        alternative=r"\bили\b",
        thousands=(
            ("тыс|тысяч[аи]?", 3),
            ("млн|миллион(?:а|ов)?", 6),
            ("млрд|миллиард(?:а|ов)?", 9),
        ),
    ),
    "el": Forms(
        answer="απάντηση|απαντηση|σωστή επιλογή|λύση",
        choose="επιλέγω|διαλέγω",
        right=r"είναι (?:η |το )?(?:σωστ\w+|ορθ\w+)",
        wrong=r"(?:είναι (?:λάθος|λανθασμέν\w+|εσφαλμέν\w+)|δεν )",
        denial=r"\b(?:όχι|ούτε|δεν είναι)(?: η| το)?",
        alternative=r"\bή\b",
        thousands=(("χιλιάδες", 3), ("εκατομμύρι(?:ο|α)", 6)),
    ),
    "ar": Forms(
        answer="إجابة|اجابة|جواب|الحل|الخيار الصحيح",
        choose="أختار|اختر|نختار",
        right=r"(?:هو |هي )?(?:ال)?(?:صحيح|صواب)\w?",
        wrong=r"(?:هو |هي )?(?:خاطئ|خطأ|غير صحيح|ليس)\w?",
        denial=r"(?:ليس|ليست|وليس|لا)(?: ال\w+)?",
        alternative=r"\bأو\b",
        thousands=(("ألف|آلاف", 3), ("مليون|ملايين", 6), ("مليار", 9)),
    ),
    "hi": Forms(
        answer="उत्तर|जवाब|सही विकल्प",
        choose="चुनता|चुनती",
        right=r"(?:ही )?(?:सही|ठीक)(?! नहीं)(?: उत्तर| जवाब)?",
        wrong=r"(?:भी )?(?:गलत|ग़लत|सही नहीं|नहीं)",
        alternative=r"या",
        thousands=(("हज़ार|हजार", 3), ("लाख", 5), ("करोड़", 7)),
    ),
    "tr": Forms(
        answer="cevap|cevabı|cevabımız|yanıt|yanıtı|sonuç|doğru seçenek|doğru şık",
        choose="seçiyorum|seçerim",
        right=r"(?:seçeneği|şıkkı|şıkkıdır)?\s?(?:doğru(?:dur)?|doğru cevap)\b(?! değil)",
        wrong=r"(?:seçeneği|şıkkı)?\s?(?:yanlış|hatalı|doğru değil|değil)",
        alternative=r"\b(?:veya|ya da)\b",
        thousands=(("bin", 0), ("milyon", 6), ("milyar", 9)),
    ),
    "vi": Forms(
        answer="đáp án|câu trả lời|trả lời|phương án đúng",
        choose="chọn",
        right=r"(?:là )?(?:đáp án )?(?:đúng|chính xác)\b",
        wrong=r"(?:là )?(?:sai|không|chưa)\b",
        denial=r"\b(?:không phải|không|chứ không)(?: là)?",
        alternative=r"\bhoặc\b",
        thousands=(("nghìn|ngàn", 3), ("triệu", 6), ("tỷ|tỉ", 9)),
    ),
    "id": Forms(
        answer="jawaban|jawabannya|pilihan yang benar|opsi yang benar",
        choose="memilih|saya pilih",
        right=r"(?:adalah )?(?:yang |jawaban yang )?(?:benar|tepat)\b",
        wrong=r"(?:adalah )?(?:salah|keliru|tidak|bukan)\b",
        denial=r"\b(?:bukan|tidak|selain)",
        alternative=r"\batau\b",
        thousands=(("ribu", 3), ("juta", 6), ("miliar", 9)),
    ),
}

COPULAS = (
    r"is|are|was|be|would|should|must|will|indeed|therefore|thus|hence|surely|clearly|so|now|then"
    r"|the|final|correct|right|best|option|choice|letter|answer|given as|equal to|equals?"
    r"|est|sont|la|le|lettre|l|option|donc|correcte?|finale?|bonne|è|sarebbe|quindi|opzione|corrett[ao]"
    r"|lettera|esatta|giusta|es|sería|letra|opción|correct[ao]|final|por lo tanto|é|seria|opção|alternativa"
    r"|portanto|certa|corret[ao]|ist|lautet|die|das|also|buchstabe|richtige?|antwort|daher|somit"
    r"|это|является|вариант|буква|правильный|верный|под буквой|следовательно|είναι|η|το|επιλογή|σωστή|γράμμα"
    r"|هو|هي|الصحيح|الصحيحة|النهائية|الخيار|الحرف|رقم|है|विकल्प|सही|हैं|doğru|seçenek|şıkkı|şık|olarak"
    r"|là|đáp án|đúng|phương án|adalah|yang|benar|tepat|opsi|pilihan|huruf|ialah"
    "|是|为|為|应该|應該|选|選|选项|選項|项|は|が|は選択肢|選択肢|은|는|보기|번|최종|바로"
)
"""Words that may stand between the naming of an answer and the answer: "is therefore option"."""


_LETTER = r"a-z\u00c0-\u024f\u0370-\u052f\u0620-\u065f\u0671-\u06d3\u0900-\u0963"
_ABOUT_WORDS = (
    r"about|approximately|approx\.?|around|roughly|exactly|only|just|simply|a total of|total of|at"
    r"|to be|comes? to|ca\.?|etwa|environ|circa|aproximadamente|unos|cerca de|примерно|около"
    r"|约|大约|約|usd|eur|gbp|chf|inr|cad|aud|jpy|us|rs\.?|rp\.?|r(?=\$)|a(?=\$)|c(?=\$)"
)
_MARKUP = (
    r"[\s\u00a0*_:=`\"'\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e(\[\]{\u2248~\uff1a\uff1d\u2014>|"
    r"\uff08\u300c\u300e\u3010]"
)
FILL = re.compile(
    rf"(?:{_MARKUP}|\\(?:boxed|fbox|text|textbf|mathbf|mathrm|bf|approx|quad|displaystyle)\b"
    r"[ ]?\{?"
    rf"|\\[(\[,;!: ]|\$(?=[\\{_LETTER}])|(?:{COPULAS}|{_ABOUT_WORDS})(?:(?<![{_LETTER}])|(?![{_LETTER}]))"
    rf"|\\?[a-z]{{1,12}}(?:_\{{?\w{{1,3}}\}}?|\([a-z]\))?[ ]?=(?!=)){{0,40}}+",
)
"""What may stand between the word for an answer and the answer: markup, copulas, a left side."""

COPULA = re.compile(rf"[:=\uff1a\uff1d]|(?:{COPULAS})")

_ANSWER = re.compile(
    r"(?:[ ](?:to|for|of)[ ][^.:=\n]{1,80}?(?:[ ](?=is\b)|(?=:)))?"  # the question
)
_WORD_BEFORE = re.compile(r"[a-z\u00c0-\u024f\\]")
MOST_FORMS = 30
"""How many forms of one kind are looked at, from the end of a text."""


def named_answers(text: str) -> Iterator[re.Match[str]]:
    """Yield where a text in lower case names its answer, the last first.

    The matches, at most `MOST_FORMS`, end before `FILL`.
    """
    return _found("answer", text)


def chosen_options(text: str) -> Iterator[re.Match[str]]:
    """Yield where a text in lower case chooses an option, as `named_answers`."""
    return _found("choose", text)


def _found(field: str, text: str) -> Iterator[re.Match[str]]:
    words = words_in(text, _words_by_letter(field, text.isascii()))
    if not words:
        return
    found = [place for word in words for place in _places(text, word)]
    for position, word in sorted(found, reverse=True)[:MOST_FORMS]:
        if match := _form(word).match(text, position):
            yield match


@lru_cache(maxsize=4)
def _words_by_letter(field: str, ascii_only: bool) -> dict[str, list[str]]:
    words = "|".join(filter(None, (getattr(forms, field) for forms in LANGUAGES.values())))
    return by_letter(
        [word for word in dict.fromkeys(words.split("|")) if word.isascii() or not ascii_only]
    )


def by_letter(words: Collection[str]) -> dict[str, list[str]]:
    """Return words in lower case by a letter in each that is rare in other texts, for `words_in`."""
    shared = Counter(letter for word in words for letter in set(word))
    found: dict[str, list[str]] = {}
    for word in words:
        letter = min(word, key=lambda each: (_FREQUENT.find(each), -shared[each]))
        found.setdefault(letter, []).append(word)
    return found


_FREQUENT = "qjxzkvbpygfwmucldrhsinoate "  # in English, from rare to frequent


def words_in(text: str, by_letter: dict[str, list[str]]) -> list[str]:
    """Return the words that stand anywhere in a text; those without their letter are not tried."""
    return [
        word
        for letter, words in by_letter.items()
        if letter in text
        for word in words
        if word in text
    ]


def _places(text: str, word: str) -> Iterator[tuple[int, str]]:
    position = text.rfind(word)
    for _ in range(MOST_FORMS):
        if position < 0:
            break
        if not (position and word.isascii() and _WORD_BEFORE.match(text, position - 1)):
            yield position, word
        position = text.rfind(word, 0, position)


@lru_cache(maxsize=256)
def _form(word: str) -> re.Pattern[str]:
    return re.compile(re.escape(word) + _ANSWER.pattern)


DECIMAL_COMMA = re.compile(
    "|".join(
        LANGUAGES[code].answer
        for code in ("fr", "it", "es", "pt", "de", "ru", "el", "tr", "vi", "id")
    )
)
"""Words that name an answer where decimals follow a comma, so that "1.500" may be 1500."""


@lru_cache(maxsize=8)
def any_of(field: str) -> str:
    """Return one regular expression for a field of all languages, without groups."""
    forms = (getattr(each, field) for each in LANGUAGES.values())
    return "(?:" + "|".join(form for form in forms if form) + ")"


@lru_cache(maxsize=1)
def multipliers() -> tuple[re.Pattern[str], dict[str, int]]:
    """Return the pattern of words such as "million", in lower case, and their powers by group."""
    powers: dict[str, int] = {}
    parts = []
    initials: set[str] = set()  # for speed
    for code, forms in LANGUAGES.items():
        for number, (words, power) in enumerate(forms.thousands):
            powers[f"{code}{number}"] = power
            parts.append(rf"(?P<{code}{number}>{words})")
            initials.update(word[0] for word in words.split("|"))
    after = r"(?![A-Za-z\u00c0-\u024f\u0370-\u052f\u0900-\u097f])"
    first = f"(?=[{''.join(sorted(initials))}])"
    return re.compile(rf"[\s\u00a0-]?{first}(?:{'|'.join(parts)})\.?{after}"), powers
