"""What a person looks at: the page in a browser and the figure in a document."""

from fourfold.report.page import write_report

__all__ = ["write_report"]
