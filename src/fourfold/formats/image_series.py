"""The series of an image: magnitude, phase and standard deviation."""

from __future__ import annotations

from collections.abc import Sequence

from fourfold.errors import InputError, nearest
from fourfold.scan import Reconstruction

__all__ = ["SERIES", "check_series", "chosen_series"]

SERIES = ("magnitude", "phase", "std")
"""Names of the series, in the order of their numbers."""


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
        For an unknown name, and for the standard deviation of an image that has none.
    """
    if names is None:
        phase = ("phase",) if _has_phase(reconstruction) else ()
        return ("magnitude", *phase, *(() if reconstruction.std is None else ("std",)))
    check_series(names)
    if "std" in names and reconstruction.std is None:
        raise InputError(
            f"The image made by '{reconstruction.record.method}' has no standard deviation (std), which a method with "
            "several members makes: leave this series out."
        )
    return tuple(name for name in SERIES if name in names)


def _has_phase(reconstruction: Reconstruction) -> bool:
    """Whether some frame is no magnitude alone."""
    return any(bool(image.imag.any()) or bool((image.real < 0).any()) for image in reconstruction.image)
