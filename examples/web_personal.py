"""Invented personal data, every value from a range or a list that its owner reserves for documentation or tests.

`valid` says whether a careful detector should report the value: its form, its check digits and, for addresses of
machines, a public range. Sources: RFC 2606 (names), RFC 5737 and 3849 (documentation addresses), RFC 7042 (MAC), North
American 555-01xx numbers, Ofcom's and ACMA's and ARCEP's numbers for drama, the card networks' published test numbers, the
IBAN registry's examples, SSNs printed in advertisements, AWS's documentation key, BIP 173's and the first block's address.
"""

SENTENCES = {
    "EMAIL": (
        "Questions and corrections are welcome at {}, where somebody reads the letters every evening.",
        "Write to {} before the end of the month.",
    ),
    "PHONE": (
        "To book a place call {} between nine and noon.",
        "The office can be reached on {}, except on public holidays.",
    ),
    "IP_ADDRESS": (
        "The old server still answered at {} when we looked last week.",
        "The log named {} as the last visitor of the night.",
    ),
    "CREDIT_CARD": (
        "Someone had left the card number {} on a slip of paper in the returned book.",
        "The receipt showed {} in full, which it should not.",
    ),
    "IBAN": (
        "Donations for the roof may be paid to {} at any time.",
        "The treasurer keeps the account {} for repairs.",
    ),
    "SSN": (
        "On the form, in faded ink, stood the social security number {}.",
        "The sample application was filled in with SSN {} for everybody to see.",
    ),
    "MAC_ADDRESS": (
        "The label under the router reads {} in small print.",
        "Only the device {} was on the network that night.",
    ),
    "API_KEY": (
        "By mistake the example was printed with the key {} left in.",
        "Never commit a line such as token={} to a public page.",
    ),
    "CRYPTO": ("Readers who prefer it may send coins to {}, though nobody ever has.",),
}

_EMAILS = (
    *(
        f"{name}@{host}"
        for host in ("example.com", "mail.garden.example", "harbour-office.example")
        for name in ("clara.fenwick", "editor", "j_osterman+news", "t.vale77")
    ),
    "o'brien.maud@example.org",
    "büro@muster.example",
    "editor%40example.com",
)
_PHONES = (
    "(212) 555-0142", "415-555-0199", "+1 303 555 0117", "617.555.0123", "1-800-555-0155", "+44 20 7946 0018", "020 7946 0958",
    "+44 1632 960123", "+49 30 23125 123", "+33 1 99 00 12 34", "+61 2 5550 1234", "+61 491 570 006", "+353 20 911 1234",
)  # fmt: skip
_ADDRESSES = (
    ("8.8.8.8", True), ("1.1.1.1", True), ("9.9.9.9", True), ("208.67.222.222", True), ("2001:4860:4860::8888", True), ("2606:4700:4700::1111", True),
    ("192.0.2.44", False), ("198.51.100.7", False), ("203.0.113.99", False), ("10.0.0.12", False), ("192.168.1.1", False), ("127.0.0.1", False),
    ("2001:db8::17", False), ("fe80::1", False), ("999.12.4.300", False), ("4.3.2", False),
)  # fmt: skip
_CARDS = (
    ("4111 1111 1111 1111", True), ("4012888888881881", True), ("5555-5555-5555-4444", True), ("378282246310005", True), ("6011 1111 1111 1117", True),
    ("3530111333300000", True), ("4111 1111 1111 1112", False), ("1234 5678 9012 3456", False), ("5555555555554445", False),
)  # fmt: skip
_IBANS = (
    ("GB29 NWBK 6016 1331 9268 19", True), ("DE89370400440532013000", True), ("FR14 2004 1010 0505 0001 3M02 606", True), ("NL91ABNA0417164300", True),
    ("CH93 0076 2011 6238 5295 7", True), ("ES91 2100 0418 4502 0005 1332", True), ("GB28 NWBK 6016 1331 9268 19", False), ("DE00370400440532013000", False),
)  # fmt: skip
_SSNS = (
    ("078-05-1120", True),
    ("219-09-9999", True),
    ("123-45-6789", True),
    ("000-12-3456", False),
    ("666-12-3456", False),
    ("123-00-4567", False),
    ("900-12-3456", False),
)
_MACS = (
    ("00:00:5E:00:53:1F", True),
    ("00-00-5e-00-53-a7", True),
    ("00:00:5e:00:53:2b", True),
    ("00:00:5E:00:53", False),
)
_KEYS = (
    ("AKIAIOSFODNN7EXAMPLE", True),
    ("ghp_" + "EXAMPLE0key1EXAMPLE2key3EXAMPLE4key5", True),
    ("AIza" + "EXAMPLEkeyEXAMPLEkeyEXAMPLEkeyEX123", True),
    ("ghp_EXAMPLE", False),
)
_WALLETS = (
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", True),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", True),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", False),
)

# (type, value, valid)
VALUES: tuple[tuple[str, str, bool], ...] = (
    *(("EMAIL", value, True) for value in _EMAILS),
    *(("PHONE", value, True) for value in _PHONES),
    *(("IP_ADDRESS", value, valid) for value, valid in _ADDRESSES),
    *(("CREDIT_CARD", value, valid) for value, valid in _CARDS),
    *(("IBAN", value, valid) for value, valid in _IBANS),
    *(("SSN", value, valid) for value, valid in _SSNS),
    *(("MAC_ADDRESS", value, valid) for value, valid in _MACS),
    *(("API_KEY", value, valid) for value, valid in _KEYS),
    *(("CRYPTO", value, valid) for value, valid in _WALLETS),
)
