"""The languages that the built-in model names, so that a pipeline that keeps another one is refused before it runs.

ISO 639-1 codes where there are such, else ISO 639-3; `zxx` is no language at all. Data, and what people call languages
otherwise.
"""

import difflib

_CODES = """
ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr
fuv fy ga gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko
ku ky la lb lg lij ln lo lt ltg lv mg mi mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru
rw sa sdh se si sk sl sn so sq sr st sv sw ta te tg th tk tl tn tr ts tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue
zh zu zxx
"""

LANGUAGES = frozenset(_CODES.split())

_NAMES = """
am Amharic ar Arabic az Azerbaijani be Belarusian bg Bulgarian bn Bengali bs Bosnian ca Catalan cs Czech cy
Welsh da Danish de German el Greek en English eo Esperanto es Spanish et Estonian eu Basque fa Persian fi
Finnish fr French ga Irish gl Galician gu Gujarati ha Hausa he Hebrew hi Hindi hr Croatian hu Hungarian hy
Armenian id Indonesian ig Igbo is Icelandic it Italian ja Japanese jv Javanese ka Georgian kk Kazakh km Khmer
kn Kannada ko Korean ku Kurdish ky Kyrgyz la Latin lb Luxembourgish lo Lao lt Lithuanian lv Latvian mg
Malagasy mk Macedonian ml Malayalam mn Mongolian mr Marathi ms Malay mt Maltese my Burmese ne Nepali nl Dutch
nn Nynorsk no Norwegian oc Occitan or Odia pa Punjabi pl Polish ps Pashto pt Portuguese ro Romanian ru Russian
si Sinhala sk Slovak sl Slovenian sn Shona so Somali sq Albanian sr Serbian sv Swedish sw Swahili ta Tamil te
Telugu tg Tajik th Thai tk Turkmen tl Tagalog tr Turkish tt Tatar ug Uyghur uk Ukrainian ur Urdu uz Uzbek vi
Vietnamese xh Xhosa yo Yoruba yue Cantonese zh Chinese zu Zulu
"""
_BY_NAME = dict(zip(map(str.lower, _NAMES.split()[1::2]), _NAMES.split()[::2], strict=True))
_THREE = """
ara ar ben bn ces cs cze cs cmn zh dan da deu de ger de ell el gre el eng en est et fas fa per fa fin fi fra
fr fre fr heb he hin hi hrv hr hun hu ind id ita it jpn ja kor ko lav lv lit lt nld nl dut nl nob no nor no
pol pl por pt ron ro rum ro rus ru slk sk slo sk slv sl spa es srp sr swe sv tam ta tel te tha th tur tr ukr
uk urd ur vie vi zho zh chi zh
"""
_BY_THREE = dict(zip(_THREE.split()[::2], _THREE.split()[1::2], strict=True))


def meant(word: str) -> str:
    """The end of a message on a word that is no code of a language: the code that was meant, or how codes are written.

    >>> meant("english"), meant("en-US"), meant("deu")
    ("; did you mean 'en'?", "; did you mean 'en'?", "; did you mean 'de'?")
    """
    plain = word.strip().lower()
    several = [part.strip() for part in plain.split(",")]
    if len(several) > 1:
        return f"; a list is written [{', '.join(several)}]"
    first = plain.replace("_", "-").split("-")[0]
    code = _BY_NAME.get(plain) or _BY_THREE.get(first) or (first if first in LANGUAGES else None)
    if code is None:
        near = difflib.get_close_matches(plain, _BY_NAME, 1, 0.7)
        code = _BY_NAME[near[0]] if near else None
    if code is not None:
        return f"; did you mean {code!r}?"
    return "; it knows ISO 639-1 codes, as in [en, de, zh], and 639-3 where there is none"
