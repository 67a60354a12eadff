"""Settings of training data: sources, split, masks, simulation and augmentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from fourfold.errors import InputError, explain_settings

__all__ = [
    "Augmentation",
    "DataSettings",
    "Images",
    "Masks",
    "Part",
    "RawData",
    "Simulation",
    "Size",
    "Source",
    "Split",
]

Part: TypeAlias = Literal["training", "validation", "test"]
# Limits far beyond practical values: a wrong number is rejected before memory is allocated.
Length: TypeAlias = Annotated[int, Field(gt=0, le=2**15)]
Coils: TypeAlias = Annotated[int, Field(gt=0, le=1024)]
Zoom: TypeAlias = Annotated[float, Field(gt=0, le=16)]
Size: TypeAlias = tuple[Length, Length]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
InnerFraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
Fraction: TypeAlias = Annotated[float, Field(gt=0, le=1)]
NumberOrRange: TypeAlias = Positive | tuple[Positive, Positive]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Images(_Settings):
    """A source of images, from which acquisitions are simulated."""

    kind: Literal["images"] = "images"
    """Name in settings."""
    path: str
    """A file, a folder (searched recursively), or a pattern such as ``t1/*.npz``."""
    subject: str | None = None
    """Regular expression whose first match (or first group) in a slice's or file's name is the subject. By default the
    part of a slice's name before the first ``:`` or ``@``, or the file's name."""
    axis: Literal["axial", "coronal", "sagittal"] = "axial"
    """Orientation of the slices of a NIfTI volume."""
    slice_range: tuple[float, float] = (0.0, 1.0)
    """Slices of a NIfTI volume that are used, as fractions of its extent: (0.2, 0.8) leaves out a fifth at both
    ends."""
    min_object_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Leave out slices with less than this fraction of their pixels above a tenth of the file's maximum. Photographs
    are all used."""
    crop: Size | None = (256, 256)
    """Size (ny, nx) of a crop around the centre; None keeps the images' sizes."""
    pad: bool = True
    """Zero-pad images that are smaller than `crop`; False rejects them."""


class RawData(_Settings):
    """A source of raw data in any format that fourfold reads, such as fastMRI's folders. Slices are read on demand."""

    kind: Literal["raw"]
    """Name in settings."""
    path: str
    """A file, a folder (searched recursively), or a pattern such as ``multicoil_train/*.h5``."""
    subject: str | None = None
    """Regular expression whose first match (or first group) in the file's name is the subject. By default the header's
    ``patient_id``, or the file's name."""
    frame_range: tuple[float, float] = (0.0, 1.0)
    """Frames of the file that are used, as fractions of their number: (0, 0.8) leaves out the last fifth."""
    crop: Size | None = None
    """Size (ny, nx) of a central field of view; None keeps the whole one."""
    coils: Coils | None = None
    """Number of virtual coils after compression; None does not compress."""
    prewhiten: bool = True
    """Prewhiten the coils where the file has a noise scan."""


Source: TypeAlias = Annotated[Images | RawData, Field(discriminator="kind")]


class Split(_Settings):
    """Subjects for training, validation and test; no subject is in two of them."""

    validation: InnerFraction | tuple[str, ...] = 0.1
    """Fraction of the subjects (at least one), or their names."""
    test: InnerFraction | tuple[str, ...] = ()
    """Fraction of the subjects (at least one), or their names."""
    training: tuple[str, ...] | None = None
    """Names of the subjects; all remaining ones by default."""
    seed: NonNegativeInt = 0
    """Seed of the assignment. Adding subjects never changes existing assignments."""


class Masks(_Settings):
    """Sampling masks of the examples."""

    kind: str = "random"
    """Any pattern of `fourfold.sampling`."""
    acceleration: Positive | tuple[Positive, ...] = 4.0
    """Acceleration, rounded to a whole number of lines; of several, one is drawn for each mask."""
    centre: InnerFraction | tuple[InnerFraction, ...] | None = None
    """Fully sampled centre as a fraction of the lines; several values correspond to the accelerations."""
    lines: NonNegativeInt | tuple[NonNegativeInt, ...] | None = None
    """Number of calibration lines; several values correspond to the accelerations."""
    axis: Literal["ky", "kx"] | None = None
    """Undersampled axis; by default ky, or that of the raw data's format (fastMRI: kx)."""
    width: Positive | None = None
    """As in `fourfold.sampling.SamplingOptions`, like the next three."""
    box: tuple[NonNegativeInt, NonNegativeInt] | None = None
    power: NonNegativeFloat | None = None
    elliptical: bool | None = None
    count: PositiveInt | None = None
    """Size of a fixed set of masks, from which one is drawn for each example. Training, validation and test have
    different sets. None makes a new mask for each example."""

    @model_validator(mode="after")
    def _paired(self) -> Masks:
        accelerations = self.accelerations
        for name in ("centre", "lines"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != len(accelerations):
                raise InputError(
                    f"There are {len(accelerations)} accelerations and {len(value)} values of {name}; give one for "
                    "each acceleration, or one for all."
                )
        return self

    def options(self, choice: int) -> dict[str, Any]:
        """Return the `fourfold.sampling.SamplingOptions` of the acceleration with the index `choice`."""
        paired = {name: getattr(self, name) for name in ("centre", "lines")}
        values = {name: value[choice] if isinstance(value, tuple) else value for name, value in paired.items()}
        values |= {name: getattr(self, name) for name in ("width", "box", "power", "elliptical")}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def accelerations(self) -> tuple[float, ...]:
        """The accelerations, one of which is drawn for each mask."""
        return self.acceleration if isinstance(self.acceleration, tuple) else (self.acceleration,)


class Simulation(_Settings):
    """How acquisitions are simulated from images; every example has its own random numbers."""

    coils: Coils | tuple[Coils, ...] = 8
    """Number of coils; of several, one is drawn for each example. A single coil has uniform sensitivity."""
    snr: NumberOrRange | None = (20.0, 60.0)
    """Mean magnitude within the object over the standard deviation of the real part of one coil's noise. A range is
    drawn from log-uniformly; None adds no noise."""
    phase: NonNegativeFloat = 1.0
    """Standard deviation of a smooth random phase over the image, in radians."""
    tissue_phase: NonNegativeFloat = 0.0
    """Largest standard deviation of phase differences between tissues, in radians. A random field of fine detail is
    added with up to half of it. In measured images, fat, veins and edges differ in phase from their surroundings."""


class Augmentation(_Settings):
    """Random augmentation of training examples; validation and test examples are unchanged."""

    flip: bool = False
    """Mirror along either axis, each with probability 0.5."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest rotation of images in degrees; raw data is unchanged."""
    zoom: tuple[Zoom, Zoom] = (1.0, 1.0)
    """Range of the scale factor of images, before they are cropped; raw data is unchanged."""
    resolution: tuple[Fraction, Fraction] = (1.0, 1.0)
    """Range of the fraction of k-space along either axis, around its centre, that images keep before they are cropped.
    Image files are often interpolated, filtered or averaged, so that their outer k-space is nearly empty, unlike a
    scanner's. Raw data is unchanged."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Raise the magnitude of images, scaled to 0 to 1, to a power from 1 − contrast to 1 / (1 − contrast); raw data is
    unchanged."""
    shading: NonNegativeFloat = 0.0
    """Multiply images by a random field whose logarithm has a standard deviation up to this value. Measured images are
    many times brighter near the coils, in fat and in vessels. Raw data is unchanged."""
    shift: bool = False
    """Crop at a random position rather than at the centre."""
    sizes: tuple[Size, ...] = ()
    """Sizes (ny, nx), one of which is drawn for each example; they replace the source's `crop`."""


class DataSettings(_Settings):
    """Data for training, validation and test.

    Either `sources` and their `split`, or separate sources for `training`, `validation` and `test`.
    """

    sources: tuple[Source, ...] = ()
    """Sources that are split by subject."""
    split: Split = Split()
    """How `sources` are split."""
    training: tuple[Source, ...] = ()
    """Sources for training."""
    validation: tuple[Source, ...] = ()
    """Sources for validation."""
    test: tuple[Source, ...] = ()
    """Sources for test."""
    images: PositiveInt | None = None
    """Number of images for training, drawn with the seed of `split`; a smaller number takes a subset. None uses all."""
    validation_images: PositiveInt | None = None
    """Number of images for validation."""
    test_images: PositiveInt | None = None
    """Number of images for test."""
    masks: Masks | tuple[Masks, ...] | None = Masks()
    """Sampling masks; of several kinds, one is drawn for each example. None uses raw data as acquired, without a
    reference."""
    simulation: Simulation = Simulation()
    """Simulation of acquisitions from images."""
    augmentation: Augmentation = Augmentation()
    """Augmentation of training examples."""
    maps: Literal["espirit", "true", "none"] = "espirit"
    """Coil maps: estimated from the calibration lines by ESPIRiT, the true ones of a simulation, or none."""
    coil_map_threshold: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Estimated maps are zero where their eigenvalue is below this; auto keeps the object only, 0 keeps every pixel."""
    reference: Literal["image", "rss", "measured"] = "image"
    """image: complex, with the phase that belongs to the coil maps; for raw data the combination with the coil maps.
    rss: the magnitude; for raw data the root-sum-of-squares of the coil images. measured: this root-sum-of-squares of
    simulated scans too, with their noise."""
    calibration_size: PositiveInt | None = None
    """Largest size of the calibration region along either axis, in samples; None keeps all of it, as trained methods
    do."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "data", "", type(self).model_fields)) from None

    @model_validator(mode="after")
    def _consistent(self) -> DataSettings:
        separate = self.training or self.validation or self.test
        if bool(self.sources) == bool(separate):
            given = "Both" if separate else "Neither"
            raise InputError(
                f"{given} 'sources' and 'training', 'validation', 'test' are given; give either sources that are split "
                "by subject, or separate sources for each part."
            )
        every = (*self.sources, *self.training, *self.validation, *self.test)
        raw = [source for source in every if source.kind == "raw"]
        if self.masks is None and len(raw) < len(every):
            raise InputError("Simulated acquisitions are fully sampled without masks; give 'masks' for images.")
        augmentation = self.augmentation
        trained_on = (*self.sources, *self.training)
        for_raw_data = {name: getattr(augmentation, name) for name in ("flip", "shift", "sizes")}
        if augmentation != Augmentation(**for_raw_data) and all(source.kind == "raw" for source in trained_on):
            raise InputError(
                "Raw data cannot be rotated or scaled, or be given shading, another contrast or resolution; leave out "
                "rotation, zoom, resolution, contrast and shading."
            )
        if self.masks is None and augmentation != Augmentation():
            raise InputError("Undersampled data stays as acquired; leave out 'augmentation', or give 'masks'.")
        if self.maps == "true" and raw:
            raise InputError("The true coil maps of raw data are unknown; choose maps 'espirit' or 'none'.")
        return self

    def limit(self, part: Part) -> int | None:
        """Return the number of images of a part; None for all."""
        limits = {"training": self.images, "validation": self.validation_images, "test": self.test_images}
        return limits[part]
