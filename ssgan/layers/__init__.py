"""Layers: what the networks and the techniques are built of."""

from ssgan.layers.batch_norm import BatchNorm, VirtualBatchNorm
from ssgan.layers.data_init import initialise_from_data
from ssgan.layers.historical_average import HistoricalAverage
from ssgan.layers.minibatch_features import MinibatchFeatures
from ssgan.layers.noise import Dropout, GaussianNoise, NoiseLayer, NoisySequential
from ssgan.layers.pixel_scale import PixelScale
from ssgan.layers.weight_norm import WeightNormConv2d, WeightNormConvTranspose2d, WeightNormLinear

__all__ = [
    "BatchNorm",
    "Dropout",
    "GaussianNoise",
    "HistoricalAverage",
    "MinibatchFeatures",
    "NoiseLayer",
    "NoisySequential",
    "PixelScale",
    "VirtualBatchNorm",
    "WeightNormConv2d",
    "WeightNormConvTranspose2d",
    "WeightNormLinear",
    "initialise_from_data",
]
