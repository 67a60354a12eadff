"""Size and place of frames: what is refused, and the affine matrices that follow."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold.errors import InputError
from fourfold.scan import FrameLabels, Geometry, Identity, Placement, Protocol, Reconstruction, Record, Scan

AXIAL = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (10.0, 20.0, 30.0))
VOXEL = (5.0, 2.0, 1.5)


def test_affines_of_an_axial_stack_as_computed_by_hand():
    geometry = Geometry.stack(VOXEL, AXIAL, frames=3)
    # The centre voxel (y 2, x 3) lies at (10, 20, 30) mm; x grows to the left, y to the back, frames to the head.
    lps = [[1.5, 0, 0, 10 - 3 * 1.5], [0, 2, 0, 20 - 2 * 2], [0, 0, 5, 30], [0, 0, 0, 1]]
    np.testing.assert_allclose(geometry.lps_affine((4, 6)), lps)
    np.testing.assert_allclose(geometry.ras_affine((4, 6)), np.diag([-1, -1, 1, 1]) @ lps)
    assert geometry.corner(2, (4, 6)) == (5.5, 16.0, 40.0)
    assert geometry.right_handed is True


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(VOXEL),
        Geometry((None, 2.0, 1.5), placements=(AXIAL,)),
        Geometry(VOXEL, placements=(dataclasses.replace(AXIAL, centre=None),)),
    ],
)
def test_what_is_not_known_has_no_affine(geometry):
    assert geometry.lps_affine((4, 6)) is geometry.ras_affine((4, 6)) is None


@pytest.mark.parametrize(
    "axes",
    [
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 2.0)),
        ((1.0, 0.0, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ],
)
def test_axes_that_are_no_direction_cosines_are_refused(axes):
    with pytest.raises(InputError, match="not of length 1 and perpendicular"):
        Placement(*axes)


def test_handedness_is_told():
    assert AXIAL.right_handed
    assert not dataclasses.replace(AXIAL, slice_axis=(0.0, 0.0, -1.0)).right_handed


def test_frames_that_are_no_single_stack_have_no_affine():
    moved = dataclasses.replace(AXIAL, centre=(10.0, 20.0, 36.0))
    turned = dataclasses.replace(AXIAL.moved(5.0), x_axis=(0.0, 1.0, 0.0), y_axis=(1.0, 0.0, 0.0))
    for second in (moved, turned):
        with pytest.raises(InputError, match="take frames that are one stack"):
            Geometry(VOXEL, placements=(AXIAL, second)).lps_affine((4, 6))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000))
def test_a_geometry_follows_from_its_affine(ny, nx, slices, seed):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    first = Placement(*map(tuple, axes.tolist()), centre=tuple(rng.normal(size=3).tolist()))
    geometry = Geometry.stack(VOXEL, first, slices)
    again = Geometry.of_affine(geometry.lps_affine((ny, nx)), (ny, nx), slices)
    np.testing.assert_allclose(again.lps_affine((ny, nx)), geometry.lps_affine((ny, nx)), atol=1e-9)
    assert again.right_handed is geometry.right_handed is bool(np.linalg.det(axes) > 0)
    assert len(again.placements) == slices


def test_an_affine_with_a_shear_is_refused():
    sheared = np.eye(4)
    sheared[0, 1] = 0.1
    for matrix in (sheared, np.zeros((4, 4)), np.full((4, 4), np.nan)):
        with pytest.raises(InputError, match="has a shear or gives some axis no length"):
            Geometry.of_affine(matrix, (4, 6), 1)


def test_parts_are_joined_and_what_differs_is_not_known():
    parts = [Geometry(VOXEL, placements=(AXIAL.moved(z),), slice_thickness=4.0, phase_axis="y") for z in (0, 5)]
    whole = Geometry.join(parts)
    assert whole == Geometry(VOXEL, None, (AXIAL, AXIAL.moved(5)), 4.0, "y")
    assert whole.part(1, 2) == whole.select([1]) == parts[1]
    assert Geometry.join([parts[0], dataclasses.replace(parts[1], slice_thickness=3.0)]).slice_thickness is None
    assert Geometry.join([parts[0], Geometry(VOXEL)]).placements == ()
    with pytest.raises(InputError, match="cannot be joined"):
        Geometry.join([parts[0], Geometry((5.0, 2.0, 2.0))])


@pytest.mark.parametrize(("field", "value"), [("slice_thickness", 0.0), ("phase_axis", "z")])
def test_values_that_stand_for_nothing_are_refused(field, value):
    with pytest.raises(InputError, match="phase axis is 'z'" if field == "phase_axis" else "slice thickness"):
        Geometry(**{field: value})


@pytest.mark.parametrize("name", ["geometry", "protocol", "identity"])
def test_other_types_are_refused(name):
    kspace = torch.ones(1, 1, 4, 4, dtype=torch.complex64)
    with pytest.raises(InputError, match=f"The {name} is None; it must be of type"):
        Scan(kspace, **{name: None})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"field_strength": float("nan")}, "field_strength is nan"),
        ({"echo_times": [5.0]}, r"echo_times are \[5.0\]; give a tuple"),
        ({"echo_times": (float("inf"),)}, "echo_times are"),
        ({"vendor": 3}, "vendor is 3; give text"),
        ({"patient_position": "up"}, "position is 'up'; give one of HFS"),
        ({"acquisition": "4D"}, "acquisition is '4D'; give '2D' or '3D'"),
    ],
)
def test_protocols_that_make_no_sense_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        Protocol(**change)


def test_a_protocol_says_what_is_known_with_units_and_what_is_not():
    protocol = Protocol(vendor="A", field_strength=3.0, echo_times=(5.0, 10.0))
    assert protocol.summary() == {"vendor": "A", "field_strength_T": 3.0, "echo_times_ms": [5.0, 10.0]}
    assert "flip_angles" in protocol.missing
    assert "vendor" not in protocol.missing


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"birth_date": "1.2.70"}, "birth date is '1.2.70'; give the date as YYYYMMDD"),
        ({"study_time": "noon"}, "HHMMSS"),
        ({"sex": "x"}, "give one of M, F, O"),
        ({"study_uid": "1.02"}, "numbers separated by dots"),
        ({"study_uid": "1." + "2" * 64}, "at most 64 characters"),
        ({"weight": -1.0}, "give kilograms"),
        ({"patient_name": "a\\b"}, "without a backslash"),
        ({"patient_id": "x" * 65}, "at most 64 characters"),
        ({"study_id": "x" * 17}, "at most 16 characters"),
    ],
)
def test_identities_that_dicom_cannot_hold_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        Identity(**change)


def test_members_of_an_ensemble_keep_their_frames_place_protocol_and_identity():
    image = torch.ones(2, 4, 6, dtype=torch.complex64)
    geometry = Geometry.stack(VOXEL, AXIAL, frames=2)
    made = Reconstruction(
        image,
        Record("m", {}),
        geometry=geometry,
        members=image.repeat(3, 1, 1, 1),
        labels=FrameLabels({"slice": [0, 1]}),
        protocol=Protocol(vendor="A"),
        identity=Identity(patient_id="7"),
    )
    members = made.of_members()
    assert members.geometry.placements == (AXIAL,) * 3 + (AXIAL.moved(5),) * 3
    assert (members.protocol, members.identity) == (made.protocol, made.identity)
