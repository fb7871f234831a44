"""Detects objects in any number of videos and images, on one machine or many, into Parquet files.

__main__.py    the command: options, progress, what it says at the end
plan.py        which files there are, and the tasks that they are divided into
detector.py    FileDetector, the Python API: the rows of a file
work.py        what a worker does with a task
local.py       workers that are processes of this machine
on_ray.py      workers of a Ray cluster
results.py     the folder of Parquet files: what is finished, what is outdated
"""
