"""Layers: what the networks and the techniques are built of."""

from ssgan.layers.batch_norm import BatchNorm, VirtualBatchNorm
from ssgan.layers.data_init import DataInitialised, initialise_from_data
from ssgan.layers.global_batch import WHOLE, Share, batch_mean, own_part, spanning, whole_batch
from ssgan.layers.historical_average import HistoricalAverage
from ssgan.layers.memory_format import channels_last
from ssgan.layers.minibatch_features import MinibatchFeatures
from ssgan.layers.noise import ChannelsLastSequential, Dropout, GaussianNoise, NoiseLayer, NoisySequential
from ssgan.layers.pixel_scale import PixelScale
from ssgan.layers.softplus import Softplus
from ssgan.layers.spectral_scale import SpectralScale
from ssgan.layers.weight_norm import (
    WeightNormConv2d,
    WeightNormConvTranspose2d,
    WeightNormLinear,
    constant_weights,
)

__all__ = [
    "WHOLE",
    "BatchNorm",
    "ChannelsLastSequential",
    "DataInitialised",
    "Dropout",
    "GaussianNoise",
    "HistoricalAverage",
    "MinibatchFeatures",
    "NoiseLayer",
    "NoisySequential",
    "PixelScale",
    "Share",
    "Softplus",
    "SpectralScale",
    "VirtualBatchNorm",
    "WeightNormConv2d",
    "WeightNormConvTranspose2d",
    "WeightNormLinear",
    "batch_mean",
    "channels_last",
    "constant_weights",
    "initialise_from_data",
    "own_part",
    "spanning",
    "whole_batch",
]
