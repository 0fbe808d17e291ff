"""A run's folder: what is in it, who may write there, and what a resumed run reads."""
