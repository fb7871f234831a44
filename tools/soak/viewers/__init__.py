"""Viewers of the live view: what they see, how old it is, and what they cost.

run.py      the test: a camera of 15 FPS at size 160, and the same seen over a slow link, eight cameras, a film
pages.py    what a page does, without a browser: it asks, and asks again; and one that takes nothing
browser.py  the page itself in Chromium, with the clock in its pictures read back from the canvas
stamped.py  the program, whose test pictures have that clock in them
link.py     a link of 1 Mbit/s
judged.py   the figures
"""
