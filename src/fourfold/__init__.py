"""fourfold: accelerated MRI, from undersampled k-space to an image.

>>> import fourfold as ff
>>> scan = ff.undersample(ff.sample(), acceleration=4)
>>> image = ff.TotalVariation()(scan)

Every reconstruction method is here under the name of its class.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fourfold.discovery import named_classes_in_source
from fourfold.lazy import on_first_use

if TYPE_CHECKING:
    # For editors and type checkers only; `make names` writes these lines.
    # begin names
    from fourfold.confidence.choose import choose_method as choose_method
    from fourfold.confidence.trust import trust as trust
    from fourfold.errors import InputError as InputError
    from fourfold.formats import load as load
    from fourfold.formats import load_image as load_image
    from fourfold.formats import open_scan as open_scan
    from fourfold.formats import save as save
    from fourfold.formats import save_scan as save_scan
    from fourfold.intervals.apply import with_interval as with_interval
    from fourfold.kspace.split_volume import join_volume as join_volume
    from fourfold.kspace.split_volume import split_volume as split_volume
    from fourfold.methods.classical.cg_sense import CgSense as CgSense
    from fourfold.methods.classical.custom import Custom as Custom
    from fourfold.methods.classical.dictionary import Dictionary as Dictionary
    from fourfold.methods.classical.grappa import Grappa as Grappa
    from fourfold.methods.classical.homodyne import Homodyne as Homodyne
    from fourfold.methods.classical.joint import Joint as Joint
    from fourfold.methods.classical.kt_total_variation import KtTotalVariation as KtTotalVariation
    from fourfold.methods.classical.locally_low_rank import LocallyLowRank as LocallyLowRank
    from fourfold.methods.classical.low_rank_sparse import LowRankSparse as LowRankSparse
    from fourfold.methods.classical.lustig2007 import Lustig2007 as Lustig2007
    from fourfold.methods.classical.nlinv import Nlinv as Nlinv
    from fourfold.methods.classical.plug_and_play import PlugAndPlay as PlugAndPlay
    from fourfold.methods.classical.pocs import Pocs as Pocs
    from fourfold.methods.classical.spirit import Spirit as Spirit
    from fourfold.methods.classical.tgv import TotalGeneralisedVariation as TotalGeneralisedVariation
    from fourfold.methods.classical.total_variation import TotalVariation as TotalVariation
    from fourfold.methods.classical.wavelet import Wavelet as Wavelet
    from fourfold.methods.classical.zero_filled import ZeroFilled as ZeroFilled
    from fourfold.methods.dithering import dither as dither
    from fourfold.methods.generative.diffusion import Diffusion as Diffusion
    from fourfold.methods.generative.jalal2021 import Jalal2021 as Jalal2021
    from fourfold.methods.generative.langevin import Langevin as Langevin
    from fourfold.methods.generative.latent import Latent as Latent
    from fourfold.methods.trained.cascade import Cascade as Cascade
    from fourfold.methods.trained.kspace_cnn import KspaceCnn as KspaceCnn
    from fourfold.methods.trained.resnet import ResNet as ResNet
    from fourfold.methods.trained.unet import UNet as UNet
    from fourfold.methods.trained.varnet import VarNet as VarNet
    from fourfold.methods.untrained.conv_decoder import ConvDecoder as ConvDecoder
    from fourfold.methods.untrained.convdecoder_brain import ConvDecoderBrain as ConvDecoderBrain
    from fourfold.methods.untrained.convdecoder_knee import ConvDecoderKnee as ConvDecoderKnee
    from fourfold.methods.untrained.deep_decoder import DeepDecoder as DeepDecoder
    from fourfold.methods.untrained.dip import Dip as Dip
    from fourfold.report import write_report as write_report
    from fourfold.sampling import undersample as undersample
    from fourfold.scan import FrameLabels as FrameLabels
    from fourfold.scan import Geometry as Geometry
    from fourfold.scan import Identity as Identity
    from fourfold.scan import Placement as Placement
    from fourfold.scan import Protocol as Protocol
    from fourfold.scan import Reconstruction as Reconstruction
    from fourfold.scan import Sampling as Sampling
    from fourfold.scan import Scan as Scan
    from fourfold.scan import Trajectory as Trajectory
    from fourfold.simulation.sample import sample as sample
    from fourfold.simulation.simulate import simulate as simulate
    from fourfold.studies import compare as compare
    from fourfold.studies import gfactor as gfactor
    # end names

__version__ = version("fourfold")

# The functions and values that are public, and their modules.
_OTHERS = {
    "FrameLabels": "scan",
    "Geometry": "scan",
    "Identity": "scan",
    "InputError": "errors",
    "Placement": "scan",
    "Protocol": "scan",
    "Reconstruction": "scan",
    "Sampling": "scan",
    "Scan": "scan",
    "Trajectory": "scan",
    "choose_method": "confidence.choose",
    "compare": "studies",
    "dither": "methods.dithering",
    "gfactor": "studies",
    "join_volume": "kspace.split_volume",
    "load": "formats",
    "load_image": "formats",
    "open_scan": "formats",
    "sample": "simulation.sample",
    "save": "formats",
    "save_scan": "formats",
    "simulate": "simulation.simulate",
    "split_volume": "kspace.split_volume",
    "trust": "confidence.trust",
    "undersample": "sampling",
    "with_interval": "intervals.apply",
    "write_report": "report",
}


def _methods() -> dict[str, str]:
    """Return the modules of all methods by the names of their classes, read from the sources without torch."""
    found = {}
    for family in ("classical", "untrained", "trained", "generative"):
        folder = Path(__file__).parent / "methods" / family
        modules = named_classes_in_source(folder).items()
        found.update({name: f"methods.{family}.{module}" for name, module in modules})
    return found


# Loaded on first use, so that the command line's help does not wait for torch.
_MODULES = {**_OTHERS, **_methods()}

__all__ = sorted(_MODULES)  # follows from the folders


__getattr__ = on_first_use(__name__, _MODULES)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
