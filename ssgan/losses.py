"""The losses of the K+1-class discriminator (Salimans et al. 2016, section 5) as functions of logits.

K logits ``l``; the (K+1)-th, "generated", is fixed at 0. With ``s(x) = logsumexp_k l_k(x)``

    p(y = K+1 | x) = 1 / (1 + exp s),    D(x) = 1 − p(y = K+1 | x) = sigmoid(s).

Everything is computed in float32, whatever the precision of the logits, and stays finite for logits of ±1e4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus


def real_logit(logits: Tensor) -> Tensor:
    """``s(x)``, the logit of D(x): ``[n, K] → [n]``, float32."""
    logits = logits.float()
    # torch.logsumexp's gradient is exp(l − s), which the rounding of a large s spoils: relatively by 2e-4 for logits of
    # 4e3, by a factor of K for equal ones of 1e8. With the largest logit, a constant, set apart it is the softmax.
    largest = logits.detach().amax(dim=1, keepdim=True)
    return torch.logsumexp(logits - largest, dim=1) + largest.squeeze(1)


def realness(logits: Tensor) -> Tensor:
    """``D(x) = 1 − p(y = K+1 | x)``: ``[n, K] → [n]``, float32."""
    return torch.sigmoid(real_logit(logits))


def labelled_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """``−mean log p(y | x, y < K+1)``, the K-way cross-entropy.

    Args:
        logits: ``[n, K]``.
        labels: ``[n]``, int64 in 0 … K−1.
    """
    return cross_entropy(logits.float(), labels)


def unlabelled_loss(real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
    """Half the cross-entropy of "real or generated" on unlabelled images plus half of that on generated ones.

    ``−½·mean[α·log D(x) + (1 − α)·log(1 − D(x))] − ½·mean log(1 − D(G(z)))`` with α = ``real_target``; the target of
    generated images is always 0. The halves are those of the authors' code; the paper has none. For α = 1 this is
    ``½·(−mean s + mean softplus(s) + mean softplus(s_fake))``.

    Args:
        real: logits of unlabelled images, ``[n, K]``.
        fake: logits of generated images, ``[m, K]``.
        real_target: α of one-sided label smoothing.
    """
    s_real, s_fake = real_logit(real), real_logit(fake)
    # softplus(s) − α·s, written so that it does not cancel where D is nearly certain
    return 0.5 * ((softplus(-s_real) + (1 - real_target) * s_real).mean() + softplus(s_fake).mean())


def non_saturating_loss(fake: Tensor) -> Tensor:
    """``−mean log D(G(z)) = mean softplus(−s)``: G maximises the probability that its images are real."""
    return softplus(-real_logit(fake)).mean()


def saturating_loss(fake: Tensor) -> Tensor:
    """``mean log(1 − D(G(z))) = −mean softplus(s)``: G minimises the probability that its images are found out."""
    return -softplus(real_logit(fake)).mean()


#: G's adversarial losses by name.
ADVERSARIAL_LOSSES = {"non_saturating": non_saturating_loss, "saturating": saturating_loss}
