"""Refusals in words: "I'm sorry, but I can't help with that." is no answer to any question.

Providers mark some refusals in a reply's metadata; most come as plain text, alike in all draws, so
that their agreement would look like evidence. Only a reply that is a refusal and nothing else
counts: it opens with one, is short, and gives no result. "I can't use the formula, so the answer is
5" is an answer, and so are "I don't know" and "It cannot be determined", which may be right.
"""

import re
from typing import NamedTuple

from langchain_markovscale.answers.statements import COPULA, FILL, named_answers


class Refusal(NamedTuple):
    """How one language refuses, in lower case; regular expressions without groups.

    Attributes:
        sorry: What may stand before, up to the refusal.
        refuses: The refusal, with its verb: to help, to answer, to provide what was asked for.
        but: What makes an answer of it after all; an offer of other help does not.
    """

    sorry: str
    refuses: str
    but: str


REFUSALS: dict[str, Refusal] = {
    "en": Refusal(
        sorry=r"(?:i['\u2019]?m|i am|we['\u2019]?re|we are)?\s?(?:so |very |really |truly )?"
        r"(?:sorry|afraid)(?: to \w+)?(?: that)?|(?:i|we) (?:sincerely )?apologi[sz]e"
        r"(?: for [\w ]{1,40})?|(?:my )?apologies|unfortunately|regrettably"
        r"|as an ai(?: language)?(?: model| assistant)?",
        refuses=r"(?:i|we)(?:['\u2019]m| am| are|['\u2019]re)? (?:really |simply |just |also )?"
        r"(?:can ?not|can['\u2019]?t|could ?n['\u2019]t|won['\u2019]t|will not|unable to|not able to"
        r"|not going to|not comfortable|must decline to|have to decline to|must refuse to|decline to"
        r"|am programmed not to)(?: be able to)?"
        r" (?:(?:help|assist)(?:ing)?(?: (?:you|with|on|in)\b|(?= ?[.,;!]| ?\Z))"
        r"|(?:comply|engag(?:e|ing)|continue|participate)(?: (?:with|in)\b|(?= ?[.,;!]| ?\Z))"
        r"|fulfil\w*|accommodate|do (?:that|this|so)\b"
        r"|(?:answer|respond to|discuss(?:ing)?|process|complete|satisfy) (?:that|this|your|such|the)"
        r" (?:type of |kind of |\w+ )?(?:question|request|query|topic|matter|task|prompt)"
        r"|(?:answer|discuss) (?:that|this)(?= ?[.,;!]| ?\Z)"
        r"|(?:provid|shar|offer|giv|generat|creat|writ|produc)(?:e|ing)? (?:you (?:with )?)?"
        r"(?:any |such |that |this |the requested )?(?:kind of |type of |\w+ )?"
        r"(?:information|assistance|help|content|instructions?|guidance|advice|material|request|support)\b)"
        r"|(?:i|we) (?:must|have to|need to) (?:respectfully )?decline(?= ?[.,;!]| ?\Z| (?:this|your|that))",
        but=r"\b(?:but|however|although|though|so|therefore|thus|still|that said)\b,? "
        r"(?!(?:i|we)(?:['\u2019]d| would|['\u2019]m| am| can| could)\b(?! (?:say|tell|guess|estimate))"
        r"|(?:if|please|feel|you|let|there|what|how|perhaps|maybe|do)\b)",
    ),
    "zh": Refusal(
        sorry="(?:非常|很|十分)?(?:抱歉|对不起|對不起|不好意思)|作为(?:一个)?(?:ai|人工智能)\\w{0,8}",
        refuses="(?:但|但是|不过)?[，, ]?我?(?:暂时)?(?:无法|不能|無法|不便|没办法|拒绝)(?:为您|为你|给您|向您|對|对)?\\w{0,8}?"
        "(?:协助|協助|帮助|幫助|帮忙|提供|回答|满足|滿足|讨论|處理|处理)",
        but="(?:但是?|不过|然而|因此|所以)(?!我?(?:可以|能|很乐意|愿意)|如果)",
    ),
    "ja": Refusal(
        sorry="(?:大変|誠に)?(?:申し訳(?:ありません|ございません)|すみません|ごめんなさい|恐れ入りますが|残念ながら)",
        refuses="(?:が|、|ですが|けれど)?[^。\\d]{0,30}?(?:お手伝い|お答え|対応|回答|提供|支援|応じ|お応え)[^。\\d]{0,12}?"
        "(?:できません|できかねます|致しかねます|いたしかねます|出来ません)",
        but="(?:しかし|ですが|だから|したがって)(?!、?(?:他|別|もし|代わり))",
    ),
    "ko": Refusal(
        sorry="죄송(?:합니다|하지만|해요)(?:만)?|미안(?:합니다|하지만|해요)|유감스럽게도",
        refuses="[^.\\d]{0,30}?(?:도와\\s?드릴|도움을\\s?드릴|도울|답변\\s?드릴|답변할|답할|제공할|제공해\\s?드릴|응할|수행할) 수"
        "(?:는|가)? ?없",
        but="(?:하지만|그러나|그래서|따라서)(?! (?:다른|대신|제가|만약))",
    ),
    "fr": Refusal(
        sorry=r"(?:je suis |nous sommes )?(?:vraiment |sincèrement )?(?:désolée?s?|navrée?s?)"
        r"|je m['\u2019]excuse|excusez-moi|malheureusement",
        refuses=r"(?:mais )?(?:je ne (?:peux|puis|suis) (?:pas|malheureusement pas)"
        r"(?: en mesure)?(?: de)?|je refuse de) (?:\w+ )?"
        r"(?:(?:vous |t['\u2019]|te )?aider|répondre à (?:cette|votre|ta|ce)|fournir (?:ce|cette|de)"
        r"|donner suite|accéder à|satisfaire)",
        but=r"\b(?:mais|cependant|toutefois|donc|ainsi)\b (?!je (?:peux|serais|suis)|si\b|n['\u2019]hésit)",
    ),
    "it": Refusal(
        sorry=r"mi dispiace|sono spiacente|spiacente|purtroppo|mi scuso",
        refuses=r"(?:ma )?non (?:posso|sono in grado di) (?:aiutart?[il]a?|aiutare|assister\w*|rispondere a"
        r"|fornire (?:quest|tal|informaz|assist)|soddisfare)",
        but=r"\b(?:ma|però|tuttavia|quindi|dunque)\b (?!posso|sono|se\b|sarei)",
    ),
    "es": Refusal(
        sorry=r"lo siento(?: mucho)?|lo lamento|lamentablemente|disculpa|disculpe|perdona|perdón",
        refuses=r"(?:pero )?no (?:puedo|podemos|me es posible|soy capaz de) (?:ayudar(?:te|le|los)?\b"
        r"|asistir\w*|responder (?:a )?(?:esa|esta|ese|este|eso|esto|su|tu)|proporcionar (?:es|inform|asist)"
        r"|cumplir con|ofrecer (?:es|inform)|atender)",
        but=r"\b(?:pero|sin embargo|no obstante|así que|por lo tanto)\b,? (?!puedo|podemos|estoy|si\b)",
    ),
    "pt": Refusal(
        sorry=r"desculp[ea](?:-me)?|sinto muito|lamento(?: muito)?|infelizmente|peço desculpas?",
        refuses=r"(?:mas )?(?:eu )?não (?:posso|consigo|podemos|sou capaz de) (?:te |lhe |o )?"
        r"(?:ajud[aá]\w*|responder (?:a |à )?(?:ess|est|iss|su)|fornecer (?:ess|est|inform|assist)"
        r"|atender|auxiliar|cumprir)",
        but=r"\b(?:mas|porém|no entanto|então|portanto)\b,? (?!(?:eu )?(?:posso|ficarei)|estou|se\b)",
    ),
    "de": Refusal(
        sorry=r"(?:es )?tut mir (?:sehr |wirklich )?leid|entschuldigung|entschuldige|entschuldigen sie|leider"
        r"|ich bedauere",
        refuses=r"(?:aber )?(?:(?:dabei |damit |da )?kann ich|ich kann|ich darf)(?: \w+){0,4}? nicht "
        r"(?:(?:weiter)?helfen|behilflich sein|unterstützen|beantworten|bereitstellen|erfüllen|nachkommen)",
        but=r"\b(?:aber|jedoch|allerdings|also|daher)\b,? (?!(?:ich )?(?:kann|helfe|gerne|könnte)|wenn\b)",
    ),
    "ru": Refusal(
        sorry=r"извините|извини|простите|прости|прошу прощения|(?:мне )?(?:очень )?жаль|к сожалению|сожалею",
        refuses=r"(?:но )?я не (?:могу|смогу|в состоянии|буду) (?:вам |тебе )?(?:с этим |в этом )?"
        r"(?:помочь|помогать|ответить на|отвечать на|выполнить (?:эт|ваш|так)|предоставить (?:эт|так|инф)|обсуждать)",
        but=r"\b(?:но|однако|поэтому|значит)\b,? (?!(?:я )?(?:могу|готов|буду)|если\b)",
    ),
    "el": Refusal(
        sorry=r"(?:πολύ )?λυπάμαι(?: πολύ)?|συγγνώμη|με συγχωρείτε|δυστυχώς|ζητώ συγγνώμη",
        refuses=r"(?:αλλά )?δεν (?:μπορώ|είμαι σε θέση) να (?:σας |σε |το )?(?:βοηθήσω|απαντήσω|παρέχω|παράσχω"
        r"|εκπληρώσω)",
        but=r"\b(?:αλλά|όμως|ωστόσο|άρα)\b,? (?!μπορώ|αν\b)",
    ),
    "ar": Refusal(
        sorry="عذر[اًا]{1,2}|آسفة?|أنا آسفة?|أعتذر|للأسف|معذرة",
        refuses="(?:لكن|ولكن|لكنني|ولكنني)? ?(?:أنا )?لا (?:أستطيع|يمكنني|أقدر)(?: على)? ?"
        "(?:مساعدتك|مساعدتكم|المساعدة|الإجابة|تقديم|تلبية|أن أساعدك)",
        but="(?:لكن|ولكن|لذلك|إذن) (?!يمكنني|أستطيع|إذا)",
    ),
    "hi": Refusal(
        sorry="क्षमा करें|क्षमा कीजिए|माफ़ करें|माफ करें|माफ़ कीजिए|माफ कीजिए|मुझे (?:खेद|अफसोस|अफ़सोस) है|मुझे माफ़ करें",
        refuses="(?:लेकिन |कि |परंतु )?मैं [^।\\d]{0,40}?(?:मदद|सहायता|उत्तर|जवाब|जानकारी) (?:प्रदान )?नहीं (?:कर|दे) (?:सकता|सकती)",
        but="(?:लेकिन|परंतु|इसलिए) (?!मैं |अगर|यदि)",
    ),
    "tr": Refusal(
        sorry=r"(?:çok )?üzgünüm|özür dilerim|maalesef|kusura bakmayın|ne yazık ki",
        refuses=r"(?:ama |ancak |fakat )?[^.\d]{0,40}?(?:yardımcı ol(?:amam|amıyorum|amayacağım)"
        r"|yardım ed(?:emem|emiyorum)|(?:yanıt|cevap) ver(?:emem|emiyorum)|yanıtlayamam|cevaplayamam"
        r"|yerine getire(?:mem|miyorum)|sağlayamam)",
        but=r"\b(?:ama|ancak|fakat|bu yüzden)\b (?!başka|size|eğer|isterseniz)",
    ),
    "vi": Refusal(
        sorry="(?:tôi )?(?:rất |thành thật )?(?:xin lỗi|tiếc)",
        refuses="(?:nhưng )?(?:tôi |mình )?không thể (?:giúp|hỗ trợ|trả lời (?:câu|yêu)|cung cấp (?:thông|nội)"
        "|đáp ứng|thực hiện yêu cầu)",
        but="(?:nhưng|tuy nhiên|vì vậy|do đó),? (?!tôi (?:có thể|sẵn)|nếu|bạn)",
    ),
    "id": Refusal(
        sorry=r"(?:mohon |saya minta |saya mohon )?maaf|sayangnya",
        refuses=r"(?:tetapi |tapi |namun )?(?:saya )?(?:tidak (?:bisa|dapat|mampu)) (?:membantu|menjawab (?:pert|itu)"
        r"|memberikan (?:inf|bant)|memenuhi|menyediakan)",
        but=r"\b(?:tetapi|tapi|namun|jadi)\b,? (?!saya (?:bisa|dapat)|jika|anda)",
    ),
}

