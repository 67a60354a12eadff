"""Changes of k-space that may not show in an image: its scale, the order of coils, and a constant phase."""

import pytest
import torch

_CHANGES = {
    "larger": lambda kspace: kspace * 1e6,
    "smaller": lambda kspace: kspace * 1e-6,
    "other order of coils": lambda kspace: kspace[:, [2, 0, 3, 1]],
    "other phase": lambda kspace: kspace * torch.polar(torch.tensor(1.0), torch.tensor(1.1)),
}
each_change = pytest.mark.parametrize("change", list(_CHANGES.values()), ids=list(_CHANGES))


def assert_unchanged(method, change, scan):
    """For a scan of four coils."""
    image = method(scan).magnitude
    changed = method(scan.replace(kspace=change(scan.kspace))).magnitude
    factor = float(image.norm() / changed.norm())
    assert min(abs(factor / each - 1) for each in (1, 1e6, 1e-6)) < 1e-3
    assert torch.allclose(changed * factor, image, atol=2e-3 * float(image.max()))
