"""Tests of the steering program, run by the kernel on frames of our choice."""
