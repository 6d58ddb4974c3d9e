"""Pipelines as values: a YAML file read into frozen, typed models. Knows no step's implementation."""

from curate.config.models import Pipeline, Source
from curate.config.reading import ConfigError, read_pipeline

__all__ = ["ConfigError", "Pipeline", "Source", "read_pipeline"]
