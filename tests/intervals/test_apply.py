"""Intervals are applied to the method, weights and settings that they were learned for, and to no others."""

import dataclasses

import numpy as np
import pytest
import torch

import fourfold as ff
from fourfold.errors import InputError
from fourfold.formats.writing import join
from fourfold.intervals.apply import bounds_in_words, with_interval
from fourfold.intervals.calibration import Bound, Calibration, find_calibration, read_calibration
from fourfold.scan import FrameRecord, Record

SETTINGS = {"members": 4, "seed": 0, "denoiser": "brain-prior"}
WEIGHTS = {"name": "brain-prior", "sha256": "a" * 64}


def calibration(**changes):
    scans = {
        "subjects": ["a", "b"],
        "slices": 2,
        "files": [{"name": "heads.npz", "sha256": "b" * 64}],
        "simulated": True,
        "reference": "full sampling",
        "patterns": ["random"],
        "acceleration": [4.0, 4.0],
        "coils": [8, 8],
        "undersampling": {},
    }
    content = {
        "name": "heads",
        "fourfold": "0",
        "method": "diffusion",
        "settings": {"members": 4},
        "weights": WEIGHTS,
        "procedure": "subjects",
        "coverage": 0.9,
        "confidence": 0.6,
        "factor": 2.0,
        "bounds": {"psnr": Bound(shift=3.0, confidence=0.6)},
        "scans": scans,
    }
    return Calibration.model_validate({**content, **changes})


def reconstruction(frames=1, **record):
    generator = torch.Generator().manual_seed(0)
    members = 1 + 0.1 * torch.randn(4, frames, 16, 16, dtype=torch.complex64, generator=generator)
    facts = {
        "method": "diffusion",
        "settings": SETTINGS,
        "details": {"weights": {**WEIGHTS, "licence": "CC0"}},
        "sampling": {"kind": "random", "acceleration": 4.0},
        "source": {"simulated": True},
        "by_frame": tuple(FrameRecord() for _ in range(frames)) if frames > 1 else (),
    }
    image = members.abs().mean(0)
    return ff.Reconstruction(
        image.to(torch.complex64), Record(**{**facts, **record}), std=torch.full_like(image, 0.1), members=members
    )


def test_the_interval_is_the_factor_times_the_standard_deviation_and_not_below_zero():
    made = with_interval(reconstruction(), calibration())
    lower, upper = made.interval
    torch.testing.assert_close(upper - made.magnitude, torch.full_like(upper, 0.2))
    torch.testing.assert_close(made.magnitude - lower, torch.full_like(upper, 0.2))
    assert float(with_interval(reconstruction(), calibration(factor=50.0)).interval.min()) == 0
    assert made.record.details["intervals"]["name"] == "heads"
    assert "at least 90 % of the object's pixels lie in the interval with a confidence of 0.6" in made.record.notes[0]
    assert len(made.record.notes) == 1  # nothing of this scan is unlike those it was learned from


def test_the_bound_of_quality_is_what_members_predict_less_the_shift():
    made = reconstruction()
    (predicted,) = (
        with_interval(made, calibration(bounds={"psnr": Bound(shift=0.0, confidence=0.6)}))
        .record.details["at_least"]
        .values(),
    )
    lowered = with_interval(made, calibration()).record.details["at_least"]["psnr"]
    assert lowered == pytest.approx(next(iter(predicted)) - 3)
    # By hand for one member: the score of the mean of the three others against it.
    magnitudes = made.members[:, 0].abs()
    scores = []
    for left_out in range(4):
        truth = magnitudes[left_out]
        mean = (magnitudes.sum(0) - truth) / 3
        scores.append(10 * torch.log10(truth.max() ** 2 / (mean - truth).square().mean()))
    assert lowered == pytest.approx(float(torch.stack(scores).mean()) - 3, abs=1e-3)


def test_each_frame_has_its_own_bound():
    made = with_interval(reconstruction(frames=2), calibration())
    bounds = [frame.details["at_least"]["psnr"] for frame in made.record.by_frame]
    assert len(set(bounds)) == 2
    (words,) = bounds_in_words(made.record)
    assert f"at least {min(bounds):.2f} to {max(bounds):.2f} in its 2 frames" in words
    assert made.interval.shape == (2, 2, 16, 16)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"method": "langevin"}, "learned for the method 'langevin' and the image is made by 'diffusion'"),
        ({"weights": {"name": "other", "sha256": "c" * 64}}, "learned with the weights 'other'"),
        ({"settings": {"members": 8}}, "learned with members = 8 and the image is made with members = 4"),
    ],
)
def test_what_was_learned_for_something_else_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        with_interval(reconstruction(), calibration(**changes))


def test_another_seed_and_another_name_of_the_same_weights_are_accepted():
    other = {**SETTINGS, "seed": 7, "denoiser": "copy/of/brain-prior"}
    assert with_interval(reconstruction(settings=other), calibration()).interval is not None


def test_an_image_without_standard_deviation_is_refused():
    with pytest.raises(InputError, match="has no standard deviation"):
        with_interval(dataclasses.replace(reconstruction(), std=None), calibration())


def test_what_is_unlike_the_scans_it_was_learned_from_is_noted():
    made = reconstruction(sampling={"kind": "regular", "acceleration": 6.0}, source={"simulated": False})
    (_, note) = with_interval(made, calibration()).record.notes
    assert "the acceleration is 6× and was 4×" in note
    assert "the sampling is regular and was random" in note
    assert "this scan was measured and those were simulated" in note


def test_intervals_go_with_the_frames_into_files(tmp_path):
    made = with_interval(reconstruction(frames=2), calibration())
    both = join([made, made])
    assert both.interval.shape == (2, 4, 16, 16)
    ff.save(both, tmp_path / "image.npz")
    with np.load(tmp_path / "image.npz") as file:
        assert np.array_equal(file["lower"], both.interval[0].numpy())
        assert np.array_equal(file["upper"], both.interval[1].numpy())
    assert made.of_members().interval is None


def test_files_are_found_by_name_or_path_and_others_are_refused(tmp_path):
    path = tmp_path / "heads.json"
    path.write_text(calibration().model_dump_json())
    assert read_calibration(path) == calibration() == find_calibration(str(path))
    with pytest.raises(InputError, match="There are no intervals 'heds'"):
        find_calibration("heds")
    path.write_text('{"name": "heads"}')
    with pytest.raises(InputError, match="holds no intervals"):
        read_calibration(path)


def test_the_ends_are_series_of_nifti(tmp_path):
    import nibabel

    made = with_interval(reconstruction(), calibration())
    ff.save(made, tmp_path / "image.nii", series=["magnitude", "lower", "upper"])
    for name, end in (("lower", made.interval[0]), ("upper", made.interval[1])):
        values = nibabel.load(tmp_path / f"image_desc-{name}.nii").get_fdata()
        np.testing.assert_allclose(values[..., 0].T, end[0].numpy(), rtol=1e-5)
    with pytest.raises(InputError, match="has no lower"):
        ff.save(reconstruction(), tmp_path / "other.nii", series=["lower"])
