"""The report: one HTML file that opens from disk, loads nothing, runs only its own script, and shows page text as text."""

from curate.audit.report.page import report_page, write_report

__all__ = ["report_page", "write_report"]
