# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quickstart: a digit classifier from 30 labels
#
# scikit-learn's 8×8 digits come with it, so nothing is downloaded. Of 1,297 training images 30 have a label, three of each
# class; the other 500 images are the test set. We train the semi-supervised GAN, look at what it generates, compare it with
# the same network on the labels alone, and use the classifier. About a minute on two CPU cores.

# %%
import json
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from PIL import Image

import ssgan

os.chdir(tempfile.mkdtemp())  # the runs are thrown away afterwards
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## Train
#
# Without options the command trains on the digits with feature matching (section 3.1 of [the
# paper](https://arxiv.org/abs/1606.03498)). `hydra.run.dir` names the run's folder;
# `callbacks` without `progress` leaves out the progress bar, which a notebook cannot redraw.

# %%
# !python -m ssgan.train callbacks=[checkpoints,samples] trainer.eval_every=100 hydra.run.dir=gan

# %% [markdown]
# The baseline: the same network, optimiser and labels, without the unlabelled images.

# %%
# !python -m ssgan.train callbacks=[checkpoints,samples] trainer.eval_every=100 objective=supervised hydra.run.dir=supervised

# %% [markdown]
# ## Read the result
#
# `result.json` has what a table needs; `metrics.csv` has the curves.

# %%
results = {name: json.loads(Path(name, "result.json").read_text()) for name in ("gan", "supervised")}
keys = ["test_errors", "test_size", "test_error", "num_labels", "seed", "data_seed", "iterations"]
pd.DataFrame(results).loc[keys]

# %%
curves = {name: pd.read_csv(Path(name, "metrics.csv")) for name in results}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for name, rows in curves.items():
    error = rows.dropna(subset="test/error")
    left.plot(error["step"], 100 * error["test/error"], label=name)
left.set(xlabel="iteration", ylabel="test error, %", ylim=(0, None))
_ = left.legend()
losses = curves["gan"].dropna(subset="train/d_loss")
for key, label in {
    "train/d_labelled": "D, labelled",
    "train/d_unlabelled": "D, unlabelled",
    "train/g_loss": "G",
}.items():
    right.plot(losses["step"], losses[key], label=label)
right.set(xlabel="iteration", ylabel="loss", yscale="log")
_ = right.legend()
# %% [markdown]
# The curve of the test error is for the eye: no setting and no iteration was chosen by it. The result is the error of the
# final average of D's weights. This is one split and one seed; over ten splits the GAN makes 9.6 ± 3.2 % errors, the
# labels alone 21.1 ± 2.0 % (mean ± sample standard deviation). How many seeds a claim needs, a sweep tells:
# `python -m ssgan.train -m objective=semi_supervised,supervised data.seed=1,2,3,4,5`, then `python -m ssgan.report`.
#
# ## Look at the samples
#
# The run kept a grid from the same noise at several iterations.

# %%
grids = sorted(Path("gan/samples").glob("*.png"))
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for axis, path in zip(axes, [grids[0], grids[len(grids) // 2], grids[-1]], strict=True):
    axis.imshow(Image.open(path), cmap="gray")
    axis.set_title(f"iteration {int(path.stem)}", fontsize=9)
    axis.axis("off")

# %% [markdown]
# Feature matching asks G to match the *mean* of D's features, not to draw each digit well. The samples are rough, and the
# classifier is good: that is what the paper found, too.
#
# ## Use the classifier
#
# `ssgan.load` takes a run's folder. `predict` takes paths, PIL images or uint8 arrays.

# %%
model = ssgan.load("gan")
test = model.images()
images, labels = test.x_test[::42], test.y_test[::42]  # the test images are in the order of their classes
prediction = model.predict(images)

fig, axes = plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained")
for axis, image, name, probability, label in zip(
    axes.flat, images, prediction.names, prediction.probabilities.amax(1), labels, strict=True
):
    axis.imshow(image[0], cmap="gray")
    axis.set_title(f"{name} ({probability:.0%})", fontsize=9, color="black" if int(name) == label else "crimson")
    axis.axis("off")

# %% [markdown]
# A wrong one would be red. The K+1-class discriminator also says how real an image looks: `realness` is $D(x) = 1 - p(y=K{+}1\mid x)$.
# Compare test digits, the generator's samples and noise:

# %%
rng = torch.Generator().manual_seed(0)
given = {
    "test digits": test.x_test,
    "samples": model.sample(500, seed=0),
    "noise": torch.randint(0, 256, (500, *model.image_shape), dtype=torch.uint8, generator=rng),
}
fig, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
for name, x in given.items():
    axis.hist(model.predict(x).realness.numpy(), bins=40, range=(0, 1), histtype="stepfilled", alpha=0.55, label=name)
axis.set(xlabel="D(x)", ylabel="images", yscale="log")
_ = axis.legend()

# %% [markdown]
# D(x) separates what it was trained against, its generator's samples. It is a hint for images unlike any digit, no
# guarantee: D has never seen this noise.
#
# ## Next
#
# - Your own images: a folder with a few labelled ones (see README, *Your own images*).
# - `python -m ssgan.train sweep=ablation` tries each technique; the notebook *five techniques* shows what they do.
# - `python -m ssgan.predict gan photos/*.png` classifies files; `python -m ssgan.sample gan` draws grids.
