"""The splitter of acquired samples: what every use of held-out samples relies on."""

import pytest
import torch

from fourfold.errors import InputError
from fourfold.sampling import make_sampling
from fourfold.sampling.hold_out import hold_out

SHAPE = (96, 80)
PATTERNS = {
    "random": {"acceleration": 4, "centre": 0.1},
    "gaussian": {"acceleration": 4, "lines": 12},
    "regular": {"acceleration": 4, "lines": 16},
    "kt-interleaved": {"acceleration": 4, "lines": 8, "frames": 3},
    "poisson-disc": {"acceleration": 4, "box": (12, 12)},
    "regular-2d": {"acceleration": 4, "box": (12, 12)},
}


def mask_of(kind: str, axis: str = "ky") -> torch.Tensor:
    return make_sampling(kind, SHAPE, axis=axis, **PATTERNS[kind]).mask


@pytest.mark.parametrize("kind", PATTERNS)
def test_held_out_samples_are_acquired_ones_chosen_by_the_seed(kind):
    mask = mask_of(kind)
    held = hold_out(mask, seed=3)
    assert held.any()
    assert not (held & ~mask).any()
    assert torch.equal(held, hold_out(mask, seed=3))
    assert not torch.equal(held, hold_out(mask, seed=4))


@pytest.mark.parametrize("axis", ["ky", "kx"])
@pytest.mark.parametrize("kind", ["random", "gaussian", "regular", "kt-interleaved"])
def test_patterns_of_lines_lose_whole_lines_in_the_exact_share(kind, axis):
    mask, share = mask_of(kind, axis), 0.2
    held = hold_out(mask, share)
    along = 2 if axis == "ky" else 1
    lines, acquired = held.any(dim=along), mask.any(dim=along)
    assert torch.equal(held, lines.unsqueeze(along) & mask)
    centre = make_sampling(kind, SHAPE, axis=axis, **PATTERNS[kind]).acs_shape[2 - along]
    for frame_lines, frame_acquired in zip(lines, acquired, strict=True):
        assert int(frame_lines.sum()) == round(share * (int(frame_acquired.sum()) - min(centre, 24)))


@pytest.mark.parametrize("kind", ["poisson-disc", "regular-2d"])
def test_other_patterns_lose_single_samples_in_the_exact_share(kind):
    sampling = make_sampling(kind, SHAPE, **PATTERNS[kind])
    box = sampling.acs_shape[0] * sampling.acs_shape[1]
    held = hold_out(sampling.mask, 0.1)
    assert int(held.sum()) == round(0.1 * (int(sampling.mask.sum()) - box))
    assert held.any(dim=2).sum() > 40


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("whole_lines", [True, False])
def test_the_calibration_centre_is_kept(kind, whole_lines):
    sampling = make_sampling(kind, SHAPE, **PATTERNS[kind])
    for seed in range(5):
        kept = sampling.mask & ~hold_out(sampling.mask, 0.5, seed=seed, whole_lines=whole_lines)
        rows, columns = (min(width, 24) for width in sampling.acs_shape)
        y, x = SHAPE[0] // 2 - rows // 2, SHAPE[1] // 2 - columns // 2
        assert kept[:, y : y + rows, x : x + columns].all()


def test_held_out_samples_are_spread_as_the_missing_ones():
    mask = torch.zeros(1, 200, 1, dtype=torch.bool)
    mask[:, :100:2], mask[:, 100::10] = True, True
    counts = sum(hold_out(mask.expand(-1, -1, 8), 0.2, seed=seed, centre=0).sum(dim=2) for seed in range(300))
    dense, sparse = counts[0, :80:2].float().mean(), counts[0, 120::10].float().mean()
    # Odds of (1 − p) / p: 1 where every second line was acquired, 9 where every tenth was.
    assert 4 < float(sparse / dense) < 9


def test_whole_shots_are_held_out_where_the_centre_is_not_special():
    held = hold_out(torch.ones(2, 40, 64, dtype=torch.bool), 0.25, centre=0)
    assert torch.equal(held.all(dim=2), held.any(dim=2))
    assert held.any(dim=2).sum(dim=1).tolist() == [10, 10]
    assert not torch.equal(held[0], held[1])


def test_a_split_that_makes_no_sense_is_refused():
    mask = mask_of("random")
    for share in (0, 1, -0.1, float("nan")):
        with pytest.raises(InputError, match="share of samples to hold out"):
            hold_out(mask, share)
    only_centre = torch.zeros_like(mask)
    only_centre[:, 40:56] = True
    with pytest.raises(InputError, match="outside the calibration centre"):
        hold_out(only_centre)
