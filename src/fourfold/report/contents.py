"""The page's contents as plain values, for the template and for the viewer's scripts."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fourfold.formats.orientation import axis_codes, plane_name
from fourfold.report.encoding import integers, quantised, still
from fourfold.report.ensembles import ensembles
from fourfold.report.pictures import AMPLIFICATIONS, KSPACE_FLOOR, Box, Gallery, amplification, kspace_codes
from fourfold.report.results import Results
from fourfold.report.trusts import banner, ranking_rows, trusts
from fourfold.report.wording import decimal, number, pairs, sampling_words
from fourfold.scan import FrameRecord, Placement, Record, Scan

__all__ = ["contents"]

PIXEL_BUDGET = 48 * 2**20
"""Bytes of images in one page; of longer series an even choice of frames is shown, and the page says so."""

BESIDE_IMAGES = ("psnr", "fastmri-ssim")
"""Scores written beside each image where they are to be had; the table has them all."""

SECOND_DECIMALS = 2

NOT_KNOWN = "not known"


def contents(results: Results, gallery: Gallery, box: Box) -> dict[str, Any]:
    """Return every variable of the template ``page.html``."""
    deviations = _deviations(results, gallery)
    frames = _chosen_frames(gallery, len(gallery.images) + sum(each is not None for each in deviations))
    start = int(np.argmin(np.abs(frames - gallery.start)))
    samplings = [record.sampling for record in results.records]
    alike = all(sampling == samplings[0] for sampling in samplings)
    codes = [kspace_codes(results.scan, int(frame)) for frame in frames] if results.scan else []
    return {
        "simulated": results.simulated,
        "facts": _facts(results, gallery, len(frames)),
        "has_reference": gallery.has_reference,
        "has_deviation": any(each is not None for each in deviations),
        "reference_name": results.reference_name,
        "unit": gallery.unit,
        "unit_of": "the reference" if gallery.has_reference else "the first image",
        "turned": results.turned,
        "orientation_known": bool(results.geometry.placements),
        "frames": gallery.shape[0],
        "frame_numbers": frames.tolist(),
        "first_frame": results.frame_name(int(frames[start])),
        "amplifications": AMPLIFICATIONS,
        "panels": _panels(results, gallery, int(frames[start])),
        "profiles": _profiles(results, gallery, int(frames[start])) if gallery.shape[0] > 1 else None,
        "ensembles": ensembles(results, gallery, int(frames[start])),
        "banner": banner(results),
        "trusts": trusts(results, gallery, int(frames[start])),
        "ranking_rows": ranking_rows(results, results.ranking),
        "ranking_sentence": results.ranking.sentence if results.ranking else "",
        "metrics": results.metrics,
        "rows": _rows(results),
        "omitted": results.omitted,
        "failures": results.failures,
        "kspace": _kspace_stills(results.scan, codes[start]) if results.scan else None,
        "same_sampling": alike,
        "sampling": pairs(samplings[0]),
        "records": [
            _record(label, record, results, own_sampling=not alike)
            for label, record in zip(results.labels, results.records, strict=True)
        ],
        "provenance": _provenance(results, gallery),
        "software": _software(),
        "data": _data(gallery, box, frames, start, codes, deviations) | _place(results, gallery, frames),
    }


def _deviations(results: Results, gallery: Gallery) -> list[NDArray[np.float32] | None]:
    """Return the standard deviation (frame, y, x), in percent, of each image of the gallery that has one."""
    first: list[NDArray[np.float32] | None] = [None] if gallery.has_reference else []
    return first + [
        None if made.std is None else (results.turn(made.std) * (100 / gallery.unit)).astype(np.float32)
        for made in results.reconstructions
    ]


def _chosen_frames(gallery: Gallery, images: int) -> NDArray[np.int64]:
    """Return the frames that go into the page: all, or as many as the budget allows, evenly spaced."""
    total, ny, nx = gallery.shape
    affordable = PIXEL_BUDGET // (2 * ny * nx * images)
    count = min(total, max(1, affordable))
    return np.unique(np.linspace(0, total - 1, count).round().astype(np.int64))


def _data(
    gallery: Gallery,
    box: Box,
    frames: NDArray[np.int64],
    start: int,
    codes: Sequence[NDArray[np.uint8]],
    deviations: Sequence[NDArray[np.float32] | None],
) -> dict[str, Any]:
    """Return what the scripts need, as JSON types."""
    known = [each[frames] for each in deviations if each is not None]
    return {
        "size": gallery.shape[1:],
        "frames": frames.tolist(),
        "start": start,
        "reference": gallery.has_reference,
        "window": gallery.window(),
        "detail": {"x": box.x, "y": box.y, "width": box.width, "height": box.height},
        "amplification": gallery.amplification(),
        "amplifications": AMPLIFICATIONS,
        "deviation_amplification": amplification(known) if known else 1,
        "images": [quantised(image[frames]) for image in gallery.images],
        "deviations": [None if each is None else quantised(each[frames]) for each in deviations],
        "kspace": {
            "size": codes[0].shape,
            "floor": KSPACE_FLOOR,
            "pixels": [integers(picture) for picture in codes],
        }
        if codes
        else None,
    }


def _place(results: Results, gallery: Gallery, frames: NDArray[np.int64]) -> dict[str, Any]:
    """Return what the scripts need to name frames, to find those of a series, and to draw scale bar and sides."""
    edges, places = results.edges, {frame: place for place, frame in enumerate(frames.tolist())}
    series = [tuple(places[each] for each in results.series_at(frame) if each in places) for frame in places]
    distinct = list(dict.fromkeys(series))
    return {
        "series": distinct,
        "series_of": [distinct.index(each) for each in series],
        "names": [results.frame_name(frame) for frame in frames.tolist()],
        "pixel": gallery.pixel_size,
        "edges": edges and [edges[frame] for frame in frames],
    }


def _facts(results: Results, gallery: Gallery, chosen: int) -> list[tuple[str, str]]:
    """Return the few facts of the page's head."""
    source = results.records[0].source
    total, ny, nx = gallery.shape
    facts = [("Data", source.get("label") or source.get("path") or "unnamed"), ("Image", f"{ny} × {nx}")]
    facts.append(("Pixel", _millimetres(gallery.pixel_size)))
    facts.append(("Orientation", _distinct(plane_name, results)))
    counts = " × ".join(f"{name} {count}" for name, count in results.frame_labels.counts.items() if count > 1)
    if total > 1:
        shown = "" if chosen == total else f", of which {chosen} are shown"
        facts.append(("Frames", str(total) + (f" ({counts})" if counts else "") + shown))
    elif results.frame_labels.known:
        facts.append(("Frame", results.frame_labels.words(0)))
    if results.scan:
        facts.append(("Coils", str(results.scan.coils)))
    samplings = dict.fromkeys(sampling_words(record.sampling) for record in results.records)
    facts.append(("Sampling", "; ".join(samplings)))
    return facts


