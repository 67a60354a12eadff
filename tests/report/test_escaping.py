"""Texts from data and settings add no element to a page."""

import re
from dataclasses import replace

import yaml
from tests.helpers.report_images import MARKUP, object_image, reconstruction, with_members
from tests.helpers.report_pages import Elements

from fourfold.report import write_report
from fourfold.report.training import write_training
from fourfold.studies import Entry


def test_texts_are_escaped(page):
    code = page.read_text()
    assert "<script>alert" not in code
    assert "<b>" not in code.replace('<b class="best">', "").replace("<b>grappa-like</b>", "")
    assert code.count("</script>") == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", code)
    assert "use &lt;another&gt; method" in code


def test_texts_of_data_and_records_add_no_element(comparison, tmp_path):
    """The same page with texts of markup and with plain ones has the same elements."""

    def elements(text):
        record = {"notes": (text,), "settings": {text: text, "denoiser": [text]}, "details": {text: {text: text}}}
        members = [{"seed": text, "chosen_iteration": 1, "curve": []}] * 3
        source = {"label": text, "path": f"/data/{text}", "format": text, "details": {text: text}}
        sampling = {text: text, "kind": text, "acceleration": 2.0}
        ensemble = reconstruction(object_image(), text, source=source, sampling=sampling)
        ensemble = replace(ensemble, record=replace(ensemble.record, **record), members=with_members().members)
        ensemble.record.details["members"] = members
        entries = (*comparison.entries[:1], Entry(ensemble, {"psnr": 30.0, "nmse": 0.1}))
        changed = replace(comparison, entries=entries, failures=((text, text),), omitted=((text, text),))
        return Elements(write_report(replace(changed, reference_name=text), tmp_path / "page.html", text)).count

    assert elements(MARKUP) == elements("plain")


def test_a_training_page_escapes_its_settings(tmp_path):
    def elements(text):
        source = {"kind": "raw", "path": text}
        data = {"sources": [source], "training": [], "validation": []}
        settings = {"name": text, "network": {"kind": text}, "data": data, "stages": [{"train": text}], "losses": []}
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump({**settings, "start": text, "licence": text}))
        row = f'"{text.replace(chr(34), chr(34) * 2)}"'
        (tmp_path / "losses.csv").write_text(f"stage,epoch,step,loss,gradient,learning_rate\n{row},1,1,0.5,0.1,0.001\n")
        (tmp_path / "scores.csv").write_text(f"stage,epoch,step,psnr\n{row},1,1,20\n")
        return Elements(write_training(tmp_path)).count

    assert elements(MARKUP) == elements("plain")
