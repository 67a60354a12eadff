"""Reads what a page shows from its HTML."""

import base64
import html
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser

import matplotlib.image


def embedded(page):
    """The data block of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)[1])


def visible_text(page):
    """The text of a page as a reader without scripts sees it."""
    visible = re.sub(r"<(script|style).*?</\1>", " ", page.read_text(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", visible)).split())


def text_of(code):
    """The text of a piece of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", code)).split())


def facts(page):
    """The facts at the head of a page, by name."""
    block = re.search(r'<dl class="facts">(.*?)</dl>', page.read_text(), re.S)[1]
    return {text_of(name): text_of(value) for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", block)}


def rows(page):
    """The rows of a page's tables of two columns: name and value."""
    cells = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td></tr>', page.read_text())
    return [(text_of(name), text_of(value)) for name, value in cells]


def panel_labels(page):
    """The labels of the images side by side."""
    panels = re.findall(r'<figure class="panel">\s*<figcaption>\s*<span class="label">(.*?)</span>', page.read_text())
    return [text_of(label) for label in panels]


def map_options(page):
    """The kinds of maps that a page offers."""
    return re.findall(r'<option value="([a-z]+)">', page.read_text())


def section(page, title):
    """The part of a page below a heading."""
    return re.search(rf"<section[^>]*>\s*<h2[^>]*>{title}</h2>(.*?)</section>", page.read_text(), re.S)[1]


def still_image(code, alt):
    """The pixels of the still image with this description."""
    url = re.search(rf'<img src="data:image/png;base64,([^"]+)" alt="{re.escape(alt)}">', code)[1]
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(url)))


class Elements(HTMLParser):
    """Counts the elements of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.count = Counter()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.count[tag] += 1
        assert not [name for name, _ in attrs if name.startswith("on")]
