"""Tell a chat of Telegram of every new event, with its picture. @BotFather there makes the bot and its token.

export TELEGRAM_TOKEN=...    # so that it is in no list of processes
python -m app.detect --cam 0 --on-event 'python3 examples/to_telegram.py 123456789'
"""

import json
import os
import sys
import urllib.request
import uuid

event = json.load(sys.stdin)
if event["type"] == "new":
    where = os.environ.get("TELEGRAM_API", "https://api.telegram.org")
    fields = {"chat_id": sys.argv[1]}
    text = f"{event['label']} at {event['camera'] or 'the camera'}, {100 * event['score']:.0f} % sure"
    picture = os.path.join(event["store"], event["picture"])
    has_picture = os.path.isfile(picture)
    fields["caption" if has_picture else "text"] = text
    boundary = uuid.uuid4().hex
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    if has_picture:
        with open(picture, "rb") as file:
            parts.append(b'name="photo"; filename="picture.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + file.read())
    start = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(start + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    address = f"{where}/bot{os.environ['TELEGRAM_TOKEN']}/{'sendPhoto' if has_picture else 'sendMessage'}"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=20).close()
