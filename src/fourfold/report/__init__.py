"""Pages and figures of reconstructions, comparisons and studies."""

from fourfold.report.page import write_report

__all__ = ["write_report"]
