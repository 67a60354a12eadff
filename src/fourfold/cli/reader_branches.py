"""`fourfold reader create`, `serve`, `close` and `analyse`: the steps of a reader study."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from fourfold.cli.console import print_json, print_line, print_note
from fourfold.cli.files import check_folder
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.cli.statistics_options import StatisticsOptions, choices_of
from fourfold.errors import InputError

__all__ = ["reader_analyse", "reader_close", "reader_create", "reader_serve"]

NETWORK = Group("Network", sort_key=1)
RESULTS = ("index.html", "ratings.csv", "comments.csv", "statistics.csv", "pairs.csv", "results.json")
_LOCAL = ("127.0.0.1", "::1", "localhost")

KeyFile = Annotated[Path | None, Parameter(name="--key")]


def reader_create(
    source: Path,
    /,
    *more: Path,
    study: Annotated[Path | None, Parameter(alias="-s")] = None,
    key_file: KeyFile = None,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-reading"),
) -> None:
    """Make a reader study: draw its cases and the orders, and write a folder with a token for each reader.

    The images come from the folder of `fourfold compare` or a study, or from a folder with a folder of images for each
    method, made by any tool: NIfTI, PNG, DICOM, npy, npz or h5. Files of the same name are one case.

    Who holds the key can tell which image is whose. Its SHA-256 is printed: publish it before the first rating.

    For example:

        fourfold reader create comparison -s reading.yaml -o reading

        fourfold reader create images/bart images/varnet images/diffusion --key safe/key.json -o reading

    Parameters
    ----------
    source
        Folder of a comparison or study, or one with a folder for each method.
    more
        With several folders, each holds the images of the method that it is named after.
    study
        YAML file with the settings: criteria, readers, repeats and so on; docs/reader-study.md describes them.
    key_file
        File to write the key to; key.json in the output folder unless given.
    output
        New folder for the study.
    """
    from fourfold.reader_study.folder import create_study
    from fourfold.reader_study.settings import ReaderStudySettings
    from fourfold.reader_study.sources import find_cases

    settings = ReaderStudySettings() if study is None else ReaderStudySettings.from_file(study)
    cases, left_out = find_cases([source, *more], settings)
    if left_out:
        print_note(
            f"Left out, since a method has no image of them: {', '.join(left_out[:10])}{' …' * (len(left_out) > 10)}."
        )
    made = create_study(output, cases, settings, key_file)
    if made.cases < settings.cases:
        print_note(f"There are {made.cases} cases, fewer than {settings.cases}: all are in the study.")
    print_line(f"{made.cases} cases × {len(made.methods)} methods ({', '.join(made.methods)}) in '{output}'.")
    print_line(f"The key is in '{made.key_path}'; keep it from the readers. SHA-256, to be published: {made.key_hash}")
    for name, token in made.tokens.items():
        print_line(f"{name}: {token}")
    print_line(f"Serve the study with: fourfold reader serve {output}")


def reader_serve(
    folder: Path,
    /,
    *,
    host: Annotated[str, Parameter(group=NETWORK)] = "127.0.0.1",
    port: Annotated[int, Parameter(group=NETWORK)] = 8000,
    certificate: Annotated[Path | None, Parameter(group=NETWORK)] = None,
    private_key: Annotated[Path | None, Parameter(group=NETWORK)] = None,
) -> None:
    """Serve a reader study to browsers until it is interrupted; ratings are stored as they are made.

    Readers open the address and give their token, or open the address followed by # and the token. On this computer
    alone unless --host says otherwise. For readers elsewhere give a certificate, or put a server with TLS in front.

    For example:

        fourfold reader serve reading

        fourfold reader serve reading --host 0.0.0.0 --certificate site.pem --private-key site.key

    Parameters
    ----------
    folder
        Folder of the study.
    host
        Address to listen at; 0.0.0.0 for all of this computer.
    port
        Port to listen at.
    certificate, private_key
        PEM files for TLS.
    """
    try:
        import uvicorn

        from fourfold.reader_study.server import application
    except ModuleNotFoundError as error:
        raise InputError(
            f"The server of reader studies needs '{error.name}', which is not installed: pip install 'fourfold[study]'."
        ) from None
    if (certificate is None) != (private_key is None):
        raise InputError("TLS needs both a certificate and a private key; give both, or neither.")
    for file in (certificate, private_key):
        if file is not None and not file.is_file():
            raise InputError(f"There is no file '{file}': check the spelling.")
    if not 0 < port < 65536:
        raise InputError(f"The port is {port}; it must lie between 1 and 65535.")
    _check_address(host, port)
    secure = certificate is not None
    app = application(folder, secure=secure)
    if not secure and host not in _LOCAL:
        print_note("Without TLS, tokens and ratings can be read on the way; give --certificate and --private-key.")
    print_note(f"Open {'https' if secure else 'http'}://{host}:{port} in a browser; Ctrl+C ends the server.")
    uvicorn.run(
        app,
        host=host,
        port=port,
        ssl_certfile=None if certificate is None else str(certificate),
        ssl_keyfile=None if private_key is None else str(private_key),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
    )


def _check_address(host: str, port: int) -> None:
    """Raise InputError where nothing can listen at an address."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        raise InputError(
            f"The server cannot listen at {host}, port {port} ({error.strerror}): choose others with --host and --port."
        ) from None


def reader_close(folder: Path, /, *, key_file: KeyFile = None) -> None:
    """Close a reader study: no rating is taken from then on, and it may be unblinded and analysed.

    For example:

        fourfold reader close reading --key safe/key.json

    Parameters
    ----------
    folder
        Folder of the study.
    key_file
        The key; key.json in the folder unless given. It must be the one whose SHA-256 was published.
    """
    from fourfold.reader_study.folder import close_study

    close_study(folder, key_file)
    print_line(f"Closed. Analyse it with: fourfold reader analyse {folder}")


def reader_analyse(
    folder: Path,
    /,
    *,
    key_file: KeyFile = None,
    tests: StatisticsOptions | None = None,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-reading-results"),
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Analyse a reader study that is closed: histograms of ratings, tests of methods, agreement of readers.

    The folder of the output then holds a page, its charts, and ratings, comments and statistics as CSV and JSON.
    Readers are averaged for each case first, then the cases of a subject.

    For example:

        fourfold reader analyse reading -o results

    Parameters
    ----------
    folder
        Folder of the study.
    key_file
        The key; key.json in the folder unless given.
    output
        Folder for the results.
    json
        Print everything on stdout as JSON, and nothing else there.
    """
    # Loads torch, which the help does not need.
    from fourfold.cli.stats import print_analyses
    from fourfold.cli.study_run import print_study_table
    from fourfold.reader_study.ratings import read_ratings
    from fourfold.report.reader_study import write_reader_study

    ratings = read_ratings(folder, key_file)
    check_folder(output, RESULTS)
    page = write_reader_study(ratings, output, choices_of(tests))
    if json:
        print_json(page.content)
        return
    print_analyses(page.analyses)
    for table in page.agreement:
        print_line(table.caption)
        print_study_table(table)
    print_line(f"Open {page.path} in a browser to see the charts.")
