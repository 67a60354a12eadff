"""The entry point: finds the command, and turns errors into one line and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import metadata

from cyclopts import CycloptsError

from fourfold.cli.flags import Tokens, new_app, run
from fourfold.cli.reader import STEPS
from fourfold.cli.text import accept_any_encoding, print_line
from fourfold.cli.usage_errors import explain
from fourfold.discovery import studies_with_settings
from fourfold.errors import InputError
from fourfold.memory import is_out_of_memory

__all__ = ["main"]

_HELP = """Accelerated MRI: from undersampled k-space to an image.

Raw k-space is read from Siemens twix, MRD (ISMRMRD), fastMRI HDF5, BART cfl/hdr and npz files, recognised by content.

Exit status: 0 done, 1 a fault in fourfold itself, 2 the input or the options do not fit, 130 interrupted.
"""

_STUDIES = tuple(studies_with_settings())
# The commands' modules are imported when they run, so that this list is shown at once.
_COMMANDS = {
    "info": "Show what a raw file holds and which method `recon --quick` would take.",
    "anonymise": "Copy a file without the patient's identity.",
    "recon": "Reconstruct a raw file slice by slice and write the image.",
    "convert": "Write a raw file of any format as MRD (ISMRMRD).",
    "compare": "Reconstruct one slice with several methods and score them against the fully sampled data.",
    "trust": "Say how far to believe a method's image, without a reference.",
    "study": f"Do a published study on data of your own: {', '.join(('convdecoder', *_STUDIES))}.",
    "stats": "Test scores of several methods: summaries, normality, Friedman, pairs, effect sizes.",
    "reader": "Do a blinded reader study: create, serve, close, analyse.",
    "figure": "Draw a figure for print: images, details, error maps, edge maps, profiles along time.",
    "train": "Train a network as a settings file says, and write its weights.",
    "finetune": "Train on from weights.",
    "calibrate": "Learn intervals of stated coverage for a method from fully sampled scans.",
    "gfactor": "Map how much a method amplifies the noise.",
    "mask": "Make a sampling pattern and write it to a file.",
    "weights": "List the weights of trained networks, or verify them.",
    "export": "Write a trained network as an ONNX file.",
    "methods": "List the reconstruction methods and their settings.",
    "demo": "Compare the methods on the sample that ships with fourfold, or on a fully sampled file of your own.",
}


_LACK_OF_MEMORY = (
    "The memory does not suffice: choose fewer frames, a smaller matrix, fewer coils (--coils) or another method, or "
    "take a computer with more memory."
)
_LONGEST = 2000
"""Characters of a refusal; what a file holds may be quoted in it."""

# Commands of two words: the second words of each.
_BRANCHES = {"study": _STUDIES, "reader": STEPS}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (the process's own when None) and return the exit status.

    A user's mistake becomes one line on stderr; only a fault of fourfold leaves with a traceback.
    """
    accept_any_encoding()
    app = new_app("fourfold", help=_HELP, version=lambda: metadata.version("fourfold"))
    for order, (name, text) in enumerate(_COMMANDS.items()):
        app.command(partial(_run, name), name=name, help=text, sort_key=order, help_flags=[], version_flags=[])
    try:
        app(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return _refuse("Interrupted; files that were being written have been removed.", 130)
    except CycloptsError as error:
        return _refuse(explain(error), 2)
    except InputError as error:
        return _refuse(str(error), 2)
    except BrokenPipeError:
        # The reader of the output, such as head, has seen enough; Python must not try to write the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MemoryError, RuntimeError, OSError) as error:
        if is_out_of_memory(error):
            return _refuse(_LACK_OF_MEMORY, 2)
        if not isinstance(error, OSError):
            raise
        where = f": '{error.filename}'" if error.filename else ""
        return _refuse(f"{error.strerror or error}{where}.", 2)
    return 0


def _run(name: str, /, *tokens: Tokens) -> None:
    """Run a command, or the branch of it that the first word names."""
    if tokens and tokens[0] in _BRANCHES.get(name, ()):
        run(f"{name} {tokens[0]}", *tokens[1:])
    else:
        run(name, *tokens)


def _refuse(sentence: str, status: int) -> int:
    words = " ".join(sentence.split())
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"
    print_line(f"fourfold: {words}", sys.stderr)
    return status
