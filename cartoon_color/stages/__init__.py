"""Stages: from a stream of frames to a stream of frames, and the pure functions they are made of."""
