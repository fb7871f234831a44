"""The parts of `tools.bench`.

rivals.py, naive.py  what is measured: each is called with a number of frames
turns.py             how: rivals take turns within each round
loops.py             the loop, beside the bare session and a naive loop
networks.py          the backends, without a loop
comparison.py        a saved report compared with a new one
results.py           the results for the terminal
"""
