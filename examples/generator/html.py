"""The sites of the invented web and the HTML around a page's text: navigation, banners, sidebars, scripts, comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from random import Random

from generator.text import TOPICS, Article, Prose, load_grammar, slug

SITES_PER_TOPIC = 5
_NAMES = (
    "notebook",
    "almanac",
    "corner",
    "gazette",
    "diary",
    "workshop",
    "letter",
    "review",
    "companion",
    "journal",
    "post",
    "circle",
)
_BOILERPLATE = (
    "{name} is written by volunteers, and every letter to the editor gets an answer within a week.",
    "If you enjoyed this piece, {name} sends one just like it to subscribers on the first Sunday of the month.",
    "The opinions on {name} are those of their authors and not of the people who lend us the server.",
    "All the back issues of {name} can be read free of charge in the reading room behind the town library.",
)
_NAVIGATION = (
    "Home",
    "Archive",
    "Topics",
    "About us",
    "Contact",
    "Shop",
    "Events",
    "Members",
    "Newsletter",
    "Links",
    "Gallery",
    "Login",
)
_BANNERS = (
    "We use cookies to keep you signed in. Accept all or choose your settings.",
    "This website uses cookies for statistics. By staying here you agree to our cookie policy.",
    "Cookies help us to run this site. Read our privacy policy to learn more.",
)


@dataclass(frozen=True)
class Site:
    """A host with the wording and layout that all its pages share."""

    host: str
    topic: str
    name: str
    boilerplate: str
    navigation: tuple[str, ...]
    banner: str
    layout: int

    def url(self, path: str) -> str:
        return f"https://{self.host}/{path}"


def make_sites(rng: Random) -> list[Site]:
    """The sites, some for each topic; each has its own boilerplate line at the end of every article."""
    sites = []
    for topic in TOPICS:
        for noun in rng.sample(_NAMES, SITES_PER_TOPIC):
            place = Prose(load_grammar("general"), rng).phrase("place").split()[-1]
            sites.append(
                make_site(
                    f"{place.lower()}-{topic}-{noun}.example", topic, f"The {place} {topic.title()} {noun.title()}", rng
                )
            )
    return sites


def make_site(host: str, topic: str, name: str, rng: Random) -> Site:
    navigation = tuple(rng.sample(_NAVIGATION, 6))
    return Site(
        host,
        topic,
        name,
        rng.choice(_BOILERPLATE).format(name=name),
        navigation,
        rng.choice(_BANNERS),
        rng.randrange(3),
    )


def links(labels: Sequence[str]) -> str:
    return "".join(f'<li><a href="/{slug(label)}">{escape(label)}</a></li>' for label in labels)


def paragraphs_html(paragraphs: Sequence[str]) -> str:
    return "\n".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)


def article_page(
    site: Site, article: Article, extra: str = "", comments: Sequence[str] = (), charset: str | None = "utf-8"
) -> str:
    """A whole page for an article: its paragraphs, then `extra` HTML, then the site's boilerplate line."""
    main = f"<h1>{escape(article.title)}</h1>\n{paragraphs_html(article.paragraphs)}\n{extra}"
    return whole_page(site, article.title, f"{main}\n<p>{site.boilerplate}</p>", comments, charset)


def bare_page(site: Site, article: Article, charset: str | None = "utf-8") -> str:
    """A whole page for an article whose main part holds nothing that is the site's own."""
    main = f"<h1>{escape(article.title)}</h1>\n{paragraphs_html(article.paragraphs)}"
    return whole_page(site, article.title, main, charset=charset)


def whole_page(site: Site, title: str, main: str, comments: Sequence[str] = (), charset: str | None = "utf-8") -> str:
    """The site's layout around the HTML of the main part."""
    meta = f'<meta charset="{charset}">' if charset else ""
    head = f"<head>{meta}<title>{escape(title)} | {site.name}</title>"
    spoken = "".join(
        f'<li class="comment"><b>{escape(comment.split()[0])}</b><p>{escape(comment)}</p></li>' for comment in comments
    )
    said = f'<section id="comments"><h3>{len(comments)} comments</h3><ol>{spoken}</ol></section>' if comments else ""
    layout = (_modern, _table, _plain)[site.layout]
    return "<!DOCTYPE html>\n<html lang=en>" + layout(site, head, main, said)


def _modern(site: Site, head: str, main: str, comments: str) -> str:
    style = "body{margin:0;font:16px serif}nav li{display:inline}#cookie{position:fixed;bottom:0}"
    script = "window.dataLayer=window.dataLayer||[];function track(e){dataLayer.push({event:e})}track('view')"
    return f"""{head}<style>{style}</style><script>{script}</script></head>
<body><div id="cookie" class="cookie-banner" role="dialog">{site.banner}<button>Accept</button></div>
<header><a href="/">{site.name}</a><nav><ul>{links(site.navigation)}</ul></nav></header>
<main><article>{main}</article></main>{comments}
<aside><h3>More from us</h3><ul>{links(site.navigation[::-1])}</ul></aside>
<footer>Copyright {site.name}. All rights reserved. <a href="/privacy">Privacy policy</a></footer></body></html>
"""


def _table(site: Site, head: str, main: str, comments: str) -> str:
    return f"""{head}</head><body bgcolor="#ffffff"><table width="100%"><tr><td colspan="2"><b>{site.name}</b></td></tr>
<tr><td width="150" valign="top" class="menu"><ul>{links(site.navigation)}</ul></td>
<td valign="top" id="content">{main}{comments}</td></tr></table>
<center class="footer"><small>{site.banner}<br>Best viewed at 1024 x 768</small></center></body></html>
"""


def _plain(site: Site, head: str, main: str, comments: str) -> str:
    return f"""{head}<link rel=stylesheet href="/style.css"></head><body>
<div class="top"><div class="logo">{site.name}</div><ul class="menu">{links(site.navigation)}</ul></div>
<div class="wrap"><div class="post entry-content">{main}</div>{comments}</div>
<div class="sidebar widget"><form action="/search"><input name=q></form><ul>{links(site.navigation[:3])}</ul></div>
<div class="footer">{site.banner}<script src="/s.js" async></script></div></body></html>
"""
