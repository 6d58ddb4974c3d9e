"""The project's own extractor: a streaming parse of HTML into blocks, a choice of blocks, and their text.

`from curate.extract.html import text, texts, parse_page`.

| module | what |
| --- | --- |
| `elements`, `references`, `naming` | the standard's elements, its character references, what class names mean |
| `tokens` | where tags, comments and raw text end |
| `work` | the arrays of one parse, as one record that kernels hand on |
| `building`, `opened`, `starting`, `tables`, `formulas`, `parsing` | the parse, in kernels |
| `page`, `blocks` | its limits; the arrays it leaves |
| `choosing` | which blocks are main text |
| `lines`, `markdown`, `inline` | blocks as text |
| `extracting` | all of these, for a page and for a batch |
"""

from curate.extract.html.extracting import text, texts
from curate.extract.html.page import parse_page

__all__ = ["parse_page", "text", "texts"]
