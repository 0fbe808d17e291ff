"""Tests of what the benchmarks have in common."""
