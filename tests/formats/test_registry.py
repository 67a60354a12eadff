"""The registry of file formats: what declares itself is found, read by content and written by suffix."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fourfold.formats
from fourfold.errors import InputError
from fourfold.formats import check_writable, open_scan, registry
from fourfold.formats.registry import file_formats, image_suffixes, readers, scan_suffixes

FORMAT = """
from fourfold.formats.npz import NumpyFile
from fourfold.formats.registry import FileFormat


class Text(NumpyFile):
    format = "text"

    @classmethod
    def recognises(cls, path):
        return path.read_bytes().startswith(b"text")


FORMAT = FileFormat("text files", Text, (".txt",), write_image=print)
"""


def clear():
    for function in (registry.file_formats, registry.image_writers, registry.scan_writers):
        function.cache_clear()


SHIPPED = ["fastMRI HDF5", "MRD (ISMRMRD) HDF5", "NumPy npz", "BART cfl"]


@pytest.fixture
def new_format(tmp_path, monkeypatch):
    """Put a format into a folder in which formats are looked for."""
    (tmp_path / "plain_text.py").write_text(FORMAT)
    monkeypatch.setattr(fourfold.formats, "__path__", [*fourfold.formats.__path__, str(tmp_path)])
    clear()
    importlib.invalidate_caches()
    yield
    sys.modules.pop("fourfold.formats.plain_text", None)
    clear()


def test_formats_are_tried_and_named_in_order():
    assert [name for name in readers() if name in SHIPPED] == SHIPPED
    assert image_suffixes()[:6] == (".h5", ".nii", ".nii.gz", ".npz", ".cfl", ".png")
    assert scan_suffixes()[:3] == (".h5", ".npz", ".cfl")


@pytest.mark.usefixtures("new_format")
def test_a_new_format_is_one_file(tmp_path):
    assert file_formats()[-1].name == "text files"
    np.save(tmp_path / "scan.npy", np.ones((2, 8, 8), np.complex64))
    assert open_scan(tmp_path / "scan.npy").format == "NumPy"
    (tmp_path / "scan.txt").write_bytes(b"text")
    assert readers()["text files"].recognises(tmp_path / "scan.txt")
    (tmp_path / "unknown").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"NumPy npz, BART cfl.* and text files: convert"):
        open_scan(tmp_path / "unknown")
    check_writable(tmp_path / "image.txt")
    with pytest.raises(InputError, match=r"\.png, .*\.txt"):
        check_writable(tmp_path / "image.xyz")


def test_every_format_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    described = re.findall(r"^\| (.+?) \|", page, flags=re.MULTILINE)
    assert not [name for name in readers() if not any(row.startswith(name) for row in described)]
    assert not [suffix for suffix in image_suffixes() if not any(f"`{suffix}`" in row for row in described)]


def test_finding_the_formats_loads_no_torch():
    code = "import sys; from fourfold.formats.registry import image_suffixes; image_suffixes(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "fourfold.formats.nifti" in loaded
    assert "torch" not in loaded
