"""The method that is chosen for data without being asked for one."""

from fourfold.methods.choose import choose_by_rule
from fourfold.sampling import make_sampling, undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import loop_maps, phantom, simulate


def full(coils: int = 4) -> Scan:
    return simulate(phantom((64, 48)), coils=coils)


def without_calibration(scan: Scan) -> Scan:
    """Return every second line alone."""
    sampling = make_sampling("regular", scan.shape, 2, lines=0)
    return scan.with_sampling(sampling)


def test_fully_sampled_data_needs_no_more_than_a_fourier_transform():
    method, reason = choose_by_rule(full())
    assert method.name == "zero-filled"
    assert "every sample" in reason


def test_coils_with_calibration_lines():
    method, reason = choose_by_rule(undersample(full(), "random", 2, lines=12))
    assert method.name == "wavelet"
    assert "4 coils at 2.0× with calibration lines" in reason


def test_a_single_coil_has_sparsity_alone():
    method, reason = choose_by_rule(undersample(full(coils=1), "random", 2, lines=12))
    assert method.name == "wavelet"
    assert "1 coil at" in reason


def test_without_calibration_a_note_states_the_aliasing():
    method, reason = choose_by_rule(without_calibration(full()))
    assert method.name == "zero-filled"
    assert "without calibration lines" in reason


def test_separate_calibration_or_given_maps_serve():
    scan = without_calibration(full())
    separate = scan.replace(calibration_kspace=full().kspace[:, :, 20:44, 12:36])
    assert choose_by_rule(separate)[0].name == "wavelet"
    assert choose_by_rule(scan.replace(coil_maps=loop_maps(scan.shape, coils=4)))[0].name == "wavelet"


def test_the_chosen_method_takes_the_data():
    for scan in (full(), without_calibration(full()), undersample(full(), "random", 2, lines=12)):
        assert choose_by_rule(scan)[0](scan).image.shape == (1, 64, 48)
