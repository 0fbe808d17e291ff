"""The commands of this package.

python -m ssgan.train       train a model, or a sweep of them
python -m ssgan.report      runs and sweeps as tables, plots and a page
python -m ssgan.evaluate    test error, classes, confusions, calibration
python -m ssgan.predict     classify image files
python -m ssgan.sample      draw images
python -m ssgan.score       FID, KID, Inception Score, precision and recall of samples
python -m ssgan.export      torch.export, ONNX, plain weights
python -m ssgan.dashboard   a workspace and reports in Weights & Biases

Each has --help; ssgan-train and so on are the same commands. python -m ssgan.demo shows it on digits, in a minute.
"""

print(__doc__.strip())
