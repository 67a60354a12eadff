"""What examples are made of and how, as settings state it."""

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

from fourfold.errors import InputError, short_repr

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
# Limits far beyond every use, so that a wrong number in a file is refused before memory is taken.
Length: TypeAlias = Annotated[int, Field(gt=0, le=2**15)]
Coils: TypeAlias = Annotated[int, Field(gt=0, le=1024)]
Zoom: TypeAlias = Annotated[float, Field(gt=0, le=16)]
Size: TypeAlias = tuple[Length, Length]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
AtMostOne: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Drawn: TypeAlias = Positive | tuple[Positive, Positive]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Images(_Settings):
    """Images, from which acquisitions are simulated."""

    kind: Literal["images"] = "images"
    """Tells images from raw data."""
    path: str
    """A file, a folder (with those inside it), or a pattern such as ``t1/*.npz``."""
    subject: str | None = None
    """Regular expression whose first match (or first group) in a slice's or file's name is the subject; unless given
    the text before the first ``:`` or ``@`` of a slice's name, or the file's name."""
    axis: Literal["axial", "coronal", "sagittal"] = "axial"
    """Which slices of a NIfTI volume."""
    slice_range: tuple[float, float] = (0.0, 1.0)
    """Which part of a NIfTI volume, along its slices: (0.2, 0.8) leaves out a fifth at both ends."""
    min_object_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Leave out slices with less than this share of their pixels above a tenth of the file's maximum; photographs are
    all taken."""
    crop: Size | None = (256, 256)
    """Size (ny, nx) that images are cut out to around the centre; None keeps each one's own."""
    pad: bool = True
    """Surround images that are smaller than that with zeros; False refuses them."""


class RawData(_Settings):
    """Raw data in any format that fourfold reads, fastMRI's folders among them: slices are read on demand."""

    kind: Literal["raw"]
    """Tells raw data from images."""
    path: str
    """A file, a folder (with those inside it), or a pattern such as ``multicoil_train/*.h5``."""
    subject: str | None = None
    """Regular expression whose first match (or first group) in the file's name is the subject; unless given the
    header's ``patient_id`` where there is one, or the file's name."""
    frame_range: tuple[float, float] = (0.0, 1.0)
    """Which part of the file's frames: (0, 0.8) leaves out the last fifth."""
    crop: Size | None = None
    """Size (ny, nx) of the field of view that is cut out around the centre; None keeps all of it."""
    coils: Coils | None = None
    """Compress to so many virtual coils."""
    prewhiten: bool = True
    """Make the coils' noise white where the file has a noise scan, as reconstruction does."""


Source: TypeAlias = Annotated[Images | RawData, Field(discriminator="kind")]


class Split(_Settings):
    """Which subjects are for training, validation and test; no subject is ever in two of them."""

    validation: Share | tuple[str, ...] = 0.1
    """Share of the subjects (one at least), or their names."""
    test: Share | tuple[str, ...] = ()
    """Share of the subjects (one at least), or their names."""
    training: tuple[str, ...] | None = None
    """Names; unless given all that are left."""
    seed: NonNegativeInt = 0
    """Orders the subjects, whatever else is among them: more data moves nobody across."""


class Masks(_Settings):
    """Which samples an example keeps."""

    kind: str = "random"
    """Any pattern of `fourfold.sampling`."""
    acceleration: Positive | tuple[Positive, ...] = 4.0
    """Of several one is drawn for each mask; met to the nearest whole number of lines, as sizes may differ."""
    centre: Share | tuple[Share, ...] | None = None
    """Fully sampled centre as a fraction of the lines; of several that of the acceleration at the same place."""
    lines: NonNegativeInt | tuple[NonNegativeInt, ...] | None = None
    """Number of calibration lines; of several that of the acceleration at the same place."""
    axis: Literal["ky", "kx"] | None = None
    """Along which lines are left out; unless given ky, or what a raw file says (fastMRI: kx)."""
    width: Positive | None = None
    """As in `fourfold.sampling.SamplingOptions`, like the next three."""
    box: tuple[NonNegativeInt, NonNegativeInt] | None = None
    power: NonNegativeFloat | None = None
    elliptical: bool | None = None
    count: PositiveInt | None = None
    """So many masks are made once and drawn from, others for validation and test; None makes a new one each time."""

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
        """Return `fourfold.sampling.SamplingOptions` that go with the acceleration of the number `choice`."""
        several = {name: getattr(self, name) for name in ("centre", "lines")}
        values = {name: value[choice] if isinstance(value, tuple) else value for name, value in several.items()}
        values |= {name: getattr(self, name) for name in ("width", "box", "power", "elliptical")}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def accelerations(self) -> tuple[float, ...]:
        """All accelerations that are drawn from."""
        return self.acceleration if isinstance(self.acceleration, tuple) else (self.acceleration,)


class Simulation(_Settings):
    """How an image becomes an acquisition; each example has numbers of its own."""

    coils: Coils | tuple[Coils, ...] = 8
    """Number of coils; of several one is drawn. One coil sees the image alike everywhere."""
    snr: Drawn | None = (20.0, 60.0)
    """Mean magnitude within the object over the noise of one coil's real part, or two ends; None adds no noise."""
    phase: NonNegativeFloat = 1.0
    """Standard deviation over the image of a smooth random phase in radians."""
    tissue_phase: NonNegativeFloat = 0.0
    """Standard deviation up to which tissues differ in phase, in radians, and up to half of it a field of fine detail.
    Fat, veins and edges in a scanner's image are out of phase with what is around them."""


