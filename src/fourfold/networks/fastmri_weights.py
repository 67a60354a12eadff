"""Converts weights of the fastMRI package's U-Net and VarNet."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["from_fastmri"]

_LAYERS = (
    (r"(^|\.)down_sample_layers\.(\d+)\.", r"\1down.\2."),
    (r"(^|\.)conv\.layers\.", r"\1bottom.layers."),
    (r"(^|\.)up_transpose_conv\.(\d+)\.layers\.0\.", r"\1enlarge.\2."),
    (r"(^|\.)up_conv\.\d+\.1\.", r"\1last."),
    (r"(^|\.)up_conv\.(\d+)\.(?:0\.)?layers\.", r"\1up.\2.layers."),
    (r"\.layers\.0\.", ".first."),
    (r"\.layers\.4\.", ".second."),
    (r"^sens_net\.norm_unet\.", "sensitivity.unet."),
    (r"^cascades\.(\d+)\.model\.", r"regularisers.\1."),
)
_STEP = re.compile(r"cascades\.(\d+)\.dc_weight")


def from_fastmri(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of `UNet` or `VarNet` from that of fastMRI's model of the same shape.

    Parameters
    ----------
    weights
        ``state_dict()`` of ``fastmri.models.Unet`` or ``fastmri.models.VarNet``.
    """
    state: dict[str, Tensor] = {}
    steps: dict[int, Tensor] = {}
    for name, value in weights.items():
        step = _STEP.fullmatch(name)
        if step:
            steps[int(step[1])] = value
            continue
        for old, new in _LAYERS:
            name = re.sub(old, new, name)
        state[name] = value
    if steps:
        state["steps"] = torch.cat([steps[index] for index in sorted(steps)])
    return state
