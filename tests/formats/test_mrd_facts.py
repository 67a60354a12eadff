"""What an MRD header says of scanner, sequence, patient and place."""

from types import SimpleNamespace

from tests.helpers.mrd import MrdHeader, make_image, slice_lines, write_mrd

from fourfold.formats import load
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.scan import Identity, Protocol

SUBJECT = (
    "<subjectInformation><patientName>Doe^Jane</patientName><patientWeight_kg>61.5</patientWeight_kg>"
    "<patientID>77</patientID><patientBirthdate>1970-03-01</patientBirthdate><patientGender>F</patientGender>"
    "</subjectInformation><studyInformation><studyTime>12:30:00</studyTime><studyID>{study}</studyID>"
    "</studyInformation><measurementInformation><patientPosition>HFS</patientPosition>"
    "<protocolName>t1</protocolName></measurementInformation><sequenceParameters><TR>500</TR><TE>5</TE><TE>10</TE>"
    "<flipAngle_deg>30</flipAngle_deg></sequenceParameters>"
)


def write_with_subject(path, study):
    header = MrdHeader(calibration_mode="embedded")
    xml = header.xml().replace("<experimentalConditions>", SUBJECT.format(study=study) + "<experimentalConditions>")
    return write_mrd(path, SimpleNamespace(xml=lambda: xml), slice_lines(make_image((2, 20, 32))))


def test_protocol_and_identity_come_from_the_header(tmp_path):
    scan = load(write_with_subject(tmp_path / "a.h5", "5"))
    assert scan.protocol == Protocol(
        vendor="ACME",
        frequency=1e-6,
        protocol="t1",
        patient_position="HFS",
        repetition_times=(500.0,),
        echo_times=(5.0, 10.0),
        flip_angles=(30.0,),
        parallel_acceleration=(2.0, 1.0),
    )
    assert scan.identity == Identity("Doe^Jane", "77", "19700301", "F", 61.5, study_id="5", study_time="123000")
    image = ZeroFilled()(scan)
    assert (image.protocol, image.identity) == (scan.protocol, scan.identity)


def test_an_identity_that_makes_no_sense_is_left_out_with_a_note_that_does_not_quote_it(tmp_path):
    scan = load(write_with_subject(tmp_path / "a.h5", "x" * 40))
    assert scan.identity.study_id is None
    assert scan.identity.patient_id == "77"
    assert "The header's identity holds values that make no sense, which were left out: study id." in scan.source.notes


def test_axes_that_are_not_perpendicular_are_not_known(tmp_path):
    geometry = {"read_dir": (1, 0, 0), "phase_dir": (0.6, 0.8, 0)}
    scan = load(write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32)), geometry=geometry)))
    assert scan.geometry.placements == ()
    assert any("give no three perpendicular directions" in note for note in scan.source.notes)
