"""Where metrics go: metrics.csv and Weights & Biases."""
