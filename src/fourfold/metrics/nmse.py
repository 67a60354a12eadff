"""Normalised mean squared error."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric

__all__ = ["NMSE", "nmse"]


def nmse(image: Tensor, reference: Tensor) -> float:
    """Return the normalised squared error ‖image − reference‖² / ‖reference‖²; NaN when both are zero."""
    return float((image - reference).square().sum() / reference.square().sum())


NMSE = Metric(
    name="nmse",
    title="NMSE",
    statement=(
        "Normalised mean squared error ‖image − reference‖² / ‖reference‖² over all pixels of the volume "
        "(fastMRI's convention)."
    ),
    needs="Any size; a reference that is not zero everywhere.",
    higher_is_better=False,
    measure=lambda image, reference, _: nmse(image, reference),
    pooled=True,
    display_order=20,
)
