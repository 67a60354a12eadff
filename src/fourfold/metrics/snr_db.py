"""Signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.metrics.metric import Metric

__all__ = ["SNR_DB", "snr_db"]


def snr_db(image: Tensor, reference: Tensor) -> float:
    """Return the ratio 20·log₁₀(‖reference‖ / ‖image − reference‖) in dB; infinite when equal."""
    return float(-10 * torch.log10((image - reference).square().sum() / reference.square().sum()))


SNR_DB = Metric(
    name="snr-db",
    title="SNR (dB)",
    statement=(
        "Signal-to-noise ratio 20·log10(‖reference‖ / ‖image − reference‖) in dB of each frame; mean "
        "over frames (Ghodrati et al. 2019)."
    ),
    needs="Any size; signal in every frame of the reference.",
    higher_is_better=True,
    measure=lambda image, reference, _: snr_db(image, reference),
    decimals=2,
    frame_content="signal",
    display_order=70,
)