def _millimetres(sizes: Sequence[float | None] | None) -> str:
    if sizes is None or all(size is None for size in sizes):
        return NOT_KNOWN
    return " × ".join(NOT_KNOWN if size is None else number(size, 3) for size in sizes) + " mm"


def _distinct(name: Callable[[Placement], str], results: Results) -> str:
    """Return the names of the frames' placements, each once."""
    return ", ".join(dict.fromkeys(map(name, results.geometry.placements))) or NOT_KNOWN


def _panels(results: Results, gallery: Gallery, frame: int) -> list[dict[str, str]]:
    black, white = gallery.window()
    texts = [
        " · ".join(
            f"{metric.name} {decimal(scores[metric.name], metric.decimals)}"
            for metric in results.metrics
            if metric.name in BESIDE_IMAGES
        )
        for scores in results.scores
    ]
    if gallery.has_reference:
        texts.insert(0, results.reference_name)
    return [
        {"label": caption, "score": text, "still": still(image[frame], black, white)}
        for caption, text, image in zip(results.captions, texts, gallery.images, strict=True)
    ]


def _profiles(results: Results, gallery: Gallery, frame: int) -> dict[str, Any]:
    """Return one column of every image over the frames of a series (y, frame), where they differ most, and errors."""
    frames = results.series_at(frame)
    column, factor = gallery.column_with_most_motion(frames), gallery.amplification()
    profiles = [image[frames][:, :, column].T for image in gallery.images]
    panels = [
        {"label": caption, "still": still(profile, *gallery.window()), "error": None}
        for caption, profile in zip(results.captions, profiles, strict=True)
    ]
    if gallery.has_reference:
        for panel, profile in zip(panels[1:], profiles[1:], strict=True):
            panel["error"] = still(np.abs(profile - profiles[0]), 0, 100 / factor)
    shared = results.frame_labels.select(frames).in_common
    return {
        "column": column,
        "frames": len(frames),
        "series": shared.words(0) if len(frames) < gallery.shape[0] else "",
        "amplification": factor,
        "panels": panels,
    }


