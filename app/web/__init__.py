"""The live view: a page, pictures, an API and metrics over HTTP. Nothing here is imported unless `--serve` is given.

    a camera's thread            the thread of the web server: an event loop (asyncio)
    View.write             ->    Connection: a request's head -> access -> routes -> an answer
    keeps the newest image       encodes a picture when somebody wants it; all who want the same size share it

The loop only leaves its newest image here, and wakes the server if somebody waits for one. One thread serves all
connections: one that is slow, stalled or malicious is a buffer in a table, and not a thread.

server.py, port.py   the thread, the port, TLS
clients.py   all connections: how many there may be, and who is told of a picture
connection.py   one client: its requests one after the other, and their answers
inbox.py, sender.py   what it has sent; what it is sent, and the frames that are skipped since it has no room for them
request.py, response.py   what a request's head says, strictly; an answer's head
access.py, login.py, token.py   who is let in
routes.py   every address that is served, in one table; state.py, metrics.py: what is behind them
hub.py, events.py, mosaic.py   what there is to see
page/   the page: HTML, CSS and JavaScript
"""
