"""What counts as personal data, by type, and what only looks like it."""

from __future__ import annotations

import pytest

from curate import pii
from curate.pii.wallets import is_wallet

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"

FOUND = [
    ("EMAIL", "Write to <clara@example.com>.", "clara@example.com"),
    ("EMAIL", "GET /user?email=clara%40example.com&x=1", "clara%40example.com"),
    ("EMAIL", "clara [at] example [dot] com", "clara [at] example [dot] com"),
    ("EMAIL", "reach me: clara (at) example.org!", "clara (at) example.org"),
    ("EMAIL", "name at example dot com", "name at example dot com"),
    ("EMAIL", "clara dot fenwick at mail dot example dot org", "clara dot fenwick at mail dot example dot org"),
    ("EMAIL", "Correo: josé.garcía@example.es, gracias", "josé.garcía@example.es"),
    ("EMAIL", "linda.tоrres@оutlook.cоm with Cyrillic letters", "linda.tоrres@оutlook.cоm"),
    ("EMAIL", "请联系clara@example.com谢谢", "clara@example.com"),
    ("EMAIL", "o'brien.maud@example.org", "o'brien.maud@example.org"),
    ("EMAIL", "Mail: info@example.comTel: none", "info@example.com"),
    ("PHONE", "call +1 (892) 967-6635 now", "+1 (892) 967-6635"),
    ("PHONE", "(+44) 20 7946 0018", "(+44) 20 7946 0018"),
    ("PHONE", "+49 (0)40 / 49 07 11 06", "+49 (0)40 / 49 07 11 06"),
    ("PHONE", "+1 315 773 4209 2019", "+1 315 773 4209"),
    ("PHONE", "at 212-555-0142 or", "212-555-0142"),
    ("PHONE", "(602)272-9781x0135", "(602)272-9781x0135"),
    ("PHONE", "0049 30 23125 123", "0049 30 23125 123"),
    ("PHONE", "03.93.92.16.85", "03.93.92.16.85"),
    ("PHONE", "020 7946 0018", "020 7946 0018"),
    ("PHONE", "Phone:\n2125550142", "2125550142"),
    ("IP_ADDRESS", "from 8.8.8.8 at noon", "8.8.8.8"),
    ("IP_ADDRESS", "http://9.9.9.9:8080/x", "9.9.9.9"),
    ("IP_ADDRESS", "[2001:4860:4860::8888]", "2001:4860:4860::8888"),
    ("MAC_ADDRESS", "(MAC: 2c:c2:19:33:0c:09)", "2c:c2:19:33:0c:09"),
    ("MAC_ADDRESS", "00-00-5e-00-53-a7", "00-00-5e-00-53-a7"),
    ("MAC_ADDRESS", "0000.5e00.5301", "0000.5e00.5301"),
    ("CREDIT_CARD", "card 4111 1111 1111 1111,", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "378282246310005", "378282246310005"),
    ("CREDIT_CARD", "my card 4158112277712?", "4158112277712"),
    ("IBAN", "to GB29 NWBK 6016 1331 9268 19.", "GB29 NWBK 6016 1331 9268 19"),
    ("IBAN", "de89370400440532013000", "de89370400440532013000"),
    ("SSN", "SSN: 219-09-9999", "219-09-9999"),
    ("SSN", "ITIN 912-70-1234", "912-70-1234"),
    ("SSN", "social security number 219 09 9999", "219 09 9999"),
    ("API_KEY", "key AKIAIOSFODNN7EXAMPLE here", "AKIAIOSFODNN7EXAMPLE"),
    ("API_KEY", 'token := "sk-n25yNkJ5fK3SmcqK2HmVhYcdBAiPBMZZ"', "sk-n25yNkJ5fK3SmcqK2HmVhYcdBAiPBMZZ"),
    ("API_KEY", "https://bob:s3cret@host.example/x", "bob:s3cret"),
    ("API_KEY", f"text\n{KEY}\ntext", KEY),
    (
        "API_KEY",
        "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzzqgy",
        "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzzqgy",
    ),
    ("API_KEY", "twilio sid AC0123456789abcdef0123456789abcdef", "AC0123456789abcdef0123456789abcdef"),
    (
        "API_KEY",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLKEY",
    ),
    ("API_KEY", "Authorization: Bearer mF9B5f41JqMx77Qpz", "mF9B5f41JqMx77Qpz"),
    ("API_KEY", 'api_key="f93jD83kfLs02kfPq"', "f93jD83kfLs02kfPq"),
    ("PASSWORD", "DB_PASSWORD=x7Kp92!mQz", "x7Kp92!mQz"),
    ("EMAIL", "write to jane+tag%x@sub.example.co.uk today", "jane+tag%x@sub.example.co.uk"),
    ("EMAIL", "mail jane..roe@example.org.", "jane..roe@example.org"),
    ("EMAIL", "?to=jane%2Btag@example.org&b=%20clara", "jane%2Btag@example.org"),
    ("EMAIL", "%3Cclara@example.org%3E", "clara@example.org"),
    ("EMAIL", "jane AT example DOT org", "jane AT example DOT org"),
    ("EMAIL", "写信 jane＠example.org", "jane＠example.org"),
    ("EMAIL", "jane @ example . com", "jane @ example . com"),
    ("EMAIL", "jane_at_example.com", "jane_at_example.com"),
    ("PHONE", "手机 13800138000", "13800138000"),
    ("PHONE", "Phone 555-0123", "555-0123"),
    ("IP_ADDRESS", "seen 66[.]249[.]66[.]1", "66[.]249[.]66[.]1"),
    ("CREDIT_CARD", "4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("CRYPTO", "to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa now", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("CRYPTO", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
]

LOOKALIKES = [
    "Firefox 3.6.28.1, libfoo 4.8.15.16, See 5.4.3.2, PostgreSQL 9.6.24.1 and dotnet 6.0.36.1",
    "224.0.0.0 is a group's",
    "ratio 10:20:30:40:50:60",
    "AC0123456789abcdef0123456789abcdef SK0123456789abcdef0123456789abcdef key-0123456789abcdef0123456789abcdef",
    "case 219-09-9999, code 123-45-6789, 219-09-9999",
    "phone model 5551234567",
    "arrive at ten dot org",
    "git@github.com:owner/name and log4j@2.17.1.jar and left-pad@1.3.0-rc.next",
    "token: a-ring-of-the-lord-2001, password: please, secret: ${SECRET_VALUE_1}, api_key: your-api-key-1234x",
    "population 512 345 678",
    "icon@2x.png and @clara and a@b",
    "look at amazon dot com, visit us at example dot org",
    "order 2125550142, account 4384506265, NPI: 9792047665",
    "ISBN 978-3-16-148410-0, ISBN-10 0-306-40615-2",
    "2020-08-01 18:20, 18. 05. 2014 22:38, 01.02.2019 12, 08.05.19",
    "open 0700-1900, NDC-0591-3740-01, suit FHC/ABJ/03/095/2018",
    "$1,234,567.89 and 1 234 567 890 and 49.988150, -122.419416",
    "v1.2.3.4, version 10.0.0.1, Section\u00a07.8.2.2, Chrome/91.0.4472.124, sdk-2.2.0.4",
    "1.2.3.4 Scope of this chapter",
    "192.0.2.44 198.51.100.7 10.0.0.12 127.0.0.1 999.12.4.300 1.2.3.4.5",
    "2001:db8::17 fe80::1 std::vec::Vec 12:30:45 d::f",
    "00:00:5E:00:53 and ff:ff:ff:ff:ff:ff",
    "4111 1111 1111 1112, 1234 5678 9012 3456, EAN 4006381333931",
    "GB28 NWBK 6016 1331 9268 19, QC35 wireless headphones II and more",
    "000-12-3456 666-12-3456 123-00-4567 123-45-0000 900-12-3456 219 09 9999",
    "ghp_EXAMPLE sk-how-to-write-a-long-slug-in-20-words some_function_name_2",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 550e8400-e29b-41d4-a716-446655440000",
    "https://host.example/a:b@c",
]


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_each_form_is_found_with_its_exact_bounds(kind: str, text: str, value: str) -> None:
    assert [(text[start:end], name) for start, end, name in pii.find([text])[0]] == [(value, kind)]


@pytest.mark.parametrize("text", LOOKALIKES)
def test_lookalikes_are_left_alone(text: str) -> None:
    assert pii.find([text]) == [[]]


@pytest.mark.parametrize(
    ("option", "text", "kind"),
    [
        ("reserved_ip", "10.0.0.12", "IP_ADDRESS"),
        ("reserved_ip", "2001:db8::17", "IP_ADDRESS"),
        ("ssn_9xx", "SSN 900-12-3456", "SSN"),
        ("card_without_luhn", "4111 1111 1111 1112", "CREDIT_CARD"),
        ("versions", "version 8.8.8.8", "IP_ADDRESS"),
        ("ssn_unsaid", "219-09-9999", "SSN"),
    ],
)
def test_a_named_option_loosens_a_check(option: str, text: str, kind: str) -> None:
    loose = pii.Detection(options=frozenset({option}))
    assert pii.find([text]) == [[]]
    assert [span.type for span in pii.find([text], loose)[0]] == [kind]


def test_phone_numbers_are_those_of_the_regions_asked_for() -> None:
    text = "Appelez le 01 99 00 12 34 ou (212) 555-0142"
    for regions, expected in ((("FR",), ["01 99 00 12 34"]), (("US",), ["(212) 555-0142"]), ((), [])):
        spans = pii.find([text], pii.Detection(regions=regions))[0]
        assert [text[start:end] for start, end, _ in spans] == expected


def test_a_type_that_is_not_asked_for_still_shields_what_it_covers() -> None:
    """A card number is not scrubbed piecemeal as a phone number because cards were left alone."""
    text = "phone 4111 1111 1111 1111"
    assert pii.find([text], pii.Detection(types=("PHONE",))) == [[]]


def test_an_unknown_type_or_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"'EMIAL' is no type.*EMAIL"):
        pii.Detection(types=("EMIAL",))
    with pytest.raises(ValueError, match=r"'reserved' is no option.*reserved_ip"):
        pii.Detection(options=frozenset({"reserved"}))


@pytest.mark.parametrize(
    "word",
    [
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    ],
)
def test_wallets_of_several_kinds_check(word: str) -> None:
    """Pay-to-script-hash, wallet import format, XRP Ledger, taproot (published examples)."""
    assert is_wallet(word)
    assert not is_wallet(word[:-1] + ("2" if word[-1] != "2" else "3"))
