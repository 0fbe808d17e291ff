"""The processor and the GPU at hand."""
