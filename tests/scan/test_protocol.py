"""Protocol values, as raw files give them."""

from fourfold.scan import Protocol


def test_values_are_found_among_the_details_of_a_source():
    details = {"vendor": "SIEMENS", "TR_ms": 2000, "TE_ms": [5.0, 9.5], "field_strength_T": 2.89, "other": 1}
    protocol = Protocol.of(details)
    assert protocol == Protocol(
        vendor="SIEMENS", field_strength_T=2.89, repetition_times_ms=(2000.0,), echo_times_ms=(5.0, 9.5)
    )
    assert [protocol.echo_time_ms(contrast) for contrast in (0, 1, 2)] == [5.0, 9.5, None]
    assert Protocol(echo_times_ms=(3.0,)).echo_time_ms(4) == 3.0


def test_values_of_another_type_are_left_out():
    details = {"vendor": 3, "TR_ms": ["long", None, True, float("nan")], "field_strength_T": "3 T", "model": ""}
    assert Protocol.of(details) == Protocol()
