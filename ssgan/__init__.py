"""ssgan: semi-supervised GANs with a K+1-class discriminator (Salimans et al. 2016, arXiv:1606.03498)."""

from __future__ import annotations

from typing import Any

from ssgan.version import __version__

__all__ = ["__version__", "compose", "load"]


def __getattr__(name: str) -> Any:
    """``ssgan.load`` and ``ssgan.compose``, imported at their first use: the package itself stays free of torch."""
    if name == "load":
        from ssgan.inference.trained import load

        return load
    if name == "compose":
        from ssgan.composition import compose

        return compose
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
