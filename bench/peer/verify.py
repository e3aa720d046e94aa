"""Hold the PyTorch implementation to the fixtures: images and KL of every case, in double.

    verify.py FIXTURE.safetensors ...
"""
import json
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

from mmhvae import MMHVAE

MASK = (1 << 64) - 1


def hashed(name, shape, seed):
    """The weights of mmhvae-paper: splitmix64 behind FNV-1a of the name; uniform in [-1, 1)."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    z = np.uint64(state ^ seed) + np.arange(1, np.prod(shape, dtype=np.int64) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def hashed_weights(names, seed):
    weights = {}
    for name, shape in names.items():
        u = hashed(name, shape, seed)
        if name.endswith("original0"):
            continue
        of = name if len(shape) > 1 else name[: -len("bias")] + "weight"
        fan = names[of if of in names else name[: -len("bias")] + "parametrizations.weight.original1"]
        weights[name] = (u / np.sqrt(np.prod(fan[1:]))).astype(np.float32)
    for name, shape in names.items():
        if name.endswith("original0"):
            v = weights[name[:-1] + "1"].astype(np.float64)
            length = np.sqrt((v**2).reshape(v.shape[0], -1).sum(1)).reshape(shape)
            weights[name] = (length * (1 + 0.1 * hashed(name, shape, seed))).astype(np.float32)
    return weights


def load(path):
    description, tensors = json.load(open(path.replace(".safetensors", ".json"))), load_file(path)
    if description.get("weights") == "hashed":
        weights = hashed_weights(description["names"], description["seed"])
    else:
        weights = {k[2:]: v for k, v in tensors.items() if k.startswith("w/")}
    model = MMHVAE(**description["config"]).double()
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    return description, {k: torch.from_numpy(v).double() for k, v in tensors.items() if not k.startswith("w/")}, model


def check(path):
    description, tensors, model = load(path)
    worst, worst_kl = 0.0, 0.0
    for case in description["cases"]:
        levels = range(model.pools + 1, 0, -1)
        noise = [tensors[f"eps/{case['eps']}/z{l}"] for l in levels] if case["eps"] else None
        images = {m: tensors[f"x/{m}"] for m in case["given"]}
        wants_kl = case["temperature"] > 0
        with torch.no_grad():
            result = model(images, case["temperature"], noise, wants_kl=wants_kl)
        out, kl = result if wants_kl else (result, [])
        for m, image in out.items():
            worst = max(worst, (image - tensors[f"out/{case['name']}/{m}"]).abs().max().item())
        for got, wanted in zip(kl, tensors[f"kl/{case['name']}"] if wants_kl else [], strict=True):
            worst_kl = max(worst_kl, abs(got.item() / wanted.item() - 1))
    print(f"{path}: largest difference of any image {worst:.2g}, of any level's KL {worst_kl:.2g} relative")
    return worst < 1e-5 and worst_kl < 1e-6


if __name__ == "__main__":
    sys.exit(0 if all([check(path) for path in sys.argv[1:]]) else 1)
