"""The parts of `tools.bench`.

rivals.py, naive.py  what is measured, each called with a number of frames
turns.py             how: in turns, round after round
loops.py             the loop, beside bare session and naive loop
networks.py          the backends, without a loop
comparison.py        a saved report beside a new one
wording.py           the figures for people
"""
