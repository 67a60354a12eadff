"""Header values that make no sense: whatever stands in a file, it is read or refused in one sentence."""

import itertools
import json
import re

import h5py
import numpy as np
import pytest
from tests.helpers.fastmri import fastmri_header, full_kspace
from tests.helpers.mrd import MrdHeader, make_image, slice_lines, write_mrd

from fourfold.errors import InputError
from fourfold.formats import open_scan

TEXTS = ("0", "-1", "NaN", "inf", "-inf", "23.9996", "1e400", "1e-320", "1e308", "65535", "9" * 25, "many", " ", "1_0")


def invalid_headers(xml):
    """Yield the header with each of its values replaced in turn, and with each left out."""
    for value in re.finditer(r"<(\w+)>([^<>]+)</\1>", xml):
        yield from (xml[: value.start(2)] + text + xml[value.end(2) :] for text in TEXTS)
        yield xml[: value.start()] + xml[value.end() :]


def is_read_or_refused(path):
    """Open the file and read a frame; only an InputError may come out. Return whether it was read."""
    try:
        json.dumps(open_scan(path).summary(), allow_nan=False)
    except InputError:
        return False
    return True


@pytest.mark.filterwarnings("error")
def test_mrd_headers_are_read_or_refused(tmp_path):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    outcomes = set()
    for xml in invalid_headers(MrdHeader().xml()):
        with h5py.File(path, "a") as file:
            file["dataset/xml"][0] = xml
        outcomes.add(is_read_or_refused(path))
    assert outcomes == {True, False}


@pytest.mark.filterwarnings("error")
def test_fastmri_headers_are_read_or_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["kspace"] = full_kspace()[:1]
    outcomes = set()
    for xml in invalid_headers(fastmri_header()):
        with h5py.File(path, "a") as file:
            if "ismrmrd_header" in file:
                del file["ismrmrd_header"]
            file["ismrmrd_header"] = xml
        outcomes.add(is_read_or_refused(path))
    assert outcomes == {True, False}


def fields(head, above=()):
    """Yield the path and type of every number in a line's header."""
    for name in head.names:
        if head[name].names:
            yield from fields(head[name], (*above, name))
        else:
            yield (*above, name), head[name].base


@pytest.mark.filterwarnings("error")
def test_line_headers_are_read_or_refused(tmp_path):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    with h5py.File(path) as file:
        lines = file["dataset/data"][()]
    outcomes = set()
    for (place, kind), rows in itertools.product(fields(lines["head"].dtype), (slice(None), slice(5, 6))):
        values = (np.nan, np.inf, -1.0, 1e38) if kind.kind == "f" else (0, 7, np.iinfo(kind).max)
        for value in values:
            changed = lines.copy()
            column = changed["head"]
            for name in place:
                column = column[name]
            column[rows] = value
            with h5py.File(path, "a") as file:
                file["dataset/data"][...] = changed
            outcomes.add(is_read_or_refused(path))
    assert outcomes == {True, False}
