"""How answers are stated in many languages: a table of forms, one language after another.

Each form is a regular expression without groups, in lower case. To add a language, add its entry:
what comes before an answer ("the answer is"), before a chosen option ("I choose"), after an option
that is right or wrong, and before one that is denied. Between a form and its option or number there
may be space, punctuation and markup, which the readers allow for.
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Forms(NamedTuple):
    """The forms of one language.

    Attributes:
        answer: Names the answer, before it: "the answer is".
        choose: Chooses the option that follows: "I choose", "option".
        right: Says after an option that it is right.
        wrong: Says after an option that it is wrong.
        denial: Denies the option that follows: "not".
        alternative: Stands between two options of which neither is chosen: "or".
        thousands: Words that multiply the number before them, with their power of ten; 0 where the
            word may mean something else.
        stems: Where `answer` may begin, in lower case: words that name an answer.
    """

    answer: str
    choose: str = ""
    right: str = ""
    wrong: str = ""
    denial: str = ""
    alternative: str = ""
    thousands: tuple[tuple[str, int], ...] = ()
    stems: tuple[str, ...] = ()


LANGUAGES: dict[str, Forms] = {
    "en": Forms(
        answer=r"(?:answer|correct (?:option|choice|one|letter))",
        choose=r"\b(?:choose|chose|choosing|pick|picked|select|selected|going with|go with)\b",
        right=r"(?:is|would be|must be|seems|looks) (?:the )?"
        r"(?:correct|right|best|answer|true|valid)\b|fits best\b",
        wrong=r"(?:is|was|would be|must be|seems|cannot be|can't be) (?:the )?(?:also )?"
        r"(?:wrong|incorrect|false|not|out|too|invalid|impossible|ruled|eliminated|correct)\b"
        r"|(?:isn|wasn|can|does|doesn|cannot|won)(?:'t|\u2019t| not|not)?\b",
        denial=r"\b(?:not|n['\u2019]t|than|nor|neither|except|rule out|ruled out|eliminate|exclude)",
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
        stems=("answer",),
    ),
    "zh": Forms(
        answer="(?:答案|正解|正确选项|正確選項|正确的选项|正確的選項)(?:应该|應該|应当|應當|应|應|就)?(?:是|为|為|选|選|：)?",
        choose="(?:选择|選擇|选|選)(?:项|項)?",
        right="(?:项|項|选项|選項)?(?:是|最|为|為)?(?:正确|正確|对的|對的|符合)",
        wrong="(?:项|項|选项|選項)?(?:是|也)?(?:不对|不對|不正确|不正確|错误|錯誤|错|錯|不符|不是|不能|排除)",
        denial="(?:不是|不选|不選|而非|并非|並非|非|排除|选项|選項)",
        alternative="或者?|还是|還是",
        thousands=(("百", 2), ("千", 3), ("万|萬", 4), ("亿|億", 8)),
        stems=("答案", "正解", "正确", "正確"),
    ),
    "ja": Forms(
        answer="(?:正解|答え|答|解答|正答|回答)(?:は|が|：)?",
        right="(?:が|は|を|の)?(?:正解|正しい|正答|選び|選択|最も適切|適切です)",
        wrong="(?:が|は|も)?(?:間違|誤り|誤って|不正解|正しくな|違い|ではな|ではあり|不適切)",
        denial="(?:選択肢)",
        alternative="または|か|もしくは",
        thousands=(("千", 3), ("万", 4), ("億", 8)),
        stems=("正解", "答", "解答", "正答", "回答"),
    ),
    "ko": Forms(
        answer="(?:정답|답|해답|답변)(?:은|는|이|:)?",
        right="(?:번)?(?:가|이|은|는|를|을)?\\s?(?:정답|맞|옳|올바|선택|고르)",
        wrong="(?:번)?(?:는|은|가|이|도)?\\s?(?:틀|오답|아니|아닙|아닌|잘못)",
        alternative="또는|혹은|이나",
        thousands=(("백", 2), ("천", 3), ("만", 4), ("억", 8)),
        stems=("정답", "답", "해답"),
    ),
    "fr": Forms(
        answer=r"(?:réponse|reponse|bonne option|option correcte)",
        choose=r"\b(?:choisis|choisir|choisit|retiens)\b",
        right=r"(?:est|serait) (?:donc )?(?:la |le )?(?:bonne|bon|correcte?|juste|vraie?|exacte?|réponse)\b",
        wrong=r"(?:est|sont|serait) (?:fausse?|faux|incorrecte?|erronée?|inexacte?|à exclure)\b|n['\u2019]est\b",
        denial=r"\b(?:non|pas|ni|sauf)(?: pas)?(?: la| l['\u2019]option)?",
        alternative=r"\bou\b",
        thousands=(("mille", 3), ("millions?", 6), ("milliards?", 9)),
        stems=("réponse", "reponse"),
    ),
    "it": Forms(
        answer=r"(?:risposta|opzione corretta|soluzione)",
        choose=r"\b(?:scelgo|scegliere|scelta)\b",
        right=r"(?:è|e'|sarebbe) (?:la |l['\u2019])?(?:risposta|corrett[ao]|giust[ao]|esatt[ao]|ver[ao])\b",
        wrong=r"(?:è|e'|sono|sarebbe) (?:sbagliat[ao]|errat[ao]|scorrett[ao]|fals[ao])\b|non è\b",
        denial=r"\b(?:non|né|tranne)(?: la| è)?",
        alternative=r"\bo(?:ppure)?\b",
        thousands=(("mila", 3), ("milion[ei]", 6), ("miliard[oi]", 9)),
        stems=("risposta", "soluzione"),
    ),
    "es": Forms(
        answer=r"(?:respuesta|opción correcta|opcion correcta|alternativa correcta|solución)",
        choose=r"\b(?:elijo|elegir|escojo|selecciono|elegimos)\b",
        right=r"(?:es|sería) (?:la |el )?(?:correct[ao]|respuesta|verdader[ao]|adecuad[ao])\b",
        wrong=r"(?:es|son|sería) (?:incorrect[ao]|fals[ao]|erróne[ao])\b|no (?:es|puede|son)\b",
        denial=r"\b(?:no|ni|excepto)(?: es)?(?: la)?",
        alternative=r"\bo\b",
        thousands=(("mil", 0), ("mill[oó]n(?:es)?", 6)),
        stems=("respuesta", "solución"),
    ),
    "pt": Forms(
        answer=r"(?:resposta|opção correta|alternativa correta|opção certa|solução)",
        choose=r"\b(?:escolho|escolher|seleciono|marco)\b",
        right=r"(?:é|está|seria) (?:a |o )?(?:corret[ao]|cert[ao]|resposta|verdadeir[ao])\b",
        wrong=r"(?:é|está|são|seria) (?:incorret[ao]|errad[ao]|fals[ao])\b|não (?:é|está|pode)\b",
        denial=r"\b(?:não|nem|exceto)(?: é)?(?: a)?",
        alternative=r"\bou\b",
        thousands=(("mil", 0), ("milh(?:ão|ões)", 6), ("bilh(?:ão|ões)", 9)),
        stems=("resposta", "solução"),
    ),
    "de": Forms(
        answer=r"(?:antwort|richtige option|lösung|richtig ist)",
        choose=r"\b(?:wähle|wählen|nehme|entscheide mich für)\b",
        right=r"(?:ist|wäre|stimmt)(?: (?:also |die |eindeutig )*(?:richtige?|korrekt|wahr|antwort))?\b"
        r"(?! (?:falsch|nicht|unrichtig|inkorrekt|es|kein))",
        wrong=r"(?:ist|sind|wäre) (?:falsch|unrichtig|inkorrekt|nicht|ausgeschlossen)\b|scheidet\b|stimmt nicht\b",
        denial=r"\b(?:nicht|weder|noch|statt|außer)",
        alternative=r"\boder\b",
        thousands=(("tausend|tsd", 3), ("million(?:en)?|mio", 6), ("milliarden?|mrd", 9)),
        stems=("antwort", "lösung"),
    ),
    "ru": Forms(
        answer=r"(?:ответ(?:ом)?|правильный вариант|верный вариант|решение)",
        choose=r"(?:выбираю|выберу|выбираем|выбрать)\b",
        right=r"(?:[-\u2013\u2014]\s?)?(?:это )?(?:является )?(?:верн\w+|правильн\w+|подходит)",
        wrong=r"(?:[-\u2013\u2014]\s?)?(?:это )?(?:является )?(?:неверн\w+|неправильн\w+|не\s|ошибочн\w+)",
        denial=r"\b(?:не|ни|кроме)",
        alternative=r"\bили\b",
        thousands=(
            ("тыс|тысяч[аи]?", 3),
            ("млн|миллион(?:а|ов)?", 6),
            ("млрд|миллиард(?:а|ов)?", 9),
        ),
        stems=("ответ", "решение"),
    ),
    "el": Forms(
        answer=r"(?:απάντηση|απαντηση|σωστή επιλογή|λύση)",
        choose=r"(?:επιλέγω|διαλέγω)",
        right=r"είναι (?:η |το )?(?:σωστ\w+|ορθ\w+)",
        wrong=r"(?:είναι (?:λάθος|λανθασμέν\w+|εσφαλμέν\w+)|δεν )",
        denial=r"\b(?:όχι|ούτε|δεν είναι)(?: η| το)?",
        alternative=r"\bή\b",
        thousands=(("χιλιάδες", 3), ("εκατομμύρι(?:ο|α)", 6)),
        stems=("απάντηση", "απαντηση", "λύση"),
    ),
    "ar": Forms(
        answer=r"(?:ال)?(?:إجابة|اجابة|جواب|حل)(?: ال\w+)?",
        choose=r"(?:أختار|اختر|نختار|الخيار الصحيح)",
        right=r"(?:هو |هي )?(?:ال)?(?:صحيح|صواب)\w?",
        wrong=r"(?:هو |هي )?(?:خاطئ|خطأ|غير صحيح|ليس)\w?",
        denial=r"(?:ليس|ليست|وليس|لا)(?: ال\w+)?",
        alternative=r"\bأو\b",
        thousands=(("ألف|آلاف", 3), ("مليون|ملايين", 6), ("مليار", 9)),
        stems=("إجابة", "اجابة", "جواب"),
    ),
    "hi": Forms(
        answer=r"(?:सही )?(?:उत्तर|जवाब|विकल्प सही)",
        choose=r"(?:चुनता|चुनती|चुनें)",
        right=r"(?:ही )?(?:सही|ठीक)(?: उत्तर| जवाब)?",
        wrong=r"(?:भी )?(?:गलत|ग़लत|सही नहीं|नहीं)",
        alternative=r"या",
        thousands=(("हज़ार|हजार", 3), ("लाख", 5), ("करोड़", 7)),
        stems=("उत्तर", "जवाब"),
    ),
    "tr": Forms(
        answer=r"(?:cevap|cevabı|cevabımız|yanıt|yanıtı|doğru seçenek|doğru şık)",
        choose=r"(?:seçiyorum|seçerim)\b",
        right=r"(?:seçeneği|şıkkı|şıkkıdır)?\s?(?:doğru(?:dur)?|doğru cevap)\b(?! değil)",
        wrong=r"(?:seçeneği|şıkkı)?\s?(?:yanlış|hatalı|doğru değil|değil)",
        alternative=r"\b(?:veya|ya da)\b",
        thousands=(("bin", 0), ("milyon", 6), ("milyar", 9)),
        stems=("cevap", "cevab", "yanıt"),
    ),
    "vi": Forms(
        answer=r"(?:đáp án(?: đúng)?|câu trả lời(?: đúng)?|trả lời)",
        choose=r"\b(?:chọn|tôi chọn)(?: đáp án| phương án)?",
        right=r"(?:là )?(?:đáp án )?(?:đúng|chính xác)\b",
        wrong=r"(?:là )?(?:sai|không|chưa)\b",
        denial=r"\b(?:không phải|không|chứ không)(?: là)?",
        alternative=r"\bhoặc\b",
        thousands=(("nghìn|ngàn", 3), ("triệu", 6), ("tỷ|tỉ", 9)),
        stems=("đáp án", "câu trả lời", "trả lời"),
    ),
    "id": Forms(
        answer=r"(?:jawaban(?:nya)?|pilihan yang benar|jawaban yang benar|opsi yang benar)",
        choose=r"\b(?:memilih|saya pilih|pilih)\b",
        right=r"(?:adalah )?(?:yang |jawaban yang )?(?:benar|tepat)\b",
        wrong=r"(?:adalah )?(?:salah|keliru|tidak|bukan)\b",
        denial=r"\b(?:bukan|tidak|selain)",
        alternative=r"\batau\b",
        thousands=(("ribu", 3), ("juta", 6), ("miliar", 9)),
        stems=("jawaban",),
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


@lru_cache(maxsize=16)
def any_of(field: str) -> str:
    """Return one regular expression for a field of all languages, without groups."""
    forms = (getattr(each, field) for each in LANGUAGES.values())
    return "(?:" + "|".join(form for form in forms if form) + ")"


@lru_cache(maxsize=1)
def multipliers() -> tuple[re.Pattern[str], dict[str, int]]:
    """Return the pattern of words such as "million", in lower case, and their powers by group."""
    powers: dict[str, int] = {}
    parts = []
    for code, forms in LANGUAGES.items():
        for number, (words, power) in enumerate(forms.thousands):
            powers[f"{code}{number}"] = power
            parts.append(rf"(?P<{code}{number}>{words})")
    after = r"(?![A-Za-z\u00c0-\u024f\u0370-\u052f\u0900-\u097f])"
    return re.compile(rf"[\s\u00a0-]?(?:{'|'.join(parts)})\.?{after}"), powers
