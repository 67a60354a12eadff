"""Which frames make one NIfTI volume: decided by where they lie, whatever order they come in."""

import dataclasses
import json

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold.cli.main import main
from fourfold.formats import open_scan, save, save_scan, writer
from fourfold.formats.stacks import find_stacks, slice_spacing, split_stacks
from fourfold.scan import (
    FrameLabels,
    FrameRecord,
    Geometry,
    Placement,
    Reconstruction,
    Record,
    Scan,
    common_details,
    mean_scale,
)

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
VOXEL = (5.0, 2.0, 1.0)


def placed(height, axes=AXIAL, across=0.0, down=0.0):
    """A frame so far along the axes of its plane."""
    x_axis, y_axis, slice_axis = axes
    centre = across * np.array(x_axis) + down * np.array(y_axis) + height * np.array(slice_axis)
    return Placement(x_axis, y_axis, slice_axis, tuple(centre.tolist()))


def rows_of(placements, labels=None, voxel=VOXEL):
    geometry = Geometry(voxel, placements=tuple(placements))
    return [stack.rows for stack in find_stacks(geometry, FrameLabels.of_each(labels or []), len(labels or placements))]


def at(*heights, **where):
    return [placed(height, **where) for height in heights]


@pytest.mark.parametrize(
    ("placements", "rows"),
    [
        (at(7), [((0,),)]),
        (at(0, 5, 10), [((0, 1, 2),)]),
        (at(10, 5, 0), [((2, 1, 0),)]),
        (at(0, 10, 5, 15), [((0, 2, 1, 3),)]),
        # One slice is missing; two slabs; two slabs of other distances.
        (at(0, 5, 10, 20, 25), [((0, 1, 2),), ((3, 4),)]),
        (at(0, 5, 100, 105), [((0, 1),), ((2, 3),)]),
        (at(0, 3, 6, 100, 105, 110), [((0, 1, 2),), ((3, 4, 5),)]),
        # Imaged again, as a whole; but for one slice; one of them twice.
        (at(0, 5, 0, 5), [((0, 1), (2, 3))]),
        (at(0, 5, 10, 0, 5, 10, 0, 5), [((0, 1, 2), (3, 4, 5)), ((6, 7),)]),
        (at(0, 5, 5, 10), [((0, 1, 3),), ((2,),)]),
        # Other planes, in blocks and in turns; shifted within the plane.
        ([*at(0, 5), *at(0, 5, axes=CORONAL), *at(3, axes=SAGITTAL)], [((0, 1),), ((2, 3),), ((4,),)]),
        ([*at(0), *at(0, axes=CORONAL), *at(5), *at(5, axes=CORONAL)], [((0, 2),), ((1, 3),)]),
        ([*at(0), *at(5, across=1)], [((0,),), ((1,),)]),
        # Rounding of headers is no gap and no shift.
        (at(0, 3.33, 6.67, 10), [((0, 1, 2, 3),)]),
        ([*at(0), *at(5, across=0.01, down=-0.01)], [((0, 1),)]),
    ],
)
def test_stacks_follow_from_the_places(placements, rows):
    assert rows_of(placements) == rows


