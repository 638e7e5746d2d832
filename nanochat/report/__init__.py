"""Reports and metric sinks."""

from nanochat.report.report import Report, get_report

__all__ = ["Report", "get_report"]
