"""EPI in MRD files: ramp sampling, reversed lines and navigators."""

import numpy as np
import pytest
from tests.helpers.mrd import MrdHeader, cropped, ismrmrd, make_image, mrd_line, numpy_fft, write_mrd

from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.operators.fourier import ifft

RISE, FLAT, FALL, DELAY = 160, 240, 120, 32
SAMPLES, SIZE = 40, 32
DWELL = 11.0
REVERSE, NAVIGATOR = ismrmrd.ACQ_IS_REVERSE, ismrmrd.ACQ_IS_PHASECORR_DATA


def description(**changes):
    values = {
        "rampUpTime": RISE,
        "flatTopTime": FLAT,
        "rampDownTime": FALL,
        "acqDelayTime": DELAY,
        "numSamples": SAMPLES,
        "dwellTime": DWELL,
    } | changes
    parameters = "".join(
        f"<userParameter{kind}><name>{name}</name><value>{value}</value></userParameter{kind}>"
        for kind, names in (("Long", list(values)[:-1]), ("Double", ["dwellTime"]))
        for name, value in values.items()
        if name in names
    )
    return f"<trajectoryDescription><identifier>ConventionalEPI</identifier>{parameters}</trajectoryDescription>"


class EpiHeader(MrdHeader):
    """A header with the description of the readout gradient."""

    ramp = ""

    def xml(self):
        return super().xml().replace("<trajectory>epi</trajectory>", f"<trajectory>epi</trajectory>{self.ramp}")


def header(ramp=""):
    made = EpiHeader(trajectory="epi")
    made.ramp = ramp
    return made


def gradient(time):
    return np.interp(time, [0, RISE, RISE + FLAT, RISE + FLAT + FALL], [0, 1, 1, 0])


def ramp_positions():
    """Return k of each sample by summing the gradient in small steps, 0 at the middle of the gradient."""
    step = 1e-2
    times = np.arange(0, RISE + FLAT + FALL, step) + step / 2
    area = np.cumsum(gradient(times)) * step
    centres = DELAY + DWELL * (np.arange(SAMPLES) + 0.5)
    edges = np.interp([DELAY, DELAY + DWELL * SAMPLES], times, area)
    middle = np.interp((RISE + FLAT + FALL) / 2, times, area)
    return (np.interp(centres, times, area) - middle) * SIZE / (edges[1] - edges[0])


def epi_lines(image, k, slope=0.0, constant=0.0, navigators=True):
    """Return the lines of an image (coil, y, x), every second one backwards, each of samples at `k`.

    The profile of a reversed line leads that of a forward one by a constant and a linear phase.
    """
    size = image.shape[-1]
    x = np.arange(size) - size // 2
    rows = numpy_fft(image, axes=(-2,))
    lead = np.exp(1j * (constant + slope * x))

    def samples(profiles, reverse):
        encoding = np.exp(-2j * np.pi * np.outer(-k if reverse else k, x) / size) / np.sqrt(size)
        return (profiles * (lead if reverse else 1)) @ encoding.T

    middle = rows[:, rows.shape[1] // 2]
    lines = []
    for reverse in (True, False, True) if navigators else ():
        flags = (NAVIGATOR, REVERSE) if reverse else (NAVIGATOR,)
        lines.append(mrd_line(samples(middle, reverse), 10, flags=flags))
    for ky in range(rows.shape[1]):
        reverse = bool(ky % 2)
        lines.append(mrd_line(samples(rows[:, ky], reverse), ky, flags=(REVERSE,) if reverse else ()))
    return lines


def even(size):
    return np.arange(size) - size // 2


def test_samples_on_the_ramps_are_brought_to_an_even_grid(tmp_path):
    image = make_image((2, 20, 32))
    lines = epi_lines(image, ramp_positions())
    scan = open_scan(write_mrd(tmp_path / "a.h5", header(description()), lines))[0]
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=2e-3)
    assert scan.source.details["regridded"]
    assert scan.fully_sampled


@pytest.mark.parametrize("ramp", [True, False])
def test_navigators_correct_the_ghost(tmp_path, ramp):
    image = make_image((2, 20, 32))
    k = ramp_positions() if ramp else even(32)
    if not ramp:
        # Turned round, a reversed line's samples lie where those of forward ones do.
        k = k + 0.5
    lines = epi_lines(image, k, slope=0.1, constant=0.7)
    scan = open_scan(write_mrd(tmp_path / "a.h5", header(description() if ramp else ""), lines))[0]
    assert scan.source.notes == ()
    shown, expected = ifft(scan.kspace)[0].abs().numpy(), np.abs(cropped(image))
    np.testing.assert_allclose(shown, expected, atol=2e-3 if ramp else 1e-4)
    assert scan.source.details["lines"]["phase_correction"] == 3


def test_without_navigators_a_note_says_so(tmp_path):
    lines = epi_lines(make_image((2, 20, 32)), even(32) + 0.5, navigators=False)
    scan = open_scan(write_mrd(tmp_path / "a.h5", header(), lines))[0]
    assert scan.source.notes == ("No navigators of both directions were acquired: EPI's ghost was not corrected.",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dwellTime": 3000}, "describes 40 samples of 3000 µs .* do not fit together: export the scan again"),
        ({"acqDelayTime": 300}, "do not fit together"),
        ({"rampUpTime": -5}, "do not fit together"),
        ({"rampUpTime": "long"}, "trajectoryDescription/rampUpTime is 'long', not a time in µs"),
    ],
)
def test_a_gradient_that_cannot_be_is_refused(tmp_path, changes, message):
    lines = epi_lines(make_image((2, 20, 32)), ramp_positions())
    with pytest.raises(InputError, match=message):
        open_scan(write_mrd(tmp_path / "a.h5", header(description(**changes)), lines))
