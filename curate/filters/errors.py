"""What is said when a pack cannot be used."""

from curate.errors import ConfigError


class PackError(ConfigError):
    """A pack, or what is asked of it, is wrong; the message says what, where, and what would be right."""
