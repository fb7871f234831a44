"""The parts of `tools.bench`.

arguments.py                        the command line
bare.py, naive.py, rivals.py        what is measured: each is called with a number of frames
replay.py, filming.py               a video as a camera delivers it, and the loop behind such cameras
turns.py                            how: rivals take turns within each round
busy.py                             another program beside them
loops.py                            the loop, beside the bare session and a naive loop
live.py                             the loop behind one camera, and behind several
memory.py, peak.py                  the memory of a run, in a process of its own
networks.py                         the backends, without a loop
comparison.py                       a saved report compared with a new one
results.py, live_results.py         the results for the terminal
"""
