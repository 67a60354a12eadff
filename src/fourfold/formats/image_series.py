"""The series of an image: magnitude, phase, standard deviation, and the ends of the interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, nearest
from fourfold.scan import Reconstruction

__all__ = ["SERIES", "check_series", "chosen_series", "series_values"]

SERIES = ("magnitude", "phase", "std", "lower", "upper")
"""Names of the series, in the order of their numbers."""
_MAKERS = {
    "std": "standard deviation (std), which a method with several members makes",
    "lower": "lower end of an interval (lower), which recon --intervals makes",
    "upper": "upper end of an interval (upper), which recon --intervals makes",
}


def check_series(names: Sequence[str]) -> None:
    """Refuse names that are no series, and an empty choice."""
    unknown = next((name for name in names if name not in SERIES), None)
    if unknown is not None or not names or isinstance(names, str):
        found = unknown if unknown is not None else names
        raise InputError(
            f"The series {found!r} are not known; give a list of {', '.join(SERIES)}.{nearest(str(found), SERIES)}"
        )


def chosen_series(names: Sequence[str] | None, reconstruction: Reconstruction) -> tuple[str, ...]:
    """Return the names of the series to write: those that were chosen, or all that the image has.

    Raises
    ------
    InputError
        For an unknown name, and for a standard deviation or an interval of an image that has none.
    """
    there = ("magnitude", *(("phase",) if _has_phase(reconstruction) else ()))
    there += () if reconstruction.std is None else ("std",)
    there += () if reconstruction.interval is None else ("lower", "upper")
    if names is None:
        return there
    check_series(names)
    missing = next((name for name in names if name in _MAKERS and name not in there), None)
    if missing is not None:
        raise _absent(missing, reconstruction)
    return tuple(name for name in SERIES if name in names)


def series_values(
    reconstruction: Reconstruction, name: str, frames: int | slice = slice(None)
) -> npt.NDArray[np.float32]:
    """Return the values (frame, y, x) of some frames of a series; (y, x) of a single one.

    Raises
    ------
    InputError
        For a series that the image does not have.
    """
    if name == "phase":
        return reconstruction.image[frames].angle().cpu().numpy()
    if name == "magnitude":
        return reconstruction.image[frames].abs().cpu().numpy()
    lower, upper = (None, None) if reconstruction.interval is None else reconstruction.interval
    values = {"std": reconstruction.std, "lower": lower, "upper": upper}[name]
    if values is None:
        raise _absent(name, reconstruction)
    return values[frames].cpu().numpy()


def _absent(name: str, reconstruction: Reconstruction) -> InputError:
    return InputError(
        f"The image made by '{reconstruction.record.method}' has no {_MAKERS[name]}: leave this series out."
    )


def _has_phase(reconstruction: Reconstruction) -> bool:
    """Whether some frame is no magnitude alone."""
    return any(bool(image.imag.any()) or bool((image.real < 0).any()) for image in reconstruction.image)
