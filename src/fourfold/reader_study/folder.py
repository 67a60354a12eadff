"""The folder of a reader study: made once, then served, closed and analysed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.files.csv_rows import write_csv
from fourfold.files.documents import parse_json, read_json
from fourfold.files.input import read_text
from fourfold.files.output import atomically, write_text
from fourfold.reader_study.database import CLOSE, Database, Event, token_hash
from fourfold.reader_study.design import presentations, sample_cases
from fourfold.reader_study.settings import ReaderStudySettings
from fourfold.reader_study.sources import Case

__all__ = ["Created", "close_study", "create_study", "database_of", "image_path", "read_key", "settings_of"]

_DATABASE, _SETTINGS, _IMAGES, _READERS, _KEY = "study.sqlite", "study.json", "images", "readers.csv", "key.json"
_LEVELS = 65535
_OBJECT = 0.05
"""Pixels above this part of the maximum count as the object."""


@dataclass(frozen=True)
class Created:
    """What was made."""

    cases: int
    methods: tuple[str, ...]
    key_path: Path
    key_hash: str
    """SHA-256 of the key's file, to be published before the first rating."""
    tokens: Mapping[str, str]
    """By reader."""


class _Shown(NamedTuple):
    """How the images of a case are shown."""

    height: int
    width: int
    pixel_aspect: float
    white: int
    """Upper end of the window."""


def create_study(
    folder: Path, cases: Sequence[Case], settings: ReaderStudySettings, key_path: Path | None = None
) -> Created:
    """Make the folder of a study: images under random names, the orders of all readers, tokens, and the key.

    Parameters
    ----------
    folder
        New, or empty.
    cases
        All cases; those of the study are drawn from them.
    settings
        Of the study.
    key_path
        Where the key is written, which says what each image is; ``key.json`` in the folder unless given. The server
        does not read it.

    Raises
    ------
    InputError
        When the folder holds something, images of a case differ in size, or a file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' exists and is not an empty folder; a reader study needs a new one.")
    key_path = key_path or folder / _KEY
    if key_path.exists():
        raise InputError(f"The key '{key_path}' exists; name another file.")
    chosen = [cases[index] for index in sample_cases(len(cases), settings)]
    methods = tuple(chosen[0].read)
    # Drawn anew at each creation: who knows the settings alone cannot work out the orders.
    rng = np.random.default_rng(secrets.randbits(128))
    (folder / _IMAGES).mkdir(parents=True)
    names = [[secrets.token_hex(16) for _ in methods] for _ in chosen]
    shapes = [
        _write_images(folder, case, methods, name, settings, rng) for case, name in zip(chosen, names, strict=True)
    ]
    key_hash = _write_key(key_path, chosen, methods, names)
    tokens = {reader: secrets.token_hex(16) for reader in settings.readers}
    _write_design(folder / _DATABASE, names, shapes, settings, tokens, rng)
    public = {"settings": settings.model_dump(mode="json", exclude={"subject", "seed"}), "key_sha256": key_hash}
    _write(folder / _SETTINGS, json.dumps(public, indent=2, ensure_ascii=False))
    write_csv(folder / _READERS, [{"reader": name, "token": token} for name, token in tokens.items()])
    (folder / _READERS).chmod(0o600)
    return Created(len(chosen), methods, key_path, key_hash, tokens)


def _write(path: Path, text: str) -> None:
    with atomically(path, path.suffix) as file:
        write_text(file, text)


def _write_images(
    folder: Path,
    case: Case,
    methods: Sequence[str],
    names: Sequence[str],
    settings: ReaderStudySettings,
    rng: np.random.Generator,
) -> _Shown:
    """Write the images of a case as 16-bit numbers of one size; return how they are shown."""
    pictures = [case.read[method]() for method in methods]
    images = [picture.pixels for picture in pictures]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        found = ", ".join(f"{method} {image.shape}" for method, image in zip(methods, images, strict=True))
        raise InputError(f"The images of the case '{case.name}' differ in size ({found}); cut them to one size.")
    if settings.scaling == "each":
        images = [image / _bright(image) for image in images]
    stack = np.stack(images)
    step = float(stack.max()) / _LEVELS
    # In a random order, so that times of files tell nothing either.
    for place in rng.permutation(len(methods)).tolist():
        pixels = np.rint(stack[place] / step).astype("<u2")
        (folder / _IMAGES / names[place]).write_bytes(pixels.tobytes())
    height, width = stack.shape[1:]
    return _Shown(height, width, pictures[0].pixel_aspect, max(1, round(_bright(stack) / step)))


def _bright(image: NDArray[np.float32]) -> float:
    """Return the 99th percentile of the object's pixels."""
    return float(np.percentile(image[image > _OBJECT * image.max()], 99))


