"""User agents of crawlers that gather texts to train on, under the names that lists of them have. Knows names only."""

from __future__ import annotations

from collections.abc import Iterable

from curate.filters.opt_out.robots_txt import agent_name

SETS = {
    "apertus": (
        "AI2Bot", "Applebot-Extended", "Bytespider", "CCBot", "ClaudeBot", "cohere-training-data-crawler", "Diffbot",
        "FacebookBot", "Meta-ExternalAgent", "Google-Extended", "GPTBot", "PanguBot", "*",
    ),
    "training": (
        "AI2Bot", "Ai2Bot-Dolma", "anthropic-ai", "Applebot-Extended", "Brightbot", "Brightbot 1.0", "Bytespider", "CCBot",
        "ClaudeBot", "CloudVertexBot", "cohere-training-data-crawler", "Cotoyogi", "DeepSeekBot", "FacebookBot",
        "Factset_spyderbot", "FriendlyCrawler", "Google-Extended", "GPTBot", "ICC-Crawler", "img2dataset",
        "ISSCyberRiskCrawler", "Kangaroo Bot", "Linguee Bot", "meta-externalagent", "omgili", "PanguBot", "Scrapy",
        "Sidetrade indexer bot", "TikTokSpider", "Timpibot", "Webzio-Extended",
    ),
}  # fmt: skip
"""`apertus`: those that Apertus asked about (arXiv 2509.14233, section 3.1.1; swiss-ai/pretrain-data,
robots_filter.py), `*` among them, so that a page closed to everybody is left out too. `training`: those of
ai.robots.txt (commit 738c80d, 2026-08-22) whose description speaks of training, and CCBot."""


def agents_of(names: Iterable[str]) -> tuple[str, ...]:
    """The agents of names and of sets of names, each once, as they are compared.

    >>> agents_of(["GPTBot", "gptbot/1.1", "*"])
    ('gptbot', '*')
    """
    every = (agent for name in names for agent in SETS.get(name, (name,)))
    return tuple(dict.fromkeys(filter(None, map(agent_name, every))))
