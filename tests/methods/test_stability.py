"""Another processor rounds otherwise: a change of the samples in their last digits may not show in the image."""

import pytest
import torch

from fourfold.denoisers.block_matching import BlockMatching
from fourfold.methods.registry import methods
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate

ROUNDING = 1e-6
# These end before they settle, as published, so that rounding errors grow from iteration to iteration.
LARGER_TOLERANCES = {"lustig2007": 2e-2, "nlinv": 5e-2}
# Some methods need a setting.
NEEDED = {"custom": {"regulariser": "tv"}}
# Networks without weights of their own, those whose fit is chaos (test_untrained.py looks at several seeds), and those
# that draw images for minutes (test_generative.py).
LEFT_OUT = {"unet", "kspace-cnn"} | {
    name for name, method in methods().items() if method.family in ("untrained", "generative")
}


def rounded_otherwise(samples, seed):
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(seed))
    return samples * (1 + ROUNDING * noise)


@pytest.fixture(scope="module")
def full():
    return simulate(phantom((63, 64)), coils=4, snr=60, seed=1)


@pytest.fixture(scope="module")
def scans(full):
    series = full.replace(kspace=torch.cat([full.kspace * (1 + 0.05 * time) for time in range(8)]), sampling=None)
    return {
        "frame": undersample(full, "random", 3, centre=0.25, seed=0),
        "series": undersample(series, "kt-interleaved", 3, lines=16),
    }


@pytest.mark.parametrize("name", sorted(methods().keys() - LEFT_OUT))
def test_rounding_errors_do_not_show(name, scans):
    method = methods()[name](**NEEDED.get(name, {}))
    scan = scans[method.scope]
    image = method(scan).magnitude
    for seed in (0, 1):
        other = method(scan.replace(kspace=rounded_otherwise(scan.kspace, seed))).magnitude
        assert float((other - image).norm()) < LARGER_TOLERANCES.get(name, 2e-3) * float(image.norm())


@pytest.mark.parametrize("snr", [None, 20])
def test_block_matching_is_continuous(snr):
    """Patches that are as like as others may take one another's place: without noise very many are.

    Block matching that lets them jumps by 0.2.
    """
    image = phantom((63, 64)).to(torch.complex64)[None]
    if snr is not None:
        image = image + torch.randn(63, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)) / snr
    denoised = BlockMatching()(image, 0.05)
    for seed in range(3):
        other = BlockMatching()(rounded_otherwise(image, seed), 0.05)
        assert float((other - denoised).abs().max()) < 2e-3
