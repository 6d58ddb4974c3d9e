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
aar aa abk ab afr af als sq amh am ara ar arb ar arg an asm as ava av aym ay ayr ay aze az azj az bak ba bam bm bel be
ben bn bis bi bod bo bos bs bre br bul bg cat ca ces cs cha ch che ce chu cu chv cv cmn zh cor kw cos co cym cy dan da
deu de div dv dzo dz ekk et ell el eng en epo eo est et eus eu ewe ee fao fo fas fa fij fj fil tl fin fi fra fr fry fy
gaz om gla gd gle ga glg gl glv gv guj gu hat ht hau ha heb he her hz hin hi hmo ho hrv hr hun hu hye hy ibo ig ido io
ike iu iku iu ile ie ina ia ind id isl is ita it jav jv jpn ja kal kl kan kn kas ks kat ka kau kr kaz kk khk mn khm km
kik ki kin rw kir ky kmr ku knc kr kng kg kom kv kon kg kor ko kpv kv kua kj kur ku lao lo lat la lav lv lim li lin ln
lit lt ltz lb lub lu lug lg lvs lv mah mh mal ml mar mr mkd mk mlg mg mlt mt mon mn mri mi msa ms mya my nav nv nbl nr
nde nd ndo ng nep ne nld nl nno nn nob no nor no npi ne nya ny oci oc ori or orm om ory or oss os pan pa pbt ps pes fa
plt mg pol pl por pt pus ps que qu quy qu roh rm ron ro run rn rus ru sag sg san sa sin si slk sk slv sl sme se smo sm
sna sn snd sd som so sot st spa es sqi sq srd sc srp sr ssw ss sun su swa sw swe sv swh sw tah ty tam ta tat tt tel te
tgk tg tgl tl tha th tir ti ton to tsn tn tso ts tuk tk tur tr twi tw uig ug ukr uk urd ur uzb uz uzn uz ven ve vie vi
vol vo wln wa wol wo xho xh ydd yi yid yi yor yo zho zh zsm ms zul zu
"""
"""ISO 639-3 and 639-1: languages with a code of two letters, and of a macrolanguage its standard member (`cmn` is zh)."""
_BIBLIOGRAPHIC = """
alb sq arm hy baq eu bur my chi zh cze cs dut nl fre fr geo ka ger de gre el ice is mac mk mao mi may ms per fa rum ro slo sk
tib bo wel cy
"""
"""ISO 639-2/B and 639-1."""
_BY_THREE = {
    three: two
    for listed in (_THREE.split(), _BIBLIOGRAPHIC.split())
    for three, two in zip(listed[::2], listed[1::2], strict=True)
}
_NO_LANGUAGE = ("und", "zxx")
_ALIASES = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}
"""Codes of two letters that models give, and the code here."""


def code_of_label(label: str) -> str:
    """The code of a model's label, with a script or region behind it or without: ISO 639-1 where there is one, else 639-3;
    a variety of its own that the built-in model has, as `yue` or `arz`, stays.

    >>> [code_of_label(each) for each in ("eng_Latn", "cmn_Hani", "zh-Hant", "nob_Latn", "arz_Arab", "und_Cyrl")]
    ['en', 'zh', 'zh', 'no', 'arz', 'und']
    """
    code = label.strip().lower().replace("-", "_").partition("_")[0]
    if code in _NO_LANGUAGE or (len(code) == 3 and code in LANGUAGES):
        return code
    return _BY_THREE.get(code) or _ALIASES.get(code, code)


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
    named = _BY_NAME.get(plain) or code_of_label(first)
    code = named if named in LANGUAGES else None
    if code is None:
        near = difflib.get_close_matches(plain, _BY_NAME, 1, 0.7)
        code = _BY_NAME[near[0]] if near else None
    if code is not None:
        return f"; did you mean {code!r}?"
    return "; it knows ISO 639-1 codes, as in [en, de, zh], and 639-3 where there is none"
