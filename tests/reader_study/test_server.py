"""The server of a reader study: blinded, each reader alone, nothing lost, nothing executed."""

import json
import re
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from tests.helpers.reader_studies import METHODS, SIZE, make_study, mean_of, tokens_of

testclient = pytest.importorskip("starlette.testclient", reason="needs starlette, extra 'study'")

from fourfold.cli.main import main  # noqa: E402
from fourfold.errors import InputError  # noqa: E402
from fourfold.reader_study.folder import close_study, database_of  # noqa: E402
from fourfold.reader_study.ratings import read_ratings  # noqa: E402
from fourfold.reader_study.server import application  # noqa: E402

OVERALL, ARTEFACTS = "Overall quality", "Artefacts"


@pytest.fixture
def folder(tmp_path):
    make_study(tmp_path)
    return tmp_path / "study"


def client_of(folder, reader=None):
    client = testclient.TestClient(application(folder))
    if reader is not None:
        assert client.post("/session", json={"token": tokens_of(folder)[reader]}).status_code == 200
    return client


@pytest.fixture
def anna(folder):
    return client_of(folder, "Anna")


def rate_all(client, position, by_brightness=True):
    """Rank the images of a case by their brightness, the darkest best, and score them; return the answer to the end."""
    images = client.get(f"/cases/{position}").json()["images"]
    means = {token: mean_of(client.get(f"/images/{token}").content) for token in images}
    order = sorted(images, key=means.__getitem__, reverse=not by_brightness)
    ranks = {token: place for place, token in enumerate(order, 1)}
    for criterion, ratings in ((OVERALL, ranks), (ARTEFACTS, dict.fromkeys(images, 2))):
        answer = client.post("/ratings", json={"case": position, "criterion": criterion, "ratings": ratings})
        assert answer.status_code == 200, answer.text
    return client.post("/finished", json={"case": position})


def everything(client, cases):
    """Return all that a browser receives of some cases: addresses, headers and contents."""
    paths = ["/", "/page.css", "/api.js", "/viewer.js", "/ratings.js", "/order.js", "/main.js", "/state"]
    for position in range(cases):
        paths.append(f"/cases/{position}")
        paths += [f"/images/{token}" for token in client.get(f"/cases/{position}").json()["images"]]
    return {path: client.get(path) for path in paths}


def test_nothing_that_a_browser_receives_names_or_orders_methods(folder, anna):
    cases = len(anna.get("/state").json()["finished"])
    answers = everything(anna, cases)
    for path, answer in answers.items():
        assert answer.status_code == 200
        head = path + json.dumps(dict(answer.headers))
        body = "" if path.startswith("/images/") else answer.text
        for word in (*METHODS, *(method.split("-")[0] for method in METHODS), "head0", "Anna", "Ben"):
            assert word not in head + body
    images = [answer for path, answer in answers.items() if path.startswith("/images/")]
    # Bytes of pixels alone, all of one size, with the same headers: no tags, no times, no packing that tells noise.
    assert {len(answer.content) for answer in images} == {2 * SIZE[0] * SIZE[1]}
    assert len({json.dumps(dict(answer.headers)) for answer in images}) == 1
    assert not {"last-modified", "etag", "server", "content-encoding"} & set(images[0].headers)
    # Names are drawn anew for each reader and showing: neither their order nor that of the files follows the methods.
    assert len({path for path in answers if path.startswith("/images/")}) == cases * len(METHODS)
    own = {path for path in answers if path.startswith("/images/")}
    assert not own & set(everything(client_of(folder, "Ben"), cases))


def test_orders_of_images_and_files_are_balanced(tmp_path):
    """Over many cases each method comes first equally often, in the page and among the sorted names of the files."""
    made = make_study(tmp_path, cases=25, readers=["Anna"], repeats=0.0)
    assert made.cases == 25
    folder = tmp_path / "study"
    key = json.loads((folder / "key.json").read_text())["images"]
    shown = database_of(folder).rows("SELECT presentation, place, file, token FROM shown ORDER BY presentation, place")
    first = [key[row["file"]]["method"] for row in shown if row["place"] == 0]
    # A method that came first in 20 or more of 25 cases would do so by chance once in 10⁶ studies.
    assert max(map(first.count, METHODS)) < 20
    for name in ("file", "token"):
        lowest = {}
        for row in sorted(shown, key=lambda row: row[name]):
            lowest.setdefault(row["presentation"], key[row["file"]]["method"])
        assert max(map(list(lowest.values()).count, METHODS)) < 20


