"""ssgan: semi-supervised GANs with a K+1-class discriminator (Salimans et al. 2016, arXiv:1606.03498)."""

__version__ = "0.1.0"
