"""fourfold: accelerated MRI, from undersampled k-space to an image.

>>> import fourfold as ff
>>> scan = ff.undersample(ff.sample(), acceleration=4)
>>> image = ff.TotalVariation()(scan)
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fourfold.lazy import on_first_use

if TYPE_CHECKING:
    from fourfold.choose import choose_method
    from fourfold.classical.cg_sense import CgSense
    from fourfold.classical.dictionary import Dictionary
    from fourfold.classical.grappa import Grappa
    from fourfold.classical.joint import Joint
    from fourfold.classical.lustig2007 import Lustig2007
    from fourfold.classical.plug_and_play import PlugAndPlay
    from fourfold.classical.spirit import Spirit
    from fourfold.classical.tgv import TotalGeneralisedVariation
    from fourfold.classical.total_variation import TotalVariation
    from fourfold.classical.wavelet import Wavelet
    from fourfold.classical.zero_filled import ZeroFilled
    from fourfold.custom import Custom
    from fourfold.errors import InputError
    from fourfold.formats import load, open_scan, save, save_scan
    from fourfold.physics.volume import join_volume, split_volume
    from fourfold.report import write_report
    from fourfold.samples import sample
    from fourfold.sampling import undersample
    from fourfold.scan import Reconstruction, Sampling, Scan, Trajectory
    from fourfold.studies import compare, gfactor
    from fourfold.trained.cascade import Cascade
    from fourfold.trained.kspace_cnn import KspaceCnn
    from fourfold.trained.resnet import ResNet
    from fourfold.trained.unet import UNet
    from fourfold.trained.varnet import VarNet

__all__ = [
    "Cascade",
    "CgSense",
    "Custom",
    "Dictionary",
    "Grappa",
    "InputError",
    "Joint",
    "KspaceCnn",
    "Lustig2007",
    "PlugAndPlay",
    "Reconstruction",
    "ResNet",
    "Sampling",
    "Scan",
    "Spirit",
    "TotalGeneralisedVariation",
    "TotalVariation",
    "Trajectory",
    "UNet",
    "VarNet",
    "Wavelet",
    "ZeroFilled",
    "choose_method",
    "compare",
    "gfactor",
    "join_volume",
    "load",
    "open_scan",
    "sample",
    "save",
    "save_scan",
    "split_volume",
    "undersample",
    "write_report",
]

__version__ = version("fourfold")

# So that the command line's help does not wait for torch.
_HOMES = {
    "Cascade": "trained.cascade",
    "CgSense": "classical.cg_sense",
    "Custom": "custom",
    "Dictionary": "classical.dictionary",
    "Grappa": "classical.grappa",
    "InputError": "errors",
    "Joint": "classical.joint",
    "KspaceCnn": "trained.kspace_cnn",
    "Lustig2007": "classical.lustig2007",
    "PlugAndPlay": "classical.plug_and_play",
    "Reconstruction": "scan",
    "ResNet": "trained.resnet",
    "Sampling": "scan",
    "Scan": "scan",
    "Spirit": "classical.spirit",
    "TotalGeneralisedVariation": "classical.tgv",
    "TotalVariation": "classical.total_variation",
    "Trajectory": "scan",
    "UNet": "trained.unet",
    "VarNet": "trained.varnet",
    "Wavelet": "classical.wavelet",
    "ZeroFilled": "classical.zero_filled",
    "choose_method": "choose",
    "compare": "studies",
    "gfactor": "studies",
    "join_volume": "physics.volume",
    "load": "formats",
    "open_scan": "formats",
    "sample": "samples",
    "save": "formats",
    "save_scan": "formats",
    "split_volume": "physics.volume",
    "undersample": "sampling",
    "write_report": "report",
}


__getattr__ = on_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
