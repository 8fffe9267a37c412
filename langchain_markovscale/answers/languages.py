"""How answers are stated in many languages: a table of forms, one language after another.

Everything is in lower case. To add a language, add its entry: the words that name an answer or
choose an option, and regular expressions without groups for what follows an option that is right or
wrong and what stands before one that is denied.
"""

import re
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
        question: Words that open a question, before a colon.
        bound: What makes a bound of the number that follows: "at least"; no regular expressions.
        bounded: What makes a bound of the number before, alike: "or more".
    """

    answer: str
    choose: str = ""
    right: str = ""
    wrong: str = ""
    denial: str = ""
    alternative: str = ""
    thousands: tuple[tuple[str, int], ...] = ()
    question: str = ""
    bound: str = ""
    bounded: str = ""


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
        question="question|q|problem|exercise|example",
        bound="at least|at most|at the least|at the most|at the very least|at the very most|or equal to|more than|less than|fewer than|greater than|larger than|smaller than|higher than|lower than|over|under|above|below|is up to|be up to|of up to|: up to|exceeds|exceed|a minimum of|a maximum of",
        bounded="or more|or less|or fewer|or higher|or lower|or greater|or above|or below|or over|or under|and above|and over|and up|and more|and below|and under|at least|at most|at the least|at the most|at the very",
    ),
    "zh": Forms(
        answer="答案|最终结果|最終結果|正解|正确选项|正確選項|正确的选项|正確的選項",
        choose="选择|選擇|选|選",
        right="(?:项|項|选项|選項)?(?:是|最|为|為)?(?:正确|正確|对的|對的|符合)",
        wrong="(?:项|項|选项|選項)?(?:是|也)?(?:不对|不對|不正确|不正確|错误|錯誤|错|錯|不符|不是|不能|排除)",
        denial="(?:不是|不选|不選|而非|并非|並非|非|排除)",
        alternative="或者?|还是|還是",
        thousands=(("百", 2), ("千", 3), ("万|萬", 4), ("亿|億", 8)),
        question="问题|問題|问|問|题目|題目",
        bound="第|至少|至多|最少|最多|超过|超過|大于|大於|小于|小於|多于|多於|少于|少於|不低于|不足|不到",
        bounded="余|餘|以上|以下|以内|个以上|个以下|個以上|個以下|多个|多個",
    ),
    "ja": Forms(
        answer="正解|答え|答|解答|正答|回答",
        right="(?:が|は|を|の)?(?:正解|正しい|正答|選び|選択|最も適切|適切です)(?!では|じゃ)",
        wrong="(?:が|は|も)?(?:間違|誤り|誤って|不正解|正しくな|違い|ではな|ではあり|不適切)",
        alternative="または|か|もしくは",
        thousands=(("千", 3), ("万", 4), ("億", 8)),
        question="質問|問題|問",
        bound="少なくとも|最大|最低",
        bounded="以上|以下|未満|を超え|個以上|個以下|人以上|人以下",
    ),
    "ko": Forms(
        answer="정답|답|해답",
        right="(?:번)?(?:가|이|은|는|를|을)?\\s?(?:정답|맞|옳|올바|선택|고르)(?!지 않|이 아)",
        wrong="(?:번)?(?:는|은|가|이|도)?\\s?(?:틀|오답|아니|아닙|아닌|잘못)",
        alternative="또는|혹은|이나",
        thousands=(("백", 2), ("천", 3), ("만", 4), ("억", 8)),
        question="질문|문제",
        bound="최소|최대|적어도",
        bounded="이상|이하|미만|초과|개 이상|개 이하|명 이상|명 이하",
    ),
    "fr": Forms(
        answer="réponse|reponse|résultat final|option correcte|bonne option",
        choose="choisis|choisit|choisir|retiens",
        right=r"(?:est|serait) (?:donc )?(?:la |le )?(?:bonne|bon|correcte?|juste|vraie?|exacte?|réponse)\b",
        wrong=r"(?:est|sont|serait) (?:fausse?|faux|incorrecte?|erronée?|inexacte?|à exclure)\b|n['\u2019]est\b",
        denial=r"\b(?:non|pas|ni|sauf)(?: pas)?(?: la| l['\u2019]option)?",
        alternative=r"\bou\b",
        thousands=(("mille", 3), ("millions?", 6), ("milliards?", 9)),
        question="question",
        bound="au moins|au plus|plus de|moins de|supérieur à|inférieur à",
        bounded="au moins|au plus|ou plus|ou moins",
    ),
    "it": Forms(
        answer="risposta|risultato finale|opzione corretta|soluzione",
        choose="scelgo|scelta",
        right=r"(?:è|e'|sarebbe) (?:la |l['\u2019])?(?:risposta|corrett[ao]|giust[ao]|esatt[ao]|ver[ao])\b",
        wrong=r"(?:è|e'|sono|sarebbe) (?:sbagliat[ao]|errat[ao]|scorrett[ao]|fals[ao])\b|non è\b",
        denial=r"\b(?:non|né|tranne)(?: la| è)?",
        alternative=r"\bo(?:ppure)?\b",
        thousands=(("mila", 3), ("milion[ei]", 6), ("miliard[oi]", 9)),
        question="domanda|problema",
        bound="almeno|al massimo|più di|meno di|maggiore di|minore di|oltre",
        bounded="o più|o meno",
    ),
    "es": Forms(
        answer="respuesta|resultado final|opción correcta|opcion correcta|alternativa correcta|solución",
        choose="elijo|escojo|selecciono|elegimos",
        right=r"(?:es|sería) (?:la |el )?(?:correct[ao]|respuesta|verdader[ao]|adecuad[ao])\b",
        wrong=r"(?:es|son|sería) (?:incorrect[ao]|fals[ao]|erróne[ao])\b|no (?:es|puede|son)\b",
        denial=r"\b(?:no|ni|excepto)(?: es)?(?: la)?",
        alternative=r"\bo\b",
        thousands=(("mil", 0), ("mill[oó]n(?:es)?", 6)),
        question="pregunta|problema",
        bound="al menos|por lo menos|como mínimo|como máximo|más de|menos de|mayor que|menor que",
        bounded="o más|o menos|como mínimo|como máximo",
    ),
    "pt": Forms(
        answer="resposta|opção correta|alternativa correta|opção certa|solução",
        choose="escolho|seleciono|marco a",
        right=r"(?:é|está|seria) (?:a |o )?(?:corret[ao]|cert[ao]|resposta|verdadeir[ao])\b",
        wrong=r"(?:é|está|são|seria) (?:incorret[ao]|errad[ao]|fals[ao])\b|não (?:é|está|pode)\b",
        denial=r"\b(?:não|nem|exceto)(?: é)?(?: a)?",
        alternative=r"\bou\b",
        thousands=(("mil", 0), ("milh(?:ão|ões)", 6), ("bilh(?:ão|ões)", 9)),
        question="pergunta|questão|problema",
        bound="pelo menos|no mínimo|no máximo|mais de|menos de|mais que|menos que|maior que|menor que",
        bounded="ou mais|ou menos|no mínimo|no máximo",
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
        question="frage|aufgabe",
        bound="mindestens|höchstens|mehr als|weniger als|größer als|kleiner als|maximal|über|unter",
        bounded="oder mehr|oder weniger",
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
        question="вопрос|задача",
        bound="не менее|не более|не больше|не меньше|более|менее|больше|меньше|больше чем|меньше чем|по крайней мере|как минимум|максимум|минимум",
        bounded="или более|или менее|или больше|или меньше",
    ),
    "el": Forms(
        answer="απάντηση|απαντηση|σωστή επιλογή|λύση",
        choose="επιλέγω|διαλέγω",
        right=r"είναι (?:η |το )?(?:σωστ\w+|ορθ\w+)",
        wrong=r"(?:είναι (?:λάθος|λανθασμέν\w+|εσφαλμέν\w+)|δεν )",
        denial=r"\b(?:όχι|ούτε|δεν είναι)(?: η| το)?",
        alternative=r"\bή\b",
        thousands=(("χιλιάδες", 3), ("εκατομμύρι(?:ο|α)", 6)),
        question="ερώτηση|πρόβλημα",
        bound="τουλάχιστον|το πολύ|περισσότερα από|λιγότερα από|πάνω από|κάτω από|μεγαλύτερο από|μικρότερο από",
        bounded="ή περισσότερ|ή λιγότερ|ή παραπάνω",
    ),
    "ar": Forms(
        answer="إجابة|اجابة|جواب|الحل|الخيار الصحيح",
        choose="أختار|اختر|نختار",
        right=r"(?:هو |هي )?(?:ال)?(?:صحيح|صواب)\w?",
        wrong=r"(?:هو |هي )?(?:خاطئ|خطأ|غير صحيح|ليس)\w?",
        denial=r"(?:ليس|ليست|وليس|لا)(?: ال\w+)?",
        alternative=r"\bأو\b",
        thousands=(("ألف|آلاف", 3), ("مليون|ملايين", 6), ("مليار", 9)),
        question="سؤال|السؤال",
        bound="أكثر من|أقل من|لا يقل عن|لا يزيد عن|على الأقل",
        bounded="على الأقل|على الأكثر|أو أكثر|أو أقل",
    ),
    "hi": Forms(
        answer="उत्तर|जवाब|सही विकल्प",
        choose="चुनता|चुनती",
        right=r"(?:ही )?(?:सही|ठीक)(?! नहीं)(?: उत्तर| जवाब)?",
        wrong=r"(?:भी )?(?:गलत|ग़लत|सही नहीं|नहीं)",
        alternative=r"या",
        thousands=(("हज़ार|हजार", 3), ("लाख", 5), ("करोड़", 7)),
        question="प्रश्न|सवाल",
        bound="कम से कम|अधिक से अधिक|ज़्यादा से ज़्यादा",
        bounded="से अधिक|से ज़्यादा|से ज्यादा|से कम|या अधिक|या कम",
    ),
    "tr": Forms(
        answer="cevap|cevabı|cevabımız|yanıt|yanıtı|sonuç|doğru seçenek|doğru şık",
        choose="seçiyorum|seçerim",
        right=r"(?:seçeneği|şıkkı|şıkkıdır)?\s?(?:doğru(?:dur)?|doğru cevap)\b(?! değil)",
        wrong=r"(?:seçeneği|şıkkı)?\s?(?:yanlış|hatalı|doğru değil|değil)",
        alternative=r"\b(?:veya|ya da)\b",
        thousands=(("bin", 0), ("milyon", 6), ("milyar", 9)),
        question="soru|problem",
        bound="en az|en fazla|en çok",
        bounded="'den fazla|'dan fazla|'ten fazla|'tan fazla|'den az|'dan az|'ten az|'tan az|veya daha",
    ),
    "vi": Forms(
        answer="đáp án|câu trả lời|trả lời|phương án đúng",
        choose="chọn",
        right=r"(?:là )?(?:đáp án )?(?:đúng|chính xác)\b",
        wrong=r"(?:là )?(?:sai|không|chưa)\b",
        denial=r"\b(?:không phải|không|chứ không)(?: là)?",
        alternative=r"\bhoặc\b",
        thousands=(("nghìn|ngàn", 3), ("triệu", 6), ("tỷ|tỉ", 9)),
        question="câu hỏi|bài toán",
        bound="ít nhất|nhiều nhất|tối thiểu|tối đa|hơn|trên|dưới",
        bounded="trở lên|trở xuống",
    ),
    "id": Forms(
        answer="jawaban|jawabannya|pilihan yang benar|opsi yang benar",
        choose="memilih|saya pilih",
        right=r"(?:adalah )?(?:yang |jawaban yang )?(?:benar|tepat)\b",
        wrong=r"(?:adalah )?(?:salah|keliru|tidak|bukan)\b",
        denial=r"\b(?:bukan|tidak|selain)",
        alternative=r"\batau\b",
        thousands=(("ribu", 3), ("juta", 6), ("miliar", 9)),
        question="pertanyaan|soal",
        bound="setidaknya|paling sedikit|paling banyak|lebih dari|kurang dari|minimal|maksimal",
        bounded="atau lebih|atau kurang",
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

ABOUT = (
    r"about|approximately|approx\.?|around|roughly|exactly|only|just|simply|a total of|total of|at"
    r"|to be|comes? to|ca\.?|etwa|environ|circa|aproximadamente|unos|cerca de|примерно|около"
    r"|约|大约|約|usd|eur|gbp|chf|inr|cad|aud|jpy|us|rs\.?|rp\.?|r(?=\$)|a(?=\$)|c(?=\$)"
)
"""Words that may stand before the number of an answer, which stays the answer: "about", a currency."""

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


def words_by_end(field: str, index: int) -> dict[str, tuple[str, ...]]:
    """Return the words of a field of all languages by their first (0) or last (-1) character.

    Words before a number open with a space where a space sets words apart.
    """
    found: dict[str, tuple[str, ...]] = {}
    for forms in LANGUAGES.values():
        for word in filter(None, getattr(forms, field).split("|")):
            spaced = f" {word}" if index and not _IDEOGRAPHS.match(word) else word
            found[word[index]] = (*found.get(word[index], ()), spaced)
    return found


_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


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
