"""`trust` as a whole: parts, cost, warnings, seeds, frames, interruption."""

import json
from typing import ClassVar

import pytest
import torch

import fourfold as ff
from fourfold.confidence.check import check_method
from fourfold.errors import InputError
from fourfold.methods.method import Solution
from fourfold.scan import FrameLabels, Scan


class Guesses(ff.TotalVariation):
    """A method of a trained network's family that makes its image up where nothing was measured."""

    name: ClassVar[str] = "guesses"
    family: ClassVar[str] = "trained"

    def solve(self, scan, progress):
        solution = super().solve(scan, progress)
        noise = torch.randn(scan.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))
        own = solution.before_data_consistency
        image = solution.image if own is None else own
        return Solution(image + 0.1 * image.abs().max() * noise[None])


@pytest.fixture(scope="module")
def found(head):
    return ff.trust(ff.TotalVariation(weight=0.005), head.scan)


def test_every_part_has_value_assumption_and_cost(found):
    assert [part.name for part in found.parts] == [
        "held-back error",
        "measured error",
        "bootstrap std",
        "null component",
    ]
    assert all(part.assumption.endswith(".") and part.seconds >= 0 for part in found.parts)
    assert found.part("null component").map.shape == found.part("bootstrap std").map.shape == (1, 80, 64)
    assert dict(found.omitted)["coverage"] == "The method 'tv' makes one image and no members."
    assert found.reconstructions <= 6
    assert not found.warnings
    json.dumps(found.summary())


def test_the_same_seed_gives_the_same_values(found, head):
    names = ["held-back error", "bootstrap std"]
    again = ff.trust(ff.TotalVariation(weight=0.005), head.scan, names, reconstruction=found.reconstruction)
    assert [again.part(name).value for name in names] == [found.part(name).value for name in names]
    other = ff.trust(ff.TotalVariation(weight=0.005), head.scan, names[:1], seed=1)
    assert other.part(names[0]).value != found.part(names[0]).value


def test_a_method_below_a_simpler_one_says_so(head):
    warnings = ff.trust(Guesses(weight=0.005), head.scan, ["held-back error"]).warnings
    assert any("worse than 'tv', which is simpler" in sentence for sentence in warnings)
    assert any("worse than 'tv'" in sentence for sentence in check_method(Guesses(weight=0.005), head.scan))
    assert not check_method(ff.TotalVariation(weight=0.005), head.scan)


def test_frames_keep_their_labels_and_order(head):
    two = Scan(
        torch.cat([head.scan.kspace, 2 * head.scan.kspace.flip(3)]),
        sampling=head.scan.sampling,
        noise=head.scan.noise,
        labels=FrameLabels({"slice": [4, 7]}),
    )
    found = ff.trust(ff.CgSense(weight=0.01), two, ["held-back error", "null component"])
    assert found.reconstruction.labels.numbers == {"slice": (4, 7)}
    part = found.part("held-back error")
    assert len(part.by_frame) == 2
    assert min(part.by_frame) < part.value < max(part.by_frame)
    alone = ff.trust(ff.CgSense(weight=0.01), two.frame(1), ["held-back error", "null component"])
    assert alone.part("held-back error").value == pytest.approx(part.by_frame[1], abs=1e-4)
    torch.testing.assert_close(alone.part("null component").map[0], found.part("null component").map[1])


def test_members_have_a_standard_deviation_and_a_coverage(head):
    sampler = ff.Diffusion(members=2, steps=2, solver_iterations=2)
    found = ff.trust(sampler, head.scan, ["members' std", "coverage"])
    assert found.part("members' std").map.shape == (1, 80, 64)
    assert 0 <= found.part("coverage").value <= 100
    assert found.part("coverage").details[0]["temperature"] > 0


def test_an_interruption_ends_it(head):
    def interrupt(_, words):
        if "without" in words:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ff.trust(ff.CgSense(), head.scan, progress=interrupt)


def test_what_cannot_be_said_is_listed_with_the_reason(head):
    full = head.scan.replace(sampling=ff.Sampling(torch.ones_like(head.scan.mask)))
    found = ff.trust("zero-filled", full.replace(kspace=full.kspace + 0.01))
    assert "Every sample outside the centre was acquired" in dict(found.omitted)["held-back error"]
    with pytest.raises(InputError, match="There is no part 'held-back error' here: Every sample"):
        found.part("held-back error")
    with pytest.raises(InputError, match="There is no part 'sure'; known are held-back error"):
        ff.trust("tv", head.scan, ["sure"])
