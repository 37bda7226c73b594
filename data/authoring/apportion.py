"""Round shares to whole numbers without losing a unit."""

from __future__ import annotations

import math
from collections.abc import Sequence


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split ``total`` in proportion to ``weights`` by largest remainder; the parts sum to ``total`` exactly.

    A weight of 0 gets nothing. Equal remainders go to the earlier part, so the answer is always the same.
    Raises ValueError when there is something to split and no weight, or when a weight is negative.
    """
    whole = math.fsum(weights)
    if total < 0 or any(weight < 0 for weight in weights) or (total and not whole):
        raise ValueError(f"cannot split {total} by weights that sum to {whole}")
    if not total:
        return [0] * len(weights)
    quotas = [total * weight / whole for weight in weights]
    return _round(total, quotas)


class CarryingApportioner:
    """Split a sequence of totals by changing weights, and carry what rounding took from a part to the next split.

    Splitting 1 person a slot afresh would give each to the biggest part for ever; with the carry, the sums of
    the parts over many splits stay within one unit of their exact shares.
    """

    def __init__(self, parts: int) -> None:
        self._carry = [0.0] * parts

    def split(self, total: int, weights: Sequence[float]) -> list[int]:
        """Split one total; a part whose weight is 0 gets nothing this time."""
        whole = math.fsum(weights)
        wanted = [carry + total * weight / whole for carry, weight in zip(self._carry, weights, strict=True)]
        quotas = [max(0.0, quota) if weight else 0.0 for quota, weight in zip(wanted, weights, strict=True)]
        parts = apportion(total, quotas) if math.fsum(quotas) else apportion(total, weights)
        self._carry = [want - part for want, part in zip(wanted, parts, strict=True)]
        return parts


def _round(total: int, quotas: Sequence[float]) -> list[int]:
    parts = [math.floor(quota) for quota in quotas]
    # A weight of 0 has remainder 0 and is last; there are never more units left than parts with a weight.
    by_remainder = sorted(range(len(quotas)), key=lambda i: (quotas[i] == 0, parts[i] - quotas[i], i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
