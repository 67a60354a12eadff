"""The settings of all methods that use coil maps, and the estimation of the maps that they ask for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.espirit import Sets
from fourfold.errors import InputError
from fourfold.methods.joint_estimation import estimate_jointly
from fourfold.methods.method_settings import MethodSettings
from fourfold.scan import Scan

__all__ = ["ESPIRIT_LINES", "CoilMapSettings"]

# With fewer calibration lines ESPIRiT's maps are worse than NLINV's: 10 to 22 dB at 6 and 8 lines on a head, 8 coils.
ESPIRIT_LINES = 12


class CoilMapSettings(MethodSettings):
    """Settings of a method that needs coil maps, given with the scan or estimated from it."""

    coil_map_method: Literal["auto", "espirit", "nlinv", "walsh"] = "auto"
    """How to estimate coil maps: from the calibration lines (espirit, walsh), or together with an image from all
    samples (nlinv), which auto does where there are fewer than 12 such lines."""
    coil_map_threshold: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Estimated maps are zero where their eigenvalue is below this; auto keeps the object alone, 0 every pixel."""

    def with_coil_maps(self, scan: Scan, calibrated: Scan, sets: Sets = 1) -> tuple[Scan, tuple[str, ...]]:
        """Return the scan with coil maps, and notes on them for the reader.

        Maps that ESPIRiT is to estimate are left to `fourfold.coils.calibration.estimate_maps`: the scan then is as it
        was.

        Parameters
        ----------
        scan
            The measured data.
        calibrated
            The scan that maps are estimated from: `scan` itself, or the time average of a series.
        sets
            Sets of maps that will be wanted.

        Raises
        ------
        InputError
            When more sets are wanted than can be estimated.
        """
        given = scan.coils == 1 or scan.coil_maps is not None or scan.trajectory is not None
        if given or self.coil_map_method == "espirit":
            return scan, ()
        if self.coil_map_method == "auto" and _calibration_lines(calibrated) >= ESPIRIT_LINES:
            return scan, ()
        if sets not in (1, "auto"):
            raise InputError(
                f"{sets} sets of coil maps were asked for; only ESPIRiT gives more than one, from at least "
                f"{ESPIRIT_LINES} calibration lines: leave coil_map_sets out or acquire such lines."
            )
        if self.coil_map_method == "walsh":
            return scan.replace(coil_maps=estimate_maps(calibrated, algorithm="walsh")), ()
        joint = estimate_jointly(calibrated)
        reason = (
            f"The scan has fewer than {ESPIRIT_LINES} calibration lines: coil maps were estimated from all samples "
            "(NLINV)."
        )
        notes = (reason, *joint.notes) if self.coil_map_method == "auto" else joint.notes
        return scan.replace(coil_maps=joint.maps), notes


def _calibration_lines(scan: Scan) -> int:
    return min(central_calibration(scan, minimum=0).shape[-2:])