def _rows(results: Results) -> list[dict[str, Any]]:
    """Return the rows of the score table: scores, seconds, iterations."""
    columns = [
        _column([scores[metric.name] for scores in results.scores], metric.decimals, metric.higher_is_better)
        for metric in results.metrics
    ]
    columns.append(_column([record.seconds for record in results.records], SECOND_DECIMALS))
    columns.append(_column([record.iterations for record in results.records], 0))
    return [
        {"label": label, "cells": cells}
        for label, cells in zip(results.labels, zip(*columns, strict=True), strict=True)
    ]


def _column(values: Sequence[float], decimals: int, higher_is_better: bool | None = None) -> list[dict[str, Any]]:
    """Return a column's cells: text, value to sort by in JavaScript's spelling, and whether it is the best one."""
    known = [value for value in values if not math.isnan(value)]
    best = math.nan
    if higher_is_better is not None and len(known) > 1:
        best = max(known) if higher_is_better else min(known)
    return [
        {
            "text": decimal(value, decimals),
            "value": "" if math.isnan(value) else str(value).replace("inf", "Infinity"),
            "best": value == best,
        }
        for value in values
    ]


def _kspace_stills(scan: Scan, codes: NDArray[np.uint8]) -> dict[str, Any]:
    return {
        "coils": scan.coils,
        "floor": KSPACE_FLOOR,
        "still": still(codes, 0, 255),
        "mask_still": still(codes > 0, 0, 1),
    }


def _record(label: str, record: Record, results: Results, own_sampling: bool) -> dict[str, Any]:
    """Return one method's account."""
    made = {
        "method": record.method,
        "seconds": decimal(record.seconds, SECOND_DECIMALS),
        "iterations": record.iterations,
        "intensity scale": record.scale,
    }
    shared = set.intersection(*(set(frame.notes) for frame in record.by_frame)) if record.by_frame else set()
    return {
        "label": label,
        "notes": record.notes,
        "made": pairs(made),
        "settings": pairs(record.settings),
        "sampling": pairs(record.sampling) if own_sampling else [],
        "details": pairs({name: _without_curves(fact) for name, fact in record.details.items()}),
        "by_frame": pairs(
            {_numbered(place, results): _frame(frame, shared) for place, frame in enumerate(record.by_frame)}
        ),
    }


def _numbered(frame: int, results: Results) -> str:
    """Return the name of a frame with its number from 0 on, as notes have it."""
    words = results.frame_labels.words(frame)
    return f"frame {frame}" + (f" ({words})" if words else "")


def _frame(frame: FrameRecord, shared: Collection[str]) -> dict[str, Any]:
    """Return what a page says of one frame of several: all but the notes that they share."""
    details = {name: _without_curves(fact) for name, fact in frame.details.items()}
    own = [note for note in frame.notes if note not in shared]
    notes = {"notes": " ".join(own)} if own else {}
    return {"iterations": frame.iterations, "intensity scale": frame.scale, **details, **notes}


def _without_curves(fact: Any) -> Any:
    """Return a fact without the curves of an ensemble's members, which are drawn."""
    if not isinstance(fact, list | tuple):
        return fact
    return [
        {name: value for name, value in item.items() if name != "curve"} if isinstance(item, Mapping) else item
        for item in fact
    ]


def _provenance(results: Results, gallery: Gallery) -> list[tuple[str, str]]:
    """Return where the data came from and what computed the page."""
    source = results.records[0].source
    facts = {name: value for name, value in source.items() if name != "details"} | {"image": gallery.shape[1:]}
    if results.scan:
        facts |= {"k-space": results.scan.shape, "coils": results.scan.coils, "lines along": results.scan.line_axis}
    facts["voxel size"] = _millimetres(results.geometry.voxel_size)
    facts["stored axes grow to"] = _distinct(axis_codes, results)
    return pairs({**facts, **source.get("details", {}), "software": _software()})


def _software() -> dict[str, str]:
    return {"fourfold": version("fourfold"), "torch": version("torch"), "python": platform.python_version()}
