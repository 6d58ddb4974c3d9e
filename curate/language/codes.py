"""The languages that the built-in model names, so that a pipeline that keeps another one is refused before it runs.

ISO 639-1 codes where there are such, else ISO 639-3; `zxx` is no language at all. Data only.
"""

_CODES = """
ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr
fuv fy ga gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko
ku ky la lb lg lij ln lo lt ltg lv mg mi mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru
rw sa sdh se si sk sl sn so sq sr st sv sw ta te tg th tk tl tn tr ts tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue
zh zu zxx
"""

LANGUAGES = frozenset(_CODES.split())
