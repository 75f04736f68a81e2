"""Benchmarks: C programs and Python timing, each figure beside what it is compared with."""
