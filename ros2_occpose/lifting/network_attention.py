"""Transformer layers, over the joints of a frame or over a stretch of time."""
from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(..., T, C) to the same; `bias` (heads, T, T) is added to the logits."""
        query, key, value = self.into(x).chunk(3, -1)
        return self.answer(query, key, value, bias)

    def answer(self, query: Tensor, key: Tensor, value: Tensor,
               bias: Tensor | None = None) -> Tensor:
        """What queries (..., Q, C) take from keys and values (..., T, C), (..., Q, C)."""
        q, k, v = (part.reshape(*part.shape[:-1], self.heads, -1).transpose(-3, -2)
                   for part in (query, key, value))
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if bias is not None:
            logits = logits + bias
        taken = torch.softmax(logits, -1).to(v.dtype) @ v
        return torch.as_tensor(self.out(taken.transpose(-3, -2).flatten(-2)))


class Block(nn.Module):
    """Attention and two linear layers, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.linear = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(),
                                    nn.Linear(2 * width, width))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(..., T, C) to the same."""
        x = x + self.attention(self.norm(x), bias)
        return torch.as_tensor(x + self.linear(x))

    def step(self, x: Tensor, keys: Tensor, values: Tensor,
             bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The newest frame of N sequences: its answer, key and value, (N, C) each.

        Args:
            x: (N, C).
            keys: Of the frames before, oldest first, (N, R, C).
            values: The same.
            bias: Of the frames before and of this one, (N, heads, 1, R + 1); -inf: no such frame.
        """
        query, key, value = self.attention.into(self.norm(x)).chunk(3, -1)
        taken = self.attention.answer(query[:, None], torch.cat([keys, key[:, None]], 1),
                                      torch.cat([values, value[:, None]], 1), bias)
        x = x + taken[:, 0]
        return x + self.linear(x), key, value


class RelativeBias(nn.Module):
    """What a temporal layer learns of the time between two frames, and how far it looks.

    In the place of an embedding of absolute time: a stream has no first frame to count from, and a
    key must not change while it is remembered.
    """

    def __init__(self, heads: int, reach: int, *, causal: bool) -> None:
        super().__init__()
        self.reach, self.ahead = reach, 0 if causal else reach
        self.table = nn.Parameter(torch.zeros(heads, self.ahead + reach + 1))

    def forward(self, frames: int) -> Tensor:
        """For each pair of frames, (heads, T, T); -inf where one does not see the other."""
        t = torch.arange(frames, device=self.table.device)
        at = t[:, None] - t[None] + self.ahead             # frames back, from the farthest ahead
        last = self.ahead + self.reach
        seen = (at >= 0) & (at <= last)
        return torch.where(seen, self.table[:, at.clamp(0, last)], -torch.inf)

    def of_past(self, age: Tensor) -> Tensor:
        """For the newest frame of N sequences, (N, heads, 1, reach + 1).

        Args:
            age: How many frames came before it, (N, 1).
        """
        back = torch.arange(self.reach, -1, -1, device=age.device, dtype=age.dtype)
        bias = self.table[:, self.ahead:].flip(-1)[None]        # (1, heads, reach + 1)
        seen = (back <= age)[:, None]                           # (N, 1, reach + 1)
        return torch.where(seen, bias, -torch.inf)[:, :, None]
