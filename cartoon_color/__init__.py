"""Learn a cartoon's colors from its colored episodes, and color the black-and-white ones."""

__version__ = "0.1.0"
