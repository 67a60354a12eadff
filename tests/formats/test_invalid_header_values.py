"""Header values that make no sense: whatever stands in a file, it is read or refused in one sentence."""

import itertools
import json
import re

import h5py
import numpy as np
import pytest
from tests.helpers.fastmri import fastmri_header, full_kspace
from tests.helpers.mrd import MrdHeader, make_image, numpy_fft, slice_lines, write_mrd
from tests.helpers.philips import lines as philips_lines
from tests.helpers.philips import write_philips
from tests.helpers.twix import PROTOCOL, Line, write_twix
from tests.helpers.twix import slice_lines as twix_lines

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


FEW_TEXTS = ("0", "-1", "NaN", "inf", "23.9996", "1e308", "65535", "9" * 25, "many")


@pytest.mark.filterwarnings("error")
def test_twix_protocols_are_read_or_refused(tmp_path):
    lines = twix_lines(numpy_fft(make_image((2, 20, 32))))
    outcomes = set()
    for name, text in itertools.product(PROTOCOL, (*FEW_TEXTS, None)):
        outcomes.add(is_read_or_refused(write_twix(tmp_path / "a.dat", lines, changes={name: text})))
    parameters = "".join(
        f'<Param."{name}"> {{ {value} }}\n'
        for name, value in (
            ("alRegridMode", 2),
            ("alRegridRampupTime", 50),
            ("alRegridFlattopTime", 100),
            ("alRegridRampdownTime", 50),
            ("alRegridDelaySamplesTime", 20),
            ("aflRegridADCDuration", 160),
            ("alRegridDestSamples", 32),
        )
    ).replace("Param.", "ParamLong.")
    assert is_read_or_refused(write_twix(tmp_path / "a.dat", lines, parameters=parameters))
    for match, text in itertools.product(re.finditer(r"\d+ }", parameters), FEW_TEXTS):
        changed = f"{parameters[: match.start()]}{text} }}{parameters[match.end() :]}"
        outcomes.add(is_read_or_refused(write_twix(tmp_path / "a.dat", lines, parameters=changed)))
    assert outcomes == {True, False}


@pytest.mark.filterwarnings("error")
def test_twix_line_headers_are_read_or_refused(tmp_path):
    kspace = numpy_fft(make_image((2, 20, 32)))
    numbers = (0, 1, 2**16 - 1)
    changes = [
        *({"counters": {"lin": 3, name: number}} for name in ("ave", "sli", "par", "eco", "rep") for number in numbers),
        *({"counters": {"lin": number}} for number in numbers),
        *({name: number} for name in ("centre_column", "centre_line", "centre_partition") for number in numbers),
        *({"cutoff": (number, other)} for number in numbers for other in numbers),
        *({"position": (0.0, value, 0.0)} for value in (float("nan"), float("inf"), 3e38)),
        *({"quaternion": (value, 0.0, 0.0, value)} for value in (float("nan"), float("inf"), 0.0, 3e38, 1e-38)),
    ]
    outcomes = set()
    for change in changes:
        for lines in (
            [*twix_lines(kspace), Line(kspace[:, 3], **{"counters": {"lin": 3}} | change)],
            twix_lines(kspace, **change) if "lin" not in change.get("counters", {}) else twix_lines(kspace[:, :1]),
        ):
            outcomes.add(is_read_or_refused(write_twix(tmp_path / "a.dat", lines)))
    assert outcomes == {True, False}


@pytest.mark.filterwarnings("error")
def test_philips_indices_are_read_or_refused(tmp_path):
    path = write_philips(tmp_path / "a.list", philips_lines(numpy_fft(make_image((2, 20, 32))), range(-10, 10)))
    text, outcomes = path.read_text(), set()
    places = [*re.finditer(r"(?<=[: ])-?\d[\d.]*(?= *\n| +\d+\n)", text)][:12]
    places += list(re.finditer(r"-?\d+", text[text.index("STD") :].split("\n")[0]))
    start = text.index("STD")
    for number, match in enumerate(places):
        offset = 0 if number < len(places) - 20 else start
        for value in ("0", "-7", "1e308", "9" * 25, "many"):
            path.write_text(text[: offset + match.start()] + value + text[offset + match.end() :])
            outcomes.add(is_read_or_refused(path))
    assert outcomes == {True, False}
