import pytest
import torch
from scipy.ndimage import gaussian_filter

from fourfold.intervals.observations import Observation


@pytest.fixture
def subjects():
    """Return a function that makes exchangeable subjects, whose std tells the error up to a factor."""

    def make(count: int, seed: int = 0, slices: int = 1, size: int = 32) -> list[Observation]:
        generator = torch.Generator().manual_seed(seed)
        made = []
        for number in range(count):
            for place in range(slices):
                field = torch.randn(size, size, generator=generator).numpy()
                std = 0.02 * torch.exp(0.8 * torch.from_numpy(gaussian_filter(field, 4, mode="wrap")) * 14)
                reference = torch.full((size, size), 0.5)
                reference[: size // 4] = 0.0  # air
                reference[-1, -1] = 1.0
                # The image's error is half as large again as std says.
                image = reference + 1.5 * std * torch.randn(size, size, generator=generator)
                record = {
                    "method": "diffusion",
                    "settings": {"members": 3, "seed": 0},
                    "details": {},
                    "sampling": {"kind": "random", "acceleration": 4.0},
                }
                quality = float(30 + torch.randn((), generator=generator))
                predicted = quality + 2 + float(torch.randn((), generator=generator))
                made.append(
                    Observation(
                        f"sub-{number:02}",
                        f"sub-{number:02}:{place}",
                        image,
                        std,
                        reference,
                        {"psnr": predicted},
                        {"psnr": quality},
                        record,
                        8,
                    )
                )
        return made

    return make
