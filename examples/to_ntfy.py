"""Tell a phone of every new event, with its picture, by ntfy (https://ntfy.sh, or a server of your own).

python -m app.detect --cam 0 --on-event 'python3 examples/to_ntfy.py https://ntfy.sh/a-topic-that-nobody-guesses'
"""

import base64
import json
import os
import sys
import urllib.request


def header(text):
    """A text for a header of HTTP, which has no umlauts: ntfy takes the form that e-mail has for them."""
    return "=?UTF-8?B?" + base64.b64encode(text.encode()).decode() + "?="


event = json.load(sys.stdin)
if event["type"] == "new":
    text = ", ".join([f"{100 * event['score']:.0f} % sure", *event["zones"], *event["lines"]])
    headers = {"Title": header(f"{event['label']} at {event['camera'] or 'the camera'}"), "Message": header(text)}
    picture, content = os.path.join(event["store"], event["picture"]), b""
    if os.path.isfile(picture):
        headers["Filename"] = "picture.jpg"
        with open(picture, "rb") as file:
            content = file.read()
    request = urllib.request.Request(sys.argv[1], content, headers, method="PUT")
    urllib.request.urlopen(request, timeout=20).close()