def _write_key(path: Path, cases: Sequence[Case], methods: Sequence[str], names: Sequence[Sequence[str]]) -> str:
    """Write what each image is; return the SHA-256 of the file."""
    images = {
        name: {"case": case.name, "subject": case.subject, "method": method}
        for case, own in zip(cases, names, strict=True)
        for method, name in zip(methods, own, strict=True)
    }
    # The salt keeps anybody from finding the key by trying all assignments against the published hash.
    key = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "salt": secrets.token_hex(32),
        "images": images,
    }
    _write(path, json.dumps(key, indent=1, ensure_ascii=False))
    path.chmod(0o600)
    return _sha256(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_design(
    path: Path,
    names: Sequence[Sequence[str]],
    shapes: Sequence[_Shown],
    settings: ReaderStudySettings,
    tokens: Mapping[str, str],
    rng: np.random.Generator,
) -> None:
    """Write readers, cases and all orders into the store."""
    with Database.create(path) as store:
        for case, shape in enumerate(shapes):
            store.execute("INSERT INTO picture_case VALUES (?, ?, ?, ?, ?)", (case, *shape))
        for reader, (name, token) in enumerate(tokens.items()):
            store.execute("INSERT INTO reader VALUES (?, ?, ?)", (reader, name, token_hash(token)))
            shown = presentations(reader, len(names), len(names[0]), settings, rng)
            for position, each in enumerate(shown):
                found = store.execute(
                    "INSERT INTO presentation (reader, position, picture_case, repeated) VALUES (?, ?, ?, ?)",
                    (reader, position, each.case, each.repeated),
                ).lastrowid
                for place, method in enumerate(each.images):
                    row = (secrets.token_urlsafe(16), found, place, names[each.case][method])
                    store.execute("INSERT INTO shown VALUES (?, ?, ?, ?)", row)


def database_of(folder: Path) -> Database:
    """Return the store of the study in a folder."""
    return Database(folder / _DATABASE)


def image_path(folder: Path, name: str) -> Path:
    """Return the file of an image."""
    return folder / _IMAGES / name


def settings_of(folder: Path) -> tuple[ReaderStudySettings, str]:
    """Return the settings of the study in a folder, and the hash of its key."""
    if not (folder / _SETTINGS).is_file():
        raise InputError(f"There is no reader study in '{folder}': make one with 'fourfold reader create'.")
    public = read_json(folder / _SETTINGS)
    return ReaderStudySettings(**public["settings"]), public["key_sha256"]


def close_study(folder: Path, key_path: Path | None = None) -> None:
    """Close a study: no rating is taken from then on, and the key may be used.

    Raises
    ------
    InputError
        When it is closed already, or the key is not the one whose hash was published.
    """
    _, key_hash = settings_of(folder)
    path = key_path or folder / _KEY
    read_text(path)
    if _sha256(path) != key_hash:
        raise InputError(f"'{path}' is not the key of this study: its SHA-256 is not {key_hash}; name the right file.")
    store = database_of(folder)
    try:
        if store.closed:
            raise InputError(f"The study in '{folder}' is closed already; analyse it with 'fourfold reader analyse'.")
        store.add([Event(CLOSE)])
    finally:
        store.close()


def read_key(folder: Path, key_path: Path | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return case, subject and method of each image of a closed study, by the name of its file.

    Raises
    ------
    InputError
        While the study is open, and for another key.
    """
    _, key_hash = settings_of(folder)
    store = database_of(folder)
    try:
        if not store.closed:
            raise InputError(
                f"The study in '{folder}' is open, and analysing it would unblind it; close it first: fourfold reader "
                f"close {folder}"
            )
    finally:
        store.close()
    path = key_path or folder / _KEY
    text = read_text(path)
    if hashlib.sha256(text.encode()).hexdigest() != key_hash:
        raise InputError(f"'{path}' is not the key of this study: its SHA-256 is not {key_hash}; name the right file.")
    images: Mapping[str, Mapping[str, Any]] = parse_json(text, f"The key '{path}'")["images"]
    return images