def test_the_same_window_and_step_for_all_images_of_a_case(folder, anna, tmp_path):
    """The images differ by whole steps of brightness: with a scale of each its own they would look alike."""
    shown = anna.get("/cases/0").json()
    means = sorted(mean_of(anna.get(f"/images/{token}").content) for token in shown["images"])
    key = json.loads((folder / "key.json").read_text())["images"]
    case = next(
        key[row["file"]]["case"]
        for row in database_of(folder).rows("SELECT file FROM shown WHERE token = ?", shown["images"][0])
    )
    expected = sorted(float(np.load(tmp_path / "images" / method / f"{case}.npy").mean()) for method in METHODS)
    assert np.divide(means, means[-1]) == pytest.approx(np.divide(expected, expected[-1]), abs=1e-4)


def test_a_reader_sees_neither_images_nor_ratings_of_another(folder, anna):
    ben = client_of(folder, "Ben")
    assert rate_all(anna, 0).status_code == 200
    assert anna.post("/comments", json={"case": 0, "words": "a secret"}).status_code == 200
    assert ben.get("/state").json()["finished"] == [False] * 5
    assert "a secret" not in "".join(ben.get(f"/cases/{position}").text for position in range(5))
    assert all(ben.get(f"/cases/{position}").json()["ratings"] == {} for position in range(5))
    (token, *_) = anna.get("/cases/0").json()["images"]
    assert ben.get(f"/images/{token}").status_code == 404
    answer = ben.post("/ratings", json={"case": 0, "criterion": OVERALL, "ratings": {token: 1}})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/state", "/cases/0", "/images/x"])
def test_without_a_token_there_is_nothing(folder, path):
    assert client_of(folder).get(path).status_code == 401
    stranger = client_of(folder)
    assert stranger.post("/session", json={"token": "wrong"}).status_code == 403
    assert "set-cookie" not in stranger.post("/session", json={"token": "' OR 1=1 --"}).headers
    stranger.cookies.set("reader", "wrong")
    assert stranger.get(path).status_code == 403


def test_tokens_are_not_in_the_store(folder):
    store = (folder / "study.sqlite").read_bytes() + (folder / "study.json").read_bytes()
    assert not any(token.encode() in store for token in tokens_of(folder).values())


def test_the_cookie_is_hidden_from_scripts_and_other_sites(folder):
    answer = client_of(folder).post("/session", json={"token": tokens_of(folder)["Anna"]})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    secure = testclient.TestClient(application(folder, secure=True))
    assert "secure" in secure.post("/session", json={"token": tokens_of(folder)["Anna"]}).headers["set-cookie"].lower()


EVIL = '\'); DROP TABLE event; -- <script>alert(1)</script> =HYPERLINK("x") ±Ω'


def test_code_in_comments_is_stored_as_text(folder, anna, tmp_path):
    assert anna.post("/comments", json={"case": 0, "words": EVIL}).status_code == 200
    assert anna.get("/cases/0").json()["comment"] == EVIL
    assert rate_all(anna, 0).status_code == 200
    close_study(folder)
    assert main(["reader", "analyse", str(folder), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert [each.words for each in read_ratings(folder).comments] == [EVIL]


def test_the_newest_rating_counts_and_the_older_ones_stay(folder, anna):
    images = anna.get("/cases/0").json()["images"]
    for value in (3, 1, None, 2):
        ratings = {images[0]: value}
        anna.post("/ratings", json={"case": 0, "criterion": OVERALL, "ratings": ratings})
    assert anna.get("/cases/0").json()["ratings"] == {OVERALL: {images[0]: 2}}
    rows = database_of(folder).rows("SELECT value FROM event WHERE kind = 'rating' ORDER BY id")
    assert [row["value"] for row in rows] == [3, 1, None, 2]


@pytest.mark.parametrize("statement", ["UPDATE event SET value = 1", "DELETE FROM event"])
def test_ratings_cannot_be_changed_in_the_store(folder, anna, statement):
    rate_all(anna, 0)
    with sqlite3.connect(folder / "study.sqlite") as store, pytest.raises(sqlite3.IntegrityError, match="only added"):
        store.execute(statement)


@pytest.mark.parametrize(
    ("ratings", "status"),
    [
        ({}, 400),
        ({"0": 0}, 400),
        ({"0": 4}, 400),
        ({"0": True}, 400),
        ({"0": 1.5}, 400),
        ({"0": "1"}, 400),
        (None, 400),
    ],
)
def test_ratings_that_are_none_are_refused(anna, ratings, status):
    images = anna.get("/cases/0").json()["images"]
    given = ratings and {images[int(place)]: value for place, value in ratings.items()}
    answer = anna.post("/ratings", json={"case": 0, "criterion": OVERALL, "ratings": given})
    assert answer.status_code == status
    assert anna.get("/cases/0").json()["ratings"] == {}


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/ratings", {"case": 99, "criterion": OVERALL, "ratings": {"x": 1}}, 404),
        ("/ratings", {"case": "0; DROP", "criterion": OVERALL, "ratings": {"x": 1}}, 400),
        ("/ratings", {"case": 0, "criterion": "other", "ratings": {"x": 1}}, 400),
        ("/comments", {"case": 0, "words": "x" * 5000}, 400),
        ("/comments", {"case": 0, "words": 3}, 400),
        ("/comments", {"case": 0, "words": "x" * 70000}, 413),
        ("/finished", {"case": 0}, 409),
        ("/session", [], 400),
    ],
)
def test_requests_that_do_not_fit_are_refused_in_a_sentence(anna, path, content, status):
    answer = anna.post(path, json=content)
    assert answer.status_code == status
    assert answer.json()["sentence"].endswith(".")


