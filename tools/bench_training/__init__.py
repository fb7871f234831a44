"""The parts of `tools.bench_training`.

configurations.py  what is measured, and the environment that each configuration needs
process.py         a process that answers questions, in lines of JSON
step.py            such a process: the training step of one configuration
peak.py            such a process: the machine's peak, by a matrix product
macs.py            multiply-accumulates of a Keras model
results.py         ratios within rounds, the table and the goals
"""
