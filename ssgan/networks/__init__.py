"""The two players. The architectures' definitions, exported here, import no torch; the networks do."""

from ssgan.networks.architecture import MLP, Architecture, Conv

__all__ = ["MLP", "Architecture", "Conv"]