def test_a_form_of_another_site_is_no_request(anna):
    assert anna.post("/finished", data={"case": "0"}).status_code == 415


def test_ranks_must_differ_before_a_case_is_finished(anna):
    images = anna.get("/cases/0").json()["images"]
    for criterion, value in ((OVERALL, 1), (ARTEFACTS, 2)):
        anna.post("/ratings", json={"case": 0, "criterion": criterion, "ratings": dict.fromkeys(images, value)})
    answer = anna.post("/finished", json={"case": 0})
    assert answer.status_code == 409
    assert answer.json()["sentence"] == "Overall quality: two images have the same rank."


def test_the_study_goes_on_where_it_was(folder, anna):
    assert rate_all(anna, 0).status_code == 200
    before = [anna.get(f"/cases/{position}").json() for position in range(5)]
    again = client_of(folder, "Anna")
    assert again.get("/state").json()["finished"] == [True, False, False, False, False]
    assert [again.get(f"/cases/{position}").json() for position in range(5)] == before


def test_a_closed_study_takes_nothing_and_opens_the_key(folder, anna, tmp_path):
    with pytest.raises(InputError, match="would unblind it; close it first"):
        read_ratings(folder)
    for position in range(5):
        assert rate_all(anna, position).status_code == 200
    wrong = tmp_path / "other.json"
    wrong.write_text((folder / "key.json").read_text() + " ")
    with pytest.raises(InputError, match="is not the key of this study"):
        close_study(folder, wrong)
    close_study(folder)
    with pytest.raises(InputError, match="closed already"):
        close_study(folder)
    assert rate_all_refused(anna) == 423
    ratings = read_ratings(folder)
    assert ratings.finished == {"Anna": (5, 5), "Ben": (0, 5)}
    # The darkest is the best: the methods are those of the images that were seen.
    ranks = {(each.method, each.value) for each in ratings.of(ratings.criteria[0])}
    assert ranks == {("alpha-net", 1), ("beta-tv", 2), ("gamma-sense", 3)}
    assert len(ratings.of(ratings.criteria[0], repeated=True)) == 3


def rate_all_refused(client):
    images = client.get("/cases/0").json()["images"]
    content = {"case": 0, "criterion": OVERALL, "ratings": dict.fromkeys(images, 1)}
    return client.post("/ratings", json=content).status_code


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "0"], "must lie between 1 and 65535"),
        (["--certificate", "c.pem"], "needs both a certificate and a private key"),
        (["--certificate", "c.pem", "--private-key", "k.pem"], "There is no file 'c.pem'"),
        (["--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
    ],
)
def test_a_server_that_cannot_run_says_why(folder, words, sentence, capsys):
    pytest.importorskip("uvicorn", reason="needs uvicorn, extra 'study'")
    assert main(["reader", "serve", str(folder), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_the_server_needs_no_torch(folder):
    program = f"""
import sys
from pathlib import Path
from fourfold.reader_study.server import application
application(Path({str(folder)!r}))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_scripts_of_the_page_are_those_that_are_served(folder):
    client = client_of(folder)
    page = client.get("/").text
    names = set(re.findall(r'(?:src|href)="([a-z]+[.](?:js|css))"', page))
    scripts = "".join(client.get(f"/{name}").text for name in ("main.js", "api.js", "viewer.js"))
    names |= set(re.findall(r'from "[.]/([a-z]+[.]js)"', scripts))
    assert {client.get(f"/{name}").status_code for name in names} == {200}
    assert len(names) == 6
    # Nothing of a page may become code: what comes from the server is set as text.
    assert "innerHTML" not in scripts
