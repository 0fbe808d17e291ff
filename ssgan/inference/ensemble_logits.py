"""An ensemble as one K+1-class classifier."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def of_mean_probabilities(logits: Tensor) -> Tensor:
    """K logits whose class probabilities and D(x) are the means of the members'.

    With ``p`` the mean of ``p(y | x, y ≤ K)`` and ``D`` that of D(x), these are ``l_k = log p_k + logit D``: their
    softmax is p, and as p sums to 1, their logsumexp is logit D.

    Args:
        logits: ``[members, n, K]``.

    Returns:
        ``[n, K]``, float64.
    """
    double = logits.double()  # in which 1 − D(x) of a D(x) near 1 is not lost
    log_p = double.log_softmax(-1).logsumexp(0)
    s = double.logsumexp(-1)
    log_p = log_p - log_p.logsumexp(-1, keepdim=True)  # the sum over members becomes their mean
    logit = logsigmoid(s).logsumexp(0) - logsigmoid(-s).logsumexp(0)
    return log_p + logit.unsqueeze(-1)
