"""The answer to who has no token, the same for every address: a page with a form, or for programs one line."""

import base64
import hashlib
import os
import re

from app.web.request import Request
from app.web.response import HTML, Response, text

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
WRONG = re.compile(r'<p class="wrong">.*\n')

with open(os.path.join(FOLDER, "login.html"), encoding="utf-8") as _file:
    _PAGE = _file.read()
# It has its style in it, since all that it could load would need the token; this hash lets that style through.
_STYLE = re.search(r"<style>(.*)</style>", _PAGE, re.DOTALL)
_HASH = base64.b64encode(hashlib.sha256((_STYLE.group(1) if _STYLE else "").encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def login(request: Request) -> Response:
    """For a browser a page with a form; for others the challenge that makes them send their user and password."""
    if "text/html" in request.headers.get("accept", ""):
        page = _PAGE if "token" in request.query else WRONG.sub("", _PAGE)
        headers = (("WWW-Authenticate", 'Bearer realm="nanoyolo"'), ("Content-Security-Policy", POLICY))
        return Response(401, page.encode(), HTML, headers)
    kind = "Bearer" if "sec-fetch-mode" in request.headers else "Basic"  # of the page itself: it would open a dialogue
    return text(401, "this needs the token", ("WWW-Authenticate", f'{kind} realm="nanoyolo"'))