class Augmentation(_Settings):
    """What is changed at random in training, and in training alone."""

    flip: bool = False
    """Mirror along either axis, each at even odds."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Turn images by up to so many degrees; raw data is left alone."""
    zoom: tuple[Zoom, Zoom] = (1.0, 1.0)
    """Enlarge images by a factor between these, before they are cropped; raw data is left alone."""
    resolution: tuple[AtMostOne, AtMostOne] = (1.0, 1.0)
    """Keep a share between these of the k-space of images along either axis, its centre, before they are cropped. Files
    hold images that were interpolated, filtered or averaged, whose outer k-space is nearly empty; a scanner's is not.
    Raw data is left alone."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Raise the magnitude of images, from 0 to 1, to a power from 1 − contrast to 1 / (1 − contrast); raw
    data is left alone."""
    shading: NonNegativeFloat = 0.0
    """Multiply images by a random field, smooth or spotted, whose logarithm has a standard deviation up to this: near
    its coils, and in fat and vessels, a scanner's image is many times brighter than elsewhere. Raw data is left
    alone."""
    shift: bool = False
    """Crop anywhere rather than at the centre."""
    sizes: tuple[Size, ...] = ()
    """Crop to one of these, drawn for each example, rather than to the source's `crop`."""


class DataSettings(_Settings):
    """Data for training, validation and test.

    Either `sources` and how they are `split`, or `training`, `validation` and `test` each with sources of its own.
    """

    sources: tuple[Source, ...] = ()
    """Data that is split."""
    split: Split = Split()
    """How `sources` are split, by subject."""
    training: tuple[Source, ...] = ()
    """Data for training."""
    validation: tuple[Source, ...] = ()
    """Data for validation."""
    test: tuple[Source, ...] = ()
    """Data for test."""
    images: PositiveInt | None = None
    """At most so many images or slices for training, drawn by `split`'s seed: the first 100 of 300 are those of 100."""
    validation_images: PositiveInt | None = None
    """Likewise for validation."""
    test_images: PositiveInt | None = None
    """Likewise for test."""
    masks: Masks | tuple[Masks, ...] | None = Masks()
    """Which samples are kept; of several kinds each example draws one, and None takes raw data as acquired, without a
    reference."""
    simulation: Simulation = Simulation()
    """How images become acquisitions."""
    augmentation: Augmentation = Augmentation()
    """What is changed at random in training."""
    maps: Literal["espirit", "true", "none"] = "espirit"
    """Coil maps: estimated from the calibration lines as methods do, the simulated ones, or none."""
    coil_map_threshold: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Estimated maps are zero where their eigenvalue is below this; auto keeps the object alone, 0 every pixel."""
    reference: Literal["image", "rss"] = "image"
    """image: complex, with the phase that the coil maps leave to it; of raw data the combination with the coil maps.
    rss: the magnitude, of raw data the root-sum-of-squares of the coil images."""
    calibration_size: PositiveInt | None = None
    """At most so many samples of the calibration box along either axis, around its centre; None keeps all, as the
    methods with trained networks do."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(_explain(error)) from None

    @model_validator(mode="after")
    def _consistent(self) -> DataSettings:
        apart = self.training or self.validation or self.test
        if bool(self.sources) == bool(apart):
            found = "Both" if apart else "Neither"
            raise InputError(
                f"{found} 'sources' and 'training', 'validation', 'test' are given; name sources to be split by "
                "subject, or each part's own."
            )
        every = (*self.sources, *self.training, *self.validation, *self.test)
        raw = [source for source in every if source.kind == "raw"]
        if self.masks is None and len(raw) < len(every):
            raise InputError("Simulated acquisitions are fully sampled without masks; give 'masks' for images.")
        augmentation = self.augmentation
        trained_on = (*self.sources, *self.training)
        kept = {name: getattr(augmentation, name) for name in ("flip", "shift", "sizes")}
        if augmentation != Augmentation(**kept) and all(source.kind == "raw" for source in trained_on):
            raise InputError(
                "Turned, enlarged, shaded or with another contrast or resolution, raw data would be no measurement; "
                "leave out rotation, zoom, resolution, contrast and shading."
            )
        if self.masks is None and augmentation != Augmentation():
            raise InputError("Undersampled data stays as acquired; leave out 'augmentation', or give 'masks'.")
        if self.maps == "true" and raw:
            raise InputError("Nobody knows the true coil maps of raw data; choose maps 'espirit' or 'none'.")
        return self

    def limit(self, part: Part) -> int | None:
        """Return how many images a part may have, None for all."""
        limits = {"training": self.images, "validation": self.validation_images, "test": self.test_images}
        return limits[part]


def _explain(error: ValidationError) -> str:
    """Return the first complaint as one sentence that names the setting."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    where = ".".join(str(each) for each in first["loc"] if not str(each).startswith("function"))
    if first["type"] == "extra_forbidden":
        return f"The data has no setting '{where}'; check the spelling."
    if first["type"] == "missing":
        return f"The data's setting '{where}' is missing; give it."
    expected = first["msg"][0].lower() + first["msg"][1:]
    return f"The data's setting '{where}' is {short_repr(first['input'])}; {expected}."