_LONGEST = 500  # characters
_MARKUP = " \t\n*_\"'`\u201c\u201d>"
_OPENS = {
    code: re.compile(
        rf"(?:(?:{forms.sorry})[\s,.!:;\u2014\u2013\uff0c\u3002\u3001\u060c\u2026-]*(?:but |and )?){{0,2}}"
        rf"(?:{forms.refuses})"
    )
    for code, forms in REFUSALS.items()
}
_GOES_ON = {code: re.compile(forms.but) for code, forms in REFUSALS.items()}
_MAY_REFUSE = re.compile(
    "|".join(rf"(?:{each.sorry}|{each.refuses})" for each in REFUSALS.values())
)
_HOTLINE = re.compile(r"\b(?:call|text|dial|phone|contact)\b[^.\n]{0,40}?\d[\d -]*")
_RESULT = re.compile(r"\d|```|####|boxed|=|\*\*|(?<![\w'\u2019])[b-hj-z](?![\w'\u2019])")


def is_refusal(text: str) -> bool:
    """Return whether a text is a refusal and nothing else.

    Args:
        text: An answer without its thoughts.
    """
    text = text.strip(_MARKUP)
    if len(text) > _LONGEST or _MAY_REFUSE.match(opening := text.lower()) is None:
        return False
    for code, opens in _OPENS.items():
        if refusal := opens.match(opening):
            rest = opening[refusal.end() :]
            return not (_GOES_ON[code].search(rest) or _gives_result(opening))
    return False


def _gives_result(text: str) -> bool:
    if _RESULT.search(_HOTLINE.sub("", text)):
        return True
    return any(
        COPULA.search(text, form.end(), fill.end())
        for form in named_answers(text)
        if (fill := FILL.match(text, form.end()))
    )
