"""The regions whose national phone numbers are looked for, by a document's language. Data, and scripts of texts.

Where nothing says what a document's language is, its script does for those scripts that only few languages use.
"""

from __future__ import annotations

import re
from collections import Counter

from curate.text.language_codes import code_of_label

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "CA", "BR", "JP")
"""Regions (ISO 3166) whose national phone numbers are looked for in every document unless others are named."""

_BY_LANGUAGE = """
am:ET ar:EG,SA,AE,MA,DZ,IQ,JO,TN,LB,KW,QA az:AZ be:BY bg:BG bn:BD,IN bs:BA ca:ES cs:CZ cy:GB da:DK de:DE,AT,CH,LI,LU
el:GR,CY en:US,GB,CA,AU,IE,NZ,IN,ZA,SG,NG,KE,PH es:ES,MX,AR,CO,CL,PE,VE,EC,UY,GT,CR,DO,BO,PY et:EE eu:ES fa:IR,AF
fi:FI fil:PH fr:FR,BE,CH,CA,LU,MA,SN,CI ga:IE gl:ES gu:IN he:IL hi:IN hr:HR hu:HU hy:AM id:ID is:IS it:IT,CH ja:JP
ka:GE kk:KZ km:KH kn:IN ko:KR ky:KG lb:LU lo:LA lt:LT lv:LV mk:MK ml:IN mn:MN mr:IN ms:MY,SG,BN mt:MT my:MM nb:NO
ne:NP nl:NL,BE nn:NO no:NO pa:IN,PK pl:PL ps:AF pt:BR,PT,AO,MZ ro:RO,MD ru:RU,KZ,BY si:LK sk:SK sl:SI sq:AL,XK
sr:RS,BA,ME sv:SE,FI sw:KE,TZ ta:IN,LK te:IN tg:TJ th:TH tk:TM tl:PH tr:TR,CY uk:UA ur:PK,IN uz:UZ vi:VN wuu:CN
yue:HK,CN,MO zh:CN,TW,HK,MO,SG"""
_REGIONS_OF = {code: tuple(regions.split(",")) for code, _, regions in (e.partition(":") for e in _BY_LANGUAGE.split())}
"""Where a language is an official or the commonest one (Unicode CLDR, territory information), by ISO 639 code."""

_SCRIPTS = re.compile(
    r"(?P<ja>[\u3041-\u30ff])|(?P<zh>[\u3400-\u4dbf\u4e00-\u9fff])|(?P<ko>[\uac00-\ud7af])|(?P<uk>[іїєґІЇЄҐ])|"
    r"(?P<ru>[\u0400-\u04ff])|(?P<el>[\u0370-\u03ff])|(?P<he>[\u05d0-\u05ea])|(?P<ar>[\u0620-\u064a])|"
    r"(?P<th>[\u0e01-\u0e4f])|(?P<hi>[\u0904-\u0939])|(?P<ka>[\u10d0-\u10ff])|(?P<hy>[\u0531-\u0587])"
)
_ANY_SCRIPT = re.compile(r"[\u0370-\u10ff\u3041-\ud7af]+")
_LOOKED_AT = 2_000  # characters of a document whose script is asked for
_FEWEST = 2  # letters of the script
_LATIN = re.compile(r"[A-Za-z]")
_LATIN_FOR_ONE = 20  # a page of a script may hold so many Latin letters for each of its own: addresses, names, code


def regions_of(language: str | None) -> tuple[str, ...]:
    """Regions in which a language (ISO 639, with or without a script or region behind it) is spoken; none if unknown.

    >>> regions_of("pl"), regions_of("pol_Latn"), regions_of("zh_Hans")[:2], regions_of(None)
    (('PL',), ('PL',), ('CN', 'TW'), ())
    """
    return _REGIONS_OF.get(code_of_label(language), ()) if language else ()


def language_by_script(document: bytes) -> str | None:
    """The commonest language of a text's script, None for Latin letters: many languages share them.

    >>> language_by_script("Позвоните нам".encode()), language_by_script(b"Call us")
    ('ru', None)
    """
    if document.isascii():
        return None
    text = document[: 4 * _LOOKED_AT].decode(errors="ignore")[:_LOOKED_AT]
    own = "".join(_ANY_SCRIPT.findall(text))
    if not own:
        return None
    counts = Counter(match.lastgroup for match in _SCRIPTS.finditer(own))
    if counts["uk"]:
        counts["uk"] += counts.pop("ru", 0)
    if counts["ja"]:
        counts["ja"] += counts.pop("zh", 0)
    if not counts:
        return None
    language, letters = counts.most_common(1)[0]
    if letters < _FEWEST or len(_LATIN.findall(text)) > _LATIN_FOR_ONE * letters:
        return None
    return language
