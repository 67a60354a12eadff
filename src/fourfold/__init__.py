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
    from fourfold.errors import InputError
    from fourfold.formats import load, open_scan, save, save_scan
    from fourfold.kspace.split_volume import join_volume, split_volume
    from fourfold.methods.choose import choose_method
    from fourfold.methods.classical.cg_sense import CgSense
    from fourfold.methods.classical.dictionary import Dictionary
    from fourfold.methods.classical.grappa import Grappa
    from fourfold.methods.classical.joint import Joint
    from fourfold.methods.classical.lustig2007 import Lustig2007
    from fourfold.methods.classical.plug_and_play import PlugAndPlay
    from fourfold.methods.classical.spirit import Spirit
    from fourfold.methods.classical.tgv import TotalGeneralisedVariation
    from fourfold.methods.classical.total_variation import TotalVariation
    from fourfold.methods.classical.wavelet import Wavelet
    from fourfold.methods.classical.zero_filled import ZeroFilled
    from fourfold.methods.custom import Custom
    from fourfold.methods.trained.cascade import Cascade
    from fourfold.methods.trained.kspace_cnn import KspaceCnn
    from fourfold.methods.trained.resnet import ResNet
    from fourfold.methods.trained.unet import UNet
    from fourfold.methods.trained.varnet import VarNet
    from fourfold.report import write_report
    from fourfold.sampling import undersample
    from fourfold.scan import Reconstruction, Sampling, Scan, Trajectory
    from fourfold.simulation.sample import sample
    from fourfold.studies import compare, gfactor

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
    "Cascade": "methods.trained.cascade",
    "CgSense": "methods.classical.cg_sense",
    "Custom": "methods.custom",
    "Dictionary": "methods.classical.dictionary",
    "Grappa": "methods.classical.grappa",
    "InputError": "errors",
    "Joint": "methods.classical.joint",
    "KspaceCnn": "methods.trained.kspace_cnn",
    "Lustig2007": "methods.classical.lustig2007",
    "PlugAndPlay": "methods.classical.plug_and_play",
    "Reconstruction": "scan",
    "ResNet": "methods.trained.resnet",
    "Sampling": "scan",
    "Scan": "scan",
    "Spirit": "methods.classical.spirit",
    "TotalGeneralisedVariation": "methods.classical.tgv",
    "TotalVariation": "methods.classical.total_variation",
    "Trajectory": "scan",
    "UNet": "methods.trained.unet",
    "VarNet": "methods.trained.varnet",
    "Wavelet": "methods.classical.wavelet",
    "ZeroFilled": "methods.classical.zero_filled",
    "choose_method": "methods.choose",
    "compare": "studies",
    "gfactor": "studies",
    "join_volume": "kspace.split_volume",
    "load": "formats",
    "open_scan": "formats",
    "sample": "simulation.sample",
    "save": "formats",
    "save_scan": "formats",
    "split_volume": "kspace.split_volume",
    "undersample": "sampling",
    "write_report": "report",
}


__getattr__ = on_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
