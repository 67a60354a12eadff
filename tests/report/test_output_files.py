"""Pages and figures are written whole or not at all."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fourfold.errors import InputError
from fourfold.report import write_report
from fourfold.report.figures import figure


@pytest.mark.parametrize("write", [write_report, figure])
def test_unwritable_file_is_refused(comparison, write, tmp_path):
    suffix = ".png" if write is figure else ".html"
    with pytest.raises(InputError, match="does not exist: create it first"):
        write(comparison, tmp_path / "absent" / f"page{suffix}")
    with pytest.raises(InputError, match=rf"end it in one of {suffix}"):
        write(comparison, tmp_path / "page.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_report, figure])
def test_a_failure_leaves_the_old_file(comparison, write, tmp_path, monkeypatch):
    old = tmp_path / ("page.png" if write is figure else "page.html")
    old.write_text("old")

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    monkeypatch.setattr(Figure, "savefig", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write(comparison, old)
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
