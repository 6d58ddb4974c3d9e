"""What a device could do at most, and the share of it that training uses. Knows published peaks only."""

from __future__ import annotations

# Dense matrix peaks in FLOP/s with bfloat16 inputs (float16 where a device has no bfloat16), from NVIDIA's data sheets,
# without sparsity. A name is matched where the device's own contains it; the first match counts.
_PEAKS: tuple[tuple[str, float], ...] = (
    ("B200", 2.25e15),
    ("GH200", 989e12),
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("A10G", 70e12),
    ("A40", 149.7e12),
    ("L40S", 362e12),
    ("L4", 121e12),
    ("RTX 4090", 165.2e12),
    ("RTX 3090", 71e12),
    ("V100", 125e12),
    ("T4", 65e12),
)


def peak_flops(device_name: str) -> float | None:
    """The device's peak in FLOP/s; none for a device that is not in the table."""
    words = device_name.split()
    for name, peak in _PEAKS:
        if all(any(word == piece or word.startswith(f"{piece}-") for word in words) for piece in name.split()):
            return peak
    return None


def model_flops_utilization(
    flops_per_token: float, tokens_per_second: float, device_name: str, devices: int
) -> float | None:
    """MFU (Chowdhery et al. 2022, appendix B): the model's own FLOP/s over the peak of all devices; none if unknown."""
    peak = peak_flops(device_name)
    return None if peak is None else flops_per_token * tokens_per_second / (peak * devices)
