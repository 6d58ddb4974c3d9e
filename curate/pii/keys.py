"""Keys that give access: providers' API keys, private key blocks, credentials in addresses. Knows published forms only.

Each form is what its provider documents, or what it registers with scanners for secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.pii.spans import Looking, Match

_FORMS = (
    rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",  # Amazon Web Services, IAM identifiers
    rb"gh[pousr]_[A-Za-z0-9]{36,255}",  # GitHub, token formats
    rb"github_pat_[A-Za-z0-9_]{82}",
    rb"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt)-[A-Za-z0-9_\-]{20,64}",  # GitLab, token prefixes
    rb"AIza[A-Za-z0-9_\-]{35}",  # Google API keys
    rb"GOCSPX-[A-Za-z0-9_\-]{28}",  # Google OAuth client secrets
    rb"ya29\.[A-Za-z0-9_\-]{30,}",  # Google OAuth access tokens
    rb"xox[abeoprs]-(?:[0-9]{1,2}-)?[A-Za-z0-9][A-Za-z0-9\-]{15,}",  # Slack
    rb"xapp-[0-9]-[A-Z0-9]{4,}-[0-9]{4,}-[a-z0-9]{4,}",
    rb"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    rb"whsec_[A-Za-z0-9+/]{24,}",
    rb"sk-ant-[a-z0-9]+-[A-Za-z0-9_\-]{24,}",  # Anthropic
    rb"sk-(?:(?:proj|svcacct|admin|or-v1)-)?(?=[A-Za-z0-9_\-]*[A-Za-z0-9]{20})[A-Za-z0-9_\-]{32,}",  # OpenAI
    rb"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}",  # SendGrid
    rb"[0-9a-f]{32}-us[0-9]{1,2}",  # Mailchimp
    rb"npm_[A-Za-z0-9]{36}",  # npm
    rb"pypi-[A-Za-z0-9_\-]{50,}",  # PyPI
    rb"hf_[A-Za-z0-9]{34,}",  # Hugging Face
    rb"do[opr]_v1_[a-f0-9]{64}",  # DigitalOcean
    rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    rb"sq0(?:atp|csp)-[A-Za-z0-9_\-]{22,43}",  # Square
    rb"dapi[a-f0-9]{32}",  # Databricks
    rb"lin_api_[A-Za-z0-9]{40}",  # Linear
    rb"figd_[A-Za-z0-9_\-]{40,}",  # Figma
    rb"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
    rb"NRAK-[A-Z0-9]{27}",  # New Relic
    rb"hv[bs]\.[A-Za-z0-9_\-]{24,}",  # HashiCorp Vault
    rb"ATATT3[A-Za-z0-9_\-=]{40,}",  # Atlassian
    rb"eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}",  # JSON web tokens (RFC 7519)
)
_KEY = re.compile(rb"(?<![A-Za-z0-9_\-])(?:" + b"|".join(_FORMS) + rb")(?![A-Za-z0-9_])")
_BY_PROVIDER = re.compile(rb"(?<![A-Za-z0-9_\-])(?:((?:SK|AC)[0-9a-f]{32})|key-[0-9a-z]{32})(?![A-Za-z0-9_])")
"""Twilio's and Mailgun's forms, which any hash behind a short word has too: the provider must be named nearby."""
_TWILIO = re.compile(rb"(?i)twilio|account.?sid|api.?key.?sid")
_MAILGUN = re.compile(rb"(?i)mailgun|api.?key")
_PROVIDER_WITHIN = 120  # bytes before or after
_DIGIT = re.compile(rb"[0-9]")
_UPPER_AND_LOWER = re.compile(rb"[a-z].*[A-Z]|[A-Z].*[a-z]", re.DOTALL)

_BLOCK = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----")  # RFC 7468, RFC 4880
_BLOCK_END = re.compile(rb"-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_LONGEST_HEAD = 96  # bytes of a begin line
_LONGEST_BLOCK = 1 << 14  # bytes: a 16,384-bit RSA key is 12.6 kB
_BLOCK_BODY = re.compile(rb"(?:\s*[A-Za-z0-9+/=:,\-. ]{8,}(?=\s|\Z))*")

_CREDENTIALS = re.compile(rb"://([^\s/:@]{0,64}:[^\s/@]{1,128})@[A-Za-z0-9\[]")


def find_keys(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Keys of known forms in a word. A form of letters alone is no key unless its case varies."""
    for match in _KEY.finditer(document, start, end):
        if _DIGIT.search(match.group()) or _UPPER_AND_LOWER.search(match.group()):
            yield Match(match.start(), match.end(), "API_KEY")
    for match in _BY_PROVIDER.finditer(document, start, end):
        around = document[max(0, match.start() - _PROVIDER_WITHIN) : match.end() + _PROVIDER_WITHIN]
        if (_TWILIO if match.group(1) else _MAILGUN).search(around):
            yield Match(match.start(), match.end(), "API_KEY")


def find_blocks(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """The private keys that begin here, with their lines; without an end line, as far as one looks like a key."""
    at = start
    while begin := _BLOCK.search(document, at, min(end + _LONGEST_HEAD, len(document))):
        last = _BLOCK_END.search(document, begin.end(), begin.end() + _LONGEST_BLOCK)
        if last is None:
            last = _BLOCK_BODY.match(document, begin.end(), begin.end() + _LONGEST_BLOCK)
        assert last is not None, "an empty body matches too"
        yield Match(begin.start(), last.end(), "API_KEY")
        at = last.end()


def find_credentials(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """The user and password of an address (RFC 3986, 3.2.1)."""
    for match in _CREDENTIALS.finditer(document, start, min(end + 2, len(document))):
        yield Match(match.start(1), match.end(1), "API_KEY")
