"""Responses that hold no page, and the WARC record kinds that are not responses."""

import json

from generator.crawl import Web, Writer
from generator.html import whole_page
from generator.warc import Capture


def other_responses(web: Web) -> None:
    """Statuses other than 200, content other than HTML, and the record kinds that hold no new page."""
    writer = Writer(web, "other")
    for status, count in (("301 Moved Permanently", 50), ("404 Not Found", 50), ("500 Internal Server Error", 15)):
        for _ in range(count):
            site = writer.site()
            body = whole_page(site, status, f"<h1>{status}</h1>").encode() if status[0] != "3" else b""
            headers = (("Location", site.url("")),) if status[0] == "3" else ()
            web.plant(
                "status",
                Capture(writer.url(site, "gone"), body, status=status, headers=headers),
                status=int(status[:3]),
            )
    bodies = (
        ("application/pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
        ("application/json", json.dumps({"items": [1, 2, 3], "next": None}).encode()),
        ("image/png", bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")),
        ("text/css", b"body { margin: 0 }\n"),
        ("text/plain; charset=utf-8", b"User-agent: *\nDisallow: /private\n"),
    )
    for content_type, body in bodies:
        for _ in range(10):
            web.plant(
                "not_html", Capture(writer.url(writer.site(), "file"), body, content_type), content_type=content_type
            )
    for number in range(10):
        web.plant("revisit", Capture(web.captures[number * 7].url, web.captures[number * 7].body, kind="revisit"))
    for _ in range(5):
        site = writer.site()
        text = writer.article(site.topic, 120).text
        web.plant("resource", Capture(writer.url(site, "note"), text.encode(), "text/plain", kind="resource"))
    for site in web.sites[:3]:
        web.plant(
            "dns",
            Capture(f"dns:{site.host}", f"20260301000000\n{site.host}. 300 IN A 203.0.113.7\n".encode(), kind="dns"),
        )
