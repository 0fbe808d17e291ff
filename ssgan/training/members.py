"""An ensemble's members as one computation: k models of one architecture whose tensors lie stacked.

Each parameter and buffer of a stacked network, each tensor of its batches and its noise has a leading dimension of k.
``torch.func.vmap`` runs the functions of one model over it, so that k small products become one batched product. Large
members on a CPU, where that does not pay, compute in turn; all else is theirs together all the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

#: A CPU takes the members in turn where their parameters have more bytes than this: one member's stay in its cache,
#: those of all would come from memory at every use.
CACHE_BYTES = 8 * 2**20


def stack_networks(networks: Sequence[nn.Module]) -> nn.Module:
    """A network of the same structure and names whose parameters and buffers are the given networks', stacked."""
    values = [dict(named_tensors(network, everywhere=True)) for network in networks]

    def joined(name: str) -> Tensor:
        return torch.stack([each[name].detach() for each in values])

    return _with_tensors(networks[0], joined)


def unstack_network(stacked: nn.Module, member: int) -> nn.Module:
    """A copy of one member, which can be called as it is."""
    values = dict(named_tensors(stacked, everywhere=True))
    return _with_tensors(stacked, lambda name: values[name].detach()[member].clone())


def _with_tensors(network: nn.Module, value: Callable[[str], Tensor]) -> nn.Module:
    """A copy of the network with other values by name; a tensor that stands in several places still does."""
    changed = copy.deepcopy(network)
    made: dict[Tensor, Tensor] = {}
    for name, old in named_tensors(network, everywhere=True):
        owner, leaf = owner_of(changed, name)
        if old not in made:
            new = value(name)
            made[old] = nn.Parameter(new, requires_grad=old.requires_grad) if leaf in owner._parameters else new
        setattr(owner, leaf, made[old])
    return changed


def named_tensors(network: nn.Module, everywhere: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name; one that stands in several places by its first, or everywhere."""
    yield from network.named_parameters(remove_duplicate=not everywhere)
    yield from network.named_buffers(remove_duplicate=not everywhere)


def owner_of(network: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The submodule that holds a tensor, and the tensor's name in it."""
    path, _, leaf = name.rpartition(".")
    return network.get_submodule(path), leaf


class _Bound(nn.Module):
    """A function of networks as a module, in which ``functional_call`` can put other values."""

    def __init__(self, function: Callable[..., Any], networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.function = function
        self.networks = nn.ModuleList(networks)

    def forward(self, *arguments: Any) -> Any:
        return self.function(*self.networks, *arguments)


@dataclass(frozen=True)
class Members:
    """How many models train at once: ``count`` stacked ones, or None for a single one without the extra dimension."""

    count: int | None = None

    def call(self, function: Callable[..., Any], networks: Sequence[nn.Module], *arguments: Any) -> Any:
        """``function(*networks, *arguments)``, for each member with its own networks and its part of the arguments.

        Args:
            function: of networks and of trees of tensors (tuples, dictionaries); draws nothing at random.
            networks: stacked by :func:`stack_networks`, or the single model's.
            arguments: tensors with the members in dimension 0; what is no tensor is given to each.

        Returns:
            What the function returns, its tensors stacked.
        """
        if self.count is None:
            return function(*networks, *arguments)
        bound = _Bound(function, networks)
        state = dict(named_tensors(bound))
        # What vmap makes of convolutions and of products with a bias is not rounded by a CPU's autocast.
        in_turn = sum(x.nbytes for x in state.values()) > CACHE_BYTES or torch.is_autocast_enabled("cpu")
        if in_turn and all(x.device.type == "cpu" for x in state.values()):
            return self.gather(
                functional_call(bound, own, given)
                for own, given in zip(self._unbound(state), self._unbound(arguments), strict=True)
            )
        in_dims = tree_map(lambda leaf: 0 if isinstance(leaf, Tensor) and leaf.ndim else None, (state, arguments))
        return vmap(lambda own, given: functional_call(bound, own, given), in_dims)(state, arguments)

    def _unbound(self, tree: Any) -> list[Any]:
        """A tree of stacked tensors by member; their gradients come together by one copy."""
        leaves, structure = tree_flatten(tree)
        count = self.count or 1
        parts = [x.unbind() if isinstance(x, Tensor) and x.ndim else [x] * count for x in leaves]
        return [tree_unflatten(own, structure) for own in zip(*parts, strict=True)]

    def gather(self, values: Iterable[Any]) -> Any:
        """The members' trees of tensors as one tree of stacked tensors; of a single model's, the one."""
        trees = list(values)
        if self.count is None:
            return trees[0]
        leaves, structure = zip(*(tree_flatten(tree) for tree in trees), strict=True)
        stacked = [torch.stack(leaf) if isinstance(leaf[0], Tensor) else leaf[0] for leaf in zip(*leaves, strict=True)]
        return tree_unflatten(stacked, structure[0])

    def split(self, batch: Tensor) -> list[Tensor]:
        """A stacked batch by member."""
        return [batch] if self.count is None else list(batch)

    def shared(self, batch: Tensor, dims: int) -> Tensor:
        """A batch of ``dims`` dimensions for every member, unless each has its own already."""
        return batch if self.count is None or batch.ndim > dims else batch.expand(self.count, *batch.shape)

    def in_turn(self, batch: Tensor) -> Tensor:
        """Of a stacked batch ``[members, n, …]`` n rows, row i from member ⌊i · members / n⌋."""
        if self.count is None:
            return batch
        n = batch.shape[1]
        rows = torch.arange(n, device=batch.device)
        return batch[rows * self.count // n, rows]

    def apart(self, network: nn.Module) -> list[Any]:
        """The members' networks."""
        return [network] if self.count is None else [unstack_network(network, i) for i in range(self.count)]

    def together(self, networks: Sequence[nn.Module]) -> Any:
        """The members' networks, stacked."""
        return networks[0] if self.count is None else stack_networks(networks)

    @torch.no_grad()
    def clip_gradients(self, parameters: Iterable[Tensor], max_norm: float) -> None:
        """Scale each member's gradient down to a norm of ``max_norm``, as ``torch.nn.utils.clip_grad_norm_`` does."""
        if self.count is None:
            nn.utils.clip_grad_norm_(parameters, max_norm)
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.stack([g.reshape(len(g), -1).norm(dim=1) for g in gradients]).norm(dim=0)
        factor = (max_norm / (norm + 1e-6)).clamp_max(1.0)
        for gradient in gradients:
            gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))


#: A single model.
ONE = Members()
