"""The parts of `tools.bench_loader`.

loaders.py  the ways to load the same batches
loading.py  a process that times one kind of loader, alone and with the training step
results.py  what is waited for, the table and the verdicts
"""
