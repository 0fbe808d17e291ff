"""How good generated images are: FID, KID, Inception Score, precision and recall, on features of a named extractor."""