def test_a_label_says_which_time_lacks_a_slice():
    times = [(0, 0), (0, 5), (1, 5), (2, 0), (2, 5)]
    labels = [{"slice": height // 5, "repetition": time} for time, height in times]
    assert rows_of(at(*(height for _, height in times)), labels) == [((0, 1), (3, 4)), ((2,),)]


def test_an_aborted_volume_is_not_stacked_above_the_others_without_places():
    labels = [
        {"slice": index, "repetition": time} for time, count in ((0, 3), (1, 3), (2, 2)) for index in range(count)
    ]
    stacks = find_stacks(Geometry(), FrameLabels.of_each(labels), len(labels))
    assert [stack.rows for stack in stacks] == [((0, 1, 2), (3, 4, 5)), ((6, 7),)]
    assert [stack.spacing for stack in stacks] == [None, None]


def test_slabs_that_overlap_are_stacks_of_their_own():
    labels = [{"slice": slab, "partition": index} for slab in range(2) for index in range(4)]
    placements = at(*(15 * slab + 5 * index for slab in range(2) for index in range(4)))
    assert rows_of(placements, labels) == rows_of([], labels) == [((0, 1, 2, 3),), ((4, 5, 6, 7),)]


def test_directions_alone_distinguish_planes():
    turned = [Placement(*AXIAL), Placement(*AXIAL), Placement(*CORONAL)]
    assert rows_of(turned, [{"slice": index} for index in range(3)]) == [((0, 1),), ((2,),)]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(0.3, 9), st.integers(0, 10_000))
def test_any_order_of_an_oblique_stack_is_put_right(slices, times, spacing, seed):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    origin = rng.normal(size=3) * 100
    frames = [(time, index) for time in range(times) for index in range(slices)]
    rng.shuffle(frames)
    centres = [np.float32(origin + index * spacing * axes[2]).tolist() for _, index in frames]
    placements = [Placement(*map(tuple, axes.tolist()), centre=tuple(centre)) for centre in centres]
    labels = FrameLabels({"slice": [0] * len(frames), "repetition": [time for time, _ in frames]})
    (stack,) = find_stacks(Geometry((spacing, 2.0, 2.0), placements=tuple(placements)), labels, len(frames))
    assert {tuple(frames[index][1] for index in row) for row in stack.rows} == {tuple(range(slices))}
    assert all(len({frames[index][0] for index in row}) == 1 for row in stack.rows)
    assert stack.spacing is None if slices == 1 else stack.spacing == pytest.approx(spacing, rel=1e-3)


def image_of(placements, voxel=VOXEL, labels=None):
    """Frames of which each pixel holds the frame's number, counted from 1."""
    values = torch.arange(1.0, 1 + len(placements))[:, None, None].expand(-1, 4, 6).to(torch.complex64)
    geometry = Geometry(voxel, None, tuple(placements))
    return Reconstruction(values, Record("m", {}), geometry=geometry, labels=labels or FrameLabels())


def test_each_stack_has_a_file_of_its_own_that_places_it(tmp_path):
    placements = [*at(20, 25), *at(-10, axes=CORONAL), *at(40, 43)]
    written = save(image_of(placements), tmp_path / "a.nii.gz")
    assert [path.name for path in written[:3]] == ["a.stack1.nii.gz", "a.stack2.nii.gz", "a.stack3.nii.gz"]
    assert [path.name for path in written[3:]] == ["a.stack1.json", "a.stack2.json", "a.stack3.json"]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    for path, frames, spacing in zip(written[:3], ((0, 1), (2,), (3, 4)), (5, 5, 3), strict=True):
        file = nibabel.load(path)
        assert int(file.header["sform_code"]) == 1
        assert file.shape == (6, 4, len(frames))
        assert file.header.get_zooms()[2] == pytest.approx(spacing)
        for place, frame in enumerate(frames):
            assert (file.get_fdata()[..., place] == frame + 1).all()
            centre = file.affine @ (3, 2, place, 1)
            np.testing.assert_allclose(centre[:3], np.multiply(placements[frame].centre, (-1, -1, 1)), atol=1e-4)


def test_one_stack_has_the_name_that_was_asked_for(tmp_path):
    assert save(image_of(at(0, 5)), tmp_path / "a.nii") == [tmp_path / "a.nii", tmp_path / "a.json"]
    assert save(image_of([*at(0), *at(0, axes=CORONAL)]), tmp_path / "a.npz") == [tmp_path / "a.npz"]


def test_slices_in_descending_order_keep_their_places(tmp_path):
    path, _ = save(image_of(at(10, 5, 0)), tmp_path / "a.nii")
    file = nibabel.load(path)
    assert file.get_fdata()[0, 0].tolist() == [3, 2, 1]
    np.testing.assert_allclose((file.affine @ (3, 2, 2, 1))[:3], (0, 0, 10))


def test_the_parts_of_a_scan_keep_their_places(tmp_path):
    kspace = torch.randn(4, 2, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    geometry = Geometry(VOXEL, None, tuple(at(0, 5, 10, 20)))
    scan = Scan(kspace, geometry=geometry)
    assert scan.frame(3).geometry.placements == geometry.placements[3:]
    save_scan(scan, tmp_path / "scan.npz")
    file = open_scan(tmp_path / "scan.npz")
    assert file.load().geometry == geometry
    assert file.load(slice(0, 3, 2)).geometry == Geometry((10.0, 2.0, 1.0), None, tuple(at(0, 10)))
    assert file.summary()["stacks"] == 2


def test_a_volume_written_frame_by_frame_names_its_files(tmp_path):
    image = image_of([*at(0, 5), *at(3, axes=SAGITTAL)])
    with writer(tmp_path / "a.nii") as volume:
        for index in range(3):
            part = dataclasses.replace(
                image, image=image.image[index : index + 1], geometry=image.geometry.part(index, index + 1)
            )
            volume.add(part)
    assert [path.name for path in volume.written[:2]] == ["a.stack1.nii", "a.stack2.nii"]


def test_spacing_is_known_of_one_stack_alone():
    assert slice_spacing(Geometry(VOXEL, None, tuple(at(0, 4, 8)))) == 4
    assert slice_spacing(Geometry(VOXEL, None, tuple(at(0, 4, 9)))) is None
    assert slice_spacing(Geometry(VOXEL, None, tuple(at(0)))) is None


def test_labels_and_deviations_follow_their_frames():
    image = image_of(at(5, 0), labels=FrameLabels({"slice": [1, 0]}))
    ((part, slices),) = split_stacks(dataclasses.replace(image, std=image.magnitude))
    assert slices == 2
    assert part.labels == FrameLabels({"slice": [0, 1]})
    assert part.std[:, 0, 0].tolist() == [2, 1]
    assert part.geometry.placements == tuple(at(0, 5))


def test_each_stack_has_the_records_of_its_own_frames(tmp_path):
    image = image_of([*at(20, 25), *at(-10, axes=CORONAL)])
    frames = tuple(FrameRecord(2, float(number), {"solver": "fista", "weight": number}) for number in (1, 3, 5))
    record = dataclasses.replace(
        image.record, by_frame=frames, scale=mean_scale(frames), details=common_details(frames), seconds=7.0
    )
    for path, own, scale, details in zip(
        save(dataclasses.replace(image, record=record), tmp_path / "a.nii")[:2],
        (frames[:2], frames[2:]),
        (2.0, 5.0),
        ({"solver": "fista"}, {"solver": "fista", "weight": 5}),
        strict=True,
    ):
        read = json.loads(nibabel.load(path).header.extensions[0].get_content())
        assert [frame["details"]["weight"] for frame in read["by_frame"]] == [frame.details["weight"] for frame in own]
        assert (read["scale"], read["details"], read["seconds"]) == (scale, details, 7.0)


def test_recon_names_every_file_and_checks_them_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kspace = torch.randn(3, 2, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    planes = tuple(placed(0, axes) for axes in (AXIAL, CORONAL, SAGITTAL))
    save_scan(Scan(kspace, geometry=Geometry(VOXEL, None, planes)), "scan.npz")
    call = ["recon", "scan.npz", "--method", "zero-filled", "-o", "a.nii.gz"]
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert "3 stacks" in err
    for number in (1, 2, 3):
        assert f"a.stack{number}.nii.gz" in out
        assert (tmp_path / f"a.stack{number}.nii.gz").exists()
    assert main(call) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*call[:-1], "b.nii.gz", "--frames", "1"]) == 0
    assert (tmp_path / "b.nii.gz").exists()
