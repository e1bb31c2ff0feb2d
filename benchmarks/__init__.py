"""Speed and memory, measured: `make bench`, or `python -m benchmarks`. Quality: `python -m benchmarks.quality`.

How fast a training is, and how much of the device it uses: `python -m benchmarks.training`. What references bring:
`python -m benchmarks.references`.
"""
