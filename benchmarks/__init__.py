"""Speed and memory, measured: `make bench`, or `python -m benchmarks`. Quality: `python -m benchmarks.quality`."""
