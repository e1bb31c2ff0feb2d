"""The classical comparators of the thesis (sections 3.1, 3.2, 8.3, 8.4): color from references or from scribbles.

Each takes the luma of a black-and-white picture, (H, W) uint8 in full range, and gives a, b for it; luma stays.
"""
