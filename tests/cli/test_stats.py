"""`fourfold stats`: scores in CSV files of any origin, and what is refused; `compare` with several files."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.helpers.tables import read_rows

from fourfold.cli.main import main


def write_long(separator: str = ",", subjects: int = 8) -> np.ndarray:
    """Write two images of each subject for three networks as ``scores.csv``; return the subjects' mean PSNR."""
    rng = np.random.default_rng(0)
    psnr = rng.normal(30, 1, (3, subjects, 2)) + np.arange(3)[:, None, None]
    lines = ["subject,image,network,loss,psnr,nmse,tested_on"]
    for method, (network, loss) in enumerate((("unet", "L1"), ("unet", "L2"), ("resnet", "L1"))):
        for subject in range(subjects):
            for image in range(2):
                value = psnr[method, subject, image]
                lines.append(f"s{subject},{image},{network},{loss},{value:.9f},{50 - value:.9f},T1")
    Path("scores.csv").write_text("\n".join(lines).replace(",", separator), encoding="utf-8-sig")
    return psnr.mean(axis=2)


LONG_WORDS = ["stats", "scores.csv", "--scores", "psnr,nmse", "--methods", "network,loss", "--image", "image"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_images_of_a_subject_are_averaged(separator, capsys):
    means = write_long(separator)
    assert main([*LONG_WORDS, "--json"]) == 0
    psnr, nmse = json.loads(capsys.readouterr().out)["statistics"]
    assert (psnr["subjects"], psnr["images"]) == (8, 16)
    assert [each["method"] for each in psnr["methods"]] == ["unet, L1", "unet, L2", "resnet, L1"]
    assert [each["mean"] for each in psnr["methods"]] == pytest.approx(means.mean(axis=1), abs=1e-6)
    assert psnr["friedman"]["p"] == pytest.approx(stats.friedmanchisquare(*means).pvalue, rel=1e-6)
    assert psnr["pairs"][0]["p"] == pytest.approx(stats.wilcoxon(means[0] - means[1]).pvalue)
    # NMSE is known to be the better the smaller.
    assert (psnr["higher_is_better"], nmse["higher_is_better"]) == (True, False)
    assert nmse["methods"][2]["mean_rank"] == psnr["methods"][2]["mean_rank"]


def test_the_folder_holds_a_page_tables_and_charts(capsys):
    write_long()
    assert main([*LONG_WORDS, "--groups", "tested_on", "--paired", "t", "--post-hoc", "conover", "-o", "out"]) == 0
    assert "paired t-test" in (page := Path("out/index.html").read_text()).replace("&#39;", "'")
    assert "T1: psnr" in page
    assert "T1: psnr. 8 subjects" in capsys.readouterr().out
    assert len(read_rows(Path("out/pairs.csv"))) == 6
    assert {path.name for path in Path("out").glob("*.png")} == {
        f"statistics-{number}-{kind}.png" for number in (1, 2) for kind in ("pairs", "ranks")
    }
    assert main([*LONG_WORDS, "-o", "out"]) == 0


def test_rows_may_be_chosen_and_a_column_may_be_a_method(capsys):
    means = write_long()
    assert main([*LONG_WORDS, "--where", "network=unet", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["statistics"][0]["methods"]) == 2
    rows = [f"p{index},{','.join(f'{value:.9f}' for value in values)}" for index, values in enumerate(means.T)]
    Path("wide.csv").write_text("\n".join(["patient,a,b,c", *rows]))
    words = ["stats", "wide.csv", "--wide", "noise", "--scores", "a,b,c", "--subject", "patient"]
    assert main([*words, "--lower-is-better", "noise", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["statistics"]
    assert (found["score"], found["higher_is_better"], found["subjects"]) == ("noise", False, 8)


def test_missing_scores_leave_the_image_out(capsys):
    Path("a.csv").write_text("subject,method,x\ns1,a,1\ns1,b,\ns2,a,2\ns2,b,3\ns3,a,inf\ns3,b,nan\ns4,a,1\ns4,b,2\n")
    assert main(["stats", "a.csv", "--scores", "x", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["statistics"]
    assert (found["subjects"], found["left_out"]) == (2, ["s1", "s3"])


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        ("subject,method,x\n", ["--scores", "x"], "has no row"),
        ("subject,method,x\ns,a,1\n", ["--scores", "y"], "has no column 'y'; it has: subject, method, x"),
        ("subject,methods,x\ns,a,1\n", ["--scores", "x"], "it has: subject, methods, x. Did you mean 'methods'"),
        ("subject,method,x,x\ns,a,1,2\n", ["--scores", "x"], "two columns 'x'"),
        ("subject,method,x\ns,a,1,5\n", ["--scores", "x"], "Line 2 of 'a.csv' has 4 values"),
        ("subject,method,x\ns,a,1.2.3\n", ["--scores", "x"], "Line 2 of 'a.csv' has '1.2.3' in the column 'x'"),
        ("subject,method,x\ns,a,1\ns,a,2\n", ["--scores", "x"], "two scores 'x' for the method 'a'"),
        ("subject,method,x\ns,a,1\nt,a,2\n", ["--scores", "x"], "has 1 method(s)"),
        ("subject,method,x\ns,a,1\nt,b,2\n", ["--scores", "x"], "No image has a finite score 'x' of every method"),
        ("subject,method,x\ns,a,1\ns,b,2\n", ["--scores", "x", "--where", "method"], "'method' has no '='"),
        ("subject,method,x\ns,a,1\ns,b,2\n", ["--scores", "x", "--where", "method=c"], "has no row with method=c"),
        ("subject,method,x\ns,a,1\ns,b,2\n", ["--scores", "x", "--level", "5"], "level is 5; it must lie between"),
        ("subject,method,x\ns,a,1\ns,b,2\n", ["--scores", "x", "--lower-is-better", "z"], "and the scores are x"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(text, words, sentence, capsys):
    Path("a.csv").write_text(text)
    assert main(["stats", "a.csv", *words]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.npz", "b.npz", "tv", "--report", "x.html"], "A report shows one file"),
        (["a.npz", "b.npz", "--mask", "m.npy"], "A mask from a file suits one size"),
        (["a.npz", "b.npz", "tvv"], "There is no method 'tvv'"),
        (["a.npz", "--subject", "x"], "--subject is for comparisons on several files"),
        (["a.npz", "--output", "x"], "--output is for comparisons on several files"),
    ],
)
def test_options_of_one_file_or_of_several_are_told_apart(words, sentence, capsys):
    assert main(["compare", *words]) == 2
    assert sentence in capsys.readouterr().err
