"""The calibrations that ship fit the methods and weights that ship, and did on subjects left out what they say."""

import pytest

from fourfold.intervals.apply import check_settings
from fourfold.intervals.calibration import find_calibration, shipped_calibrations
from fourfold.methods.registry import find_method
from fourfold.weights.find import shipped
from fourfold.weights.weight_files import read_manifest


def test_the_priors_intervals_ship():
    assert "heads-diffusion" in shipped_calibrations()


@pytest.mark.parametrize("name", shipped_calibrations())
def test_a_shipped_calibration_is_of_the_defaults_and_weights_that_ship(name):
    calibration = find_calibration(name)
    assert calibration.name == name
    check_settings(calibration, calibration.method, find_method(calibration.method)().model_dump(mode="json"))
    assert read_manifest(shipped()[calibration.weights["name"]]).sha256 == calibration.weights["sha256"]


@pytest.mark.parametrize("name", shipped_calibrations())
def test_subjects_left_out_were_covered_as_stated(name):
    calibration = find_calibration(name)
    results = calibration.results
    assert set(results.by_subject) == set(calibration.scans.subjects)
    assert results.coverage == pytest.approx(calibration.coverage, abs=0.03)
    assert min(results.by_width) >= 0.85
