"""How extracted text is written: names and settings, for whoever asks and whoever writes. Imports nothing."""

from dataclasses import dataclass

TEXT, MARKDOWN = FORMATS = ("text", "markdown")
LINE, BLANK = PARAGRAPHS = ("line", "blank")


@dataclass(frozen=True)
class Form:
    """How the own engine writes a page's text.

    >>> Form(links=True)
    Traceback (most recent call last):
    ValueError: links: true needs format: markdown; the format 'text' has nowhere to put an address
    """

    format: str = TEXT
    """`text`, a block a line, or `markdown`."""
    paragraphs: str = LINE
    """`line`: a line feed between paragraphs of text; `blank`: an empty line too."""
    links: bool = False
    """Markdown: links with their addresses."""
    images: bool = False
    """Markdown: images with their descriptions and addresses."""

    def __post_init__(self) -> None:
        for name, value, known in (("format", self.format, FORMATS), ("paragraphs", self.paragraphs, PARAGRAPHS)):
            if value not in known:
                what = f"no format {value!r} of extracted text" if name == "format" else f"no such {name}: {value!r}"
                raise ValueError(f"{what}: use {' or '.join(known)}")
        for name in ("links", "images"):
            if getattr(self, name) and self.format != MARKDOWN:
                raise ValueError(
                    f"{name}: true needs format: {MARKDOWN}; the format {self.format!r} has nowhere to put an address"
                )
        if self.paragraphs != LINE and self.format != TEXT:
            raise ValueError(
                f"Markdown parts paragraphs by blank lines itself; paragraphs: {self.paragraphs} is for text"
            )
