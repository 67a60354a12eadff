"""What the page and the figure show: a comparison's results, or reconstructions alone, in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from fourfold.confidence.ranking import Ranking
from fourfold.confidence.result import Trust
from fourfold.errors import InputError, check_type
from fourfold.formats.orientation import View, orient_for_display, views
from fourfold.methods.registry import methods
from fourfold.metrics import Metric
from fourfold.report.pictures import Gallery
from fourfold.report.wording import labels
from fourfold.scan import TIMES, FrameLabels, Geometry, Reconstruction, Record, Scan
from fourfold.studies import Comparison
from fourfold.studies.ensemble import EnsembleScores
from fourfold.studies.std_check import StdCheck

__all__ = ["Results"]


@dataclass(frozen=True, eq=False)
class Results:
    """Reconstructions with their labels and, where there is a reference, their scores.

    Attributes
    ----------
    reconstructions, labels, scores
        One for each method; a score is found by its metric's name.
    metrics
        The metrics of the scores, in the order of the columns; empty without a reference.
    reference
        float32, (frame, y, x), or None.
    reference_name
        What the reference is, in words.
    omitted
        Name of each metric that does not suit the reference, with the sentence that says why.
    failures
        Titles of the methods that the data does not suit, with the sentence that says why.
    scan
        The scan from which the images were made, or None where it is not at hand.
    ensembles
        Scores of each method's members; None, or none at all, where there are no members or no reference.
    trusts
        How far to believe each image; None, or none at all, where that was not asked for.
    ranking
        The methods in the order of their held-back scores, or None.
    warnings
        Why each image should not be trusted, for the banner.
    std_checks
        How each method's standard deviation compares with the error; None, or none at all, where one is missing.

    Raises
    ------
    InputError
        When there is no image, or the scan has other frames than the images.
    """

    reconstructions: tuple[Reconstruction, ...]
    labels: tuple[str, ...]
    scores: tuple[Mapping[str, float], ...]
    metrics: tuple[Metric, ...] = ()
    reference: Tensor | None = None
    reference_name: str = ""
    omitted: tuple[tuple[str, str], ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    scan: Scan | None = None
    ensembles: tuple[EnsembleScores | None, ...] = ()
    trusts: tuple[Trust | None, ...] = ()
    ranking: Ranking | None = None
    warnings: tuple[tuple[str, ...], ...] = ()
    std_checks: tuple[StdCheck | None, ...] = ()

    @classmethod
    def of(
        cls,
        results: Comparison | Sequence[Reconstruction],
        scan: Scan | None = None,
        trusts: Sequence[Trust | None] = (),
    ) -> Results:
        """Return the results of a comparison, or of reconstructions without a reference (then `scan` may help)."""
        if not isinstance(results, Comparison):
            check_type(
                "What the report shows", results, (list, tuple), "give a comparison or a list of reconstructions"
            )
            made = tuple(results)
            for each in made:
                check_type("An image of the report", each, Reconstruction, "reconstruct a scan with a method")
            return cls(
                made,
                _labels(made),
                tuple({} for _ in made),
                scan=scan,
                trusts=tuple(trusts),
                warnings=tuple(_warnings(trust) for trust in trusts),
            )
        made = tuple(entry.reconstruction for entry in results.entries)
        return cls(
            made,
            _labels(made),
            tuple(entry.scores for entry in results.entries),
            results.metrics,
            results.reference,
            results.reference_name,
            results.omitted,
            tuple(results.grouped_failures(_title)),
            results.scan,
            tuple(entry.ensemble for entry in results.entries),
            tuple(entry.trust for entry in results.entries),
            results.ranking,
            tuple(entry.warnings for entry in results.entries),
            tuple(entry.std_check for entry in results.entries),
        )

    def __post_init__(self) -> None:
        if not self.reconstructions:
            why = "".join(f" {name}: {sentence}" for name, sentence in self.failures)
            raise InputError(f"There is no image to show; at least one method must suit the data.{why}")
        frames = self.reconstructions[0].image.shape[0]
        if self.scan is not None and self.scan.frames != frames:
            raise InputError(
                f"The scan has {self.scan.frames} frame(s) but the images have {frames}; "
                "give the scan that the images were made from."
            )

    @property
    def records(self) -> tuple[Record, ...]:
        """How each image was made."""
        return tuple(made.record for made in self.reconstructions)

    @property
    def simulated(self) -> bool:
        """Whether any image comes from simulated k-space."""
        return any(record.source.get("simulated", False) for record in self.records)

    @property
    def captions(self) -> tuple[str, ...]:
        """Labels of the images in the gallery."""
        return self.labels if self.reference is None else ("Reference", *self.labels)

    @property
    def geometry(self) -> Geometry:
        """Size and place of the images."""
        return self.reconstructions[0].geometry

    @property
    def frame_labels(self) -> FrameLabels:
        """What the frames are."""
        return self.reconstructions[0].labels

    def frame_name(self, frame: int) -> str:
        """Return the name of one frame: its number in the image, counted from 1, and its labels where known."""
        total, words = len(self.reconstructions[0].image), self.frame_labels.words(frame)
        return f"{frame + 1} of {total}" + (f" ({words})" if words else "")

    def series_at(self, frame: int) -> list[int]:
        """Return the frames that differ from this one in time alone, in their order; all where no time is known."""
        labels, every = self.frame_labels, list(range(len(self.reconstructions[0].image)))
        axis = next((name for name in TIMES if name in labels.varying), None)
        if axis is None:
            return every
        series = [each for each in every if labels.without(each, (axis,)) == labels.without(frame, (axis,))]
        return sorted(series, key=labels.numbers[axis].__getitem__) if len(series) > 1 else every

    @property
    def turned(self) -> bool:
        """Whether the gallery shows any image turned or flipped, to the radiological view."""
        return any(view != View() for view in views(self.geometry))

    @property
    def edges(self) -> list[tuple[str, str, str, str]] | None:
        """The patient's sides at the left, upper, right and lower edge of each shown frame, None where not known."""
        placements = self.geometry.placements
        shown = zip(views(self.geometry), placements, strict=True)
        return [view.edges(placement) for view, placement in shown] or None

    def turn(self, image: Tensor) -> NDArray[Any]:
        """Return an image (frame, y, x) in the radiological view, where the orientation is known."""
        turned: NDArray[Any] = orient_for_display(image.cpu().numpy(), self.geometry)
        return turned

    def gallery(self) -> Gallery:
        """Return the magnitude images in the radiological view, the reference first where there is one."""
        images = [made.magnitude for made in self.reconstructions]
        shown = images if self.reference is None else [self.reference, *images]
        turned = [self.turn(image) for image in shown]
        pixel = self.geometry.pixel_size
        if pixel is not None and any(view.exchanged for view in views(self.geometry)):
            pixel = pixel[::-1]
        return Gallery.of(turned, self.reference is not None, pixel)


def _warnings(trust: Trust | None) -> tuple[str, ...]:
    return () if trust is None else trust.warnings


def _labels(made: Sequence[Reconstruction]) -> tuple[str, ...]:
    names = [_title(one.record.method) for one in made]
    # The acceleration counts as a setting, so that one method at several accelerations has telling labels.
    choices = [{**one.record.settings, "acceleration": one.record.sampling.get("acceleration")} for one in made]
    return tuple(labels(names, choices))


def _title(name: str) -> str:
    """Return a method's name in running text; a method from elsewhere keeps its short name."""
    return methods()[name].title if name in methods() else name
