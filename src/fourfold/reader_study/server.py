"""The server of a reader study: a page, images under names that tell nothing, and the ratings of each reader.

What a browser gets is the same for every method: images are 16-bit pixels of one size without compression, under
random tokens that are drawn for each showing, without times or tags of files. A reader's requests reach their own
presentations alone. The server knows no method: which image is whose stands in the key, which it does not read.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fourfold.reader_study.database import COMMENT, FINISH, OPEN, RATING, Database, Event
from fourfold.reader_study.folder import database_of, image_path, settings_of
from fourfold.reader_study.progress import missing, state_of
from fourfold.reader_study.settings import Criterion

__all__ = ["application"]

_COOKIE = "reader"
_LONGEST = 4000
"""Characters of a comment."""
_LARGEST = 65536
"""Bytes of a request."""
_TYPES = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    **dict.fromkeys(("api.js", "viewer.js", "ratings.js", "order.js", "main.js"), "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Refusal(Exception):  # noqa: N818  # an answer, not an error
    """A request that is refused with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Headers(BaseHTTPMiddleware):
    """Adds the headers that every answer has."""

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer a request."""
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response


def application(folder: Path, *, secure: bool = False) -> Starlette:
    """Return the application that serves the study in a folder.

    Parameters
    ----------
    folder
        Made by `fourfold.reader_study.folder.create_study`.
    secure
        Whether it is reached by TLS, so that the cookie is sent by TLS alone.

    Raises
    ------
    InputError
        Where there is no study.
    """
    study = _Study(folder, secure)
    assets = [Route(f"/{name}", _asset(name)) for name in _TYPES if name != "page.html"]
    return Starlette(
        routes=[
            Route("/", _asset("page.html")),
            *assets,
            Route("/session", study.enter, methods=["POST"]),
            Route("/state", study.state),
            Route("/cases/{position:int}", study.case),
            Route("/images/{token:str}", study.image),
            Route("/ratings", study.rate, methods=["POST"]),
            Route("/comments", study.comment, methods=["POST"]),
            Route("/finished", study.finish, methods=["POST"]),
        ],
        middleware=[Middleware(_Headers)],
        exception_handlers={_Refusal: _refuse},
        lifespan=None,
    )


def _asset(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("fourfold.reader_study") / "page" / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=_TYPES[name])

    return answer


async def _refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, _Refusal)
    return JSONResponse({"sentence": str(refusal)}, refusal.status)


class _Study:
    """Answers requests. Each method reads the request and leaves the work with the disk to a thread."""

    def __init__(self, folder: Path, secure: bool) -> None:
        self.folder, self.secure = folder, secure
        self.settings, self.key_hash = settings_of(folder)
        self.store: Database = database_of(folder)

    # Requests

    async def enter(self, request: Request) -> Response:
        """Take a reader's token, and remember it in a cookie that scripts cannot read."""
        token = _text(await _content(request), "token")
        await run_in_threadpool(self._reader_of, token)
        response = JSONResponse({})
        response.set_cookie(_COOKIE, token, httponly=True, samesite="strict", secure=self.secure)
        return response

    async def state(self, request: Request) -> Response:
        """Return the study and how far the reader is."""
        return JSONResponse(await run_in_threadpool(self._state, request))

    async def case(self, request: Request) -> Response:
        """Return one case of the reader."""
        return JSONResponse(await run_in_threadpool(self._case, request, request.path_params["position"]))

    async def image(self, request: Request) -> Response:
        """Return the pixels of an image, unsigned 16-bit, little-endian, row by row."""
        pixels = await run_in_threadpool(self._image, request, request.path_params["token"])
        return Response(pixels, media_type="application/octet-stream")

    async def rate(self, request: Request) -> Response:
        """Store ratings of one criterion: those of one click together."""
        await run_in_threadpool(self._rate, request, await _content(request))
        return JSONResponse({})

    async def comment(self, request: Request) -> Response:
        """Store a comment on a case."""
        await run_in_threadpool(self._comment, request, await _content(request))
        return JSONResponse({})

    async def finish(self, request: Request) -> Response:
        """Mark a case as finished; refused while a rating is missing."""
        await run_in_threadpool(self._finish, request, await _content(request))
        return JSONResponse({})

    # Work

    def _reader_of(self, token: str) -> int:
        reader = self.store.reader(token)
        if reader is None:
            raise _Refusal(403, "This is no token of this study; check it, or ask who gave it to you.")
        return int(reader["id"])

    def _reader(self, request: Request) -> int:
        token = request.cookies.get(_COOKIE)
        if token is None:
            raise _Refusal(401, "Give your token first.")
        return self._reader_of(token)

    def _presentation(self, request: Request, position: Any) -> tuple[int, list[str]]:
        """Return the number of one of the reader's presentations, and the tokens of its images in their order."""
        if not isinstance(position, int) or isinstance(position, bool):
            raise _Refusal(400, "The case is no whole number.")
        query = "SELECT id FROM presentation WHERE reader = ? AND position = ?"
        found = self.store.rows(query, self._reader(request), position)
        if not found:
            raise _Refusal(404, "You have no such case.")
        shown = self.store.rows("SELECT token FROM shown WHERE presentation = ? ORDER BY place", found[0]["id"])
        return int(found[0]["id"]), [row["token"] for row in shown]

    def _open_presentation(self, request: Request, position: Any) -> tuple[int, list[str]]:
        found = self._presentation(request, position)
        if self.store.closed:
            raise _Refusal(423, "The study is closed; ratings are no longer taken.")
        return found

    def _state(self, request: Request) -> dict[str, Any]:
        reader = self._reader(request)
        query = "SELECT id FROM presentation WHERE reader = ? ORDER BY position"
        own = [row["id"] for row in self.store.rows(query, reader)]
        query = "SELECT DISTINCT e.presentation AS id FROM event e JOIN presentation p ON p.id = e.presentation "
        query += "WHERE e.kind = ? AND p.reader = ?"
        finished = {row["id"] for row in self.store.rows(query, FINISH, reader)}
        settings = self.settings
        return {
            "title": settings.title,
            "instructions": settings.instructions,
            "criteria": [each.model_dump(mode="json") for each in settings.criteria],
            "block_size": settings.block_size,
            "finished": [each in finished for each in own],
            "closed": self.store.closed,
            "key_sha256": self.key_hash,
        }

    def _case(self, request: Request, position: int) -> dict[str, Any]:
        presentation, tokens = self._presentation(request, position)
        query = "SELECT c.height, c.width, c.pixel_aspect, c.white FROM picture_case c "
        query += "JOIN presentation p ON p.picture_case = c.id"
        size = self.store.rows(f"{query} WHERE p.id = ?", presentation)[0]
        if not self.store.closed:
            self.store.add([Event(OPEN, presentation)])
        state = state_of(self.store.events(presentation))
        return {
            "images": tokens,
            **dict(size),
            "ratings": state.ratings,
            "comment": state.comment,
            "finished": state.finished,
        }

    def _image(self, request: Request, token: str) -> bytes:
        query = "SELECT s.file FROM shown s JOIN presentation p ON p.id = s.presentation "
        found = self.store.rows(f"{query} WHERE s.token = ? AND p.reader = ?", token, self._reader(request))
        if not found:
            raise _Refusal(404, "You have no such image.")
        return image_path(self.folder, found[0]["file"]).read_bytes()

    def _rate(self, request: Request, content: dict[str, Any]) -> None:
        presentation, tokens = self._open_presentation(request, content.get("case"))
        criterion = self._criterion(content.get("criterion"))
        highest = len(tokens) if criterion.kind == "rank" else len(criterion.scale)
        ratings = content.get("ratings")
        if not isinstance(ratings, dict) or not ratings:
            raise _Refusal(400, "There is no rating.")
        for token, value in ratings.items():
            if token not in tokens:
                raise _Refusal(404, "You have no such image.")
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= highest
            if value is not None and not whole:
                raise _Refusal(400, f"A rating is a whole number from 1 to {highest}.")
        self.store.add([Event(RATING, presentation, criterion.name, *each) for each in ratings.items()])

    def _criterion(self, name: Any) -> Criterion:
        found = next((each for each in self.settings.criteria if each.name == name), None)
        if found is None:
            raise _Refusal(400, "There is no such criterion.")
        return found

    def _comment(self, request: Request, content: dict[str, Any]) -> None:
        presentation, _ = self._open_presentation(request, content.get("case"))
        words = _text(content, "words")
        if len(words) > _LONGEST:
            raise _Refusal(400, f"A comment has {_LONGEST} characters at most.")
        self.store.add([Event(COMMENT, presentation, words=words)])

    def _finish(self, request: Request, content: dict[str, Any]) -> None:
        presentation, tokens = self._open_presentation(request, content.get("case"))
        sentence = missing(state_of(self.store.events(presentation)).ratings, self.settings.criteria, tokens)
        if sentence is not None:
            raise _Refusal(409, sentence)
        self.store.add([Event(FINISH, presentation)])


async def _content(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; a form of another site cannot send one."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise _Refusal(415, "The request is no JSON.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise _Refusal(413, "The request is too large.")
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _Refusal(400, "The request is no JSON object.")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    text = content.get(name)
    if not isinstance(text, str):
        raise _Refusal(400, f"'{name}' is no text.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refusal(400, f"'{name}' is no text in UTF-8.") from None
    return text
