#!/usr/bin/env python3
"""LPIPS by the Python package itself, for tests/metric/lpips.c and for `medley weights import lpips`.

    perceptual.py numbers              distances under weights that a formula gives (the numbers of tests/metric/lpips.c)
    perceptual.py check MEDLEY FOLDER  the package's own heads on a trunk of such weights, imported and verified by medley

Needs torch, torchvision (its trunks, without their weights) and lpips 0.1.4; nothing is downloaded at run time.
"""
import hashlib
import json
import math
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
import lpips

SIZES = {"alex": (47, 40), "vgg": (20, 33)}


def uniform(name, n):
    """n numbers in [-1, 1): splitmix64 started at FNV-1a of the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(state) + (np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def tensor(name, shape, scale):
    return torch.from_numpy((scale * uniform(name, math.prod(shape))).astype(np.float32).reshape(shape))


def package(net, own_heads):
    """The package's module with a trunk by formula, and heads by formula or its own."""
    model = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False).eval()
    trunk = {}
    for layer in (m for s in range(1, 6) for m in getattr(model.net, f"slice{s}").named_children()):
        index, module = layer
        if not isinstance(module, torch.nn.Conv2d):
            continue
        fan_in = math.prod(module.weight.shape[1:])
        for part, scale in (("weight", math.sqrt(6 / fan_in)), ("bias", 0.1)):
            key = f"features.{index}.{part}"
            trunk[key] = tensor(key, getattr(module, part).shape, scale)
            getattr(module, part).data.copy_(trunk[key])
    if not own_heads:
        for tap, head in enumerate(model.lins):
            weight = head.model[1].weight
            weight.data.copy_(tensor(f"lin{tap}", weight.shape, 1).abs())
    return model.double(), trunk


def slices(rows, cols):
    x = uniform("x", rows * cols)
    return x, 0.7 * x + 0.3 * uniform("y", rows * cols)


def distance(model, rows, cols):
    x, y = (torch.from_numpy(v).reshape(1, 1, rows, cols).expand(1, 3, rows, cols) for v in slices(rows, cols))
    with torch.no_grad():
        return model(x, y).item()


def numbers():
    for net, (rows, cols) in SIZES.items():
        print(f"{net} {rows} x {cols}: {distance(package(net, False)[0], rows, cols):.12g}")


def check(medley, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for net, (rows, cols) in SIZES.items():
        model, trunk = package(net, True)
        heads = pathlib.Path(lpips.__file__).parent / "weights/v0.1" / f"{net}.pth"
        torch.save(trunk, folder / f"{net}.pth")
        x, y = slices(rows, cols)
        expected = distance(model, rows, cols)
        pair = {"size": [rows, cols], "x": x.tolist(), "y": y.tolist(), "lpips": expected}
        (folder / f"{net}.json").write_text(json.dumps(pair))
        command = [medley, "weights", "import", "lpips", "--trunk", folder / f"{net}.pth", "--heads", heads,
                   "-o", folder / f"{net}.safetensors", "--verify", folder / f"{net}.json", "--json"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{net}: heads {hashlib.sha256(heads.read_bytes()).hexdigest()[:16]}, package {expected:.9g}, "
              f"medley {report['verified']:.9g}, relative {abs(report['verified'] / expected - 1):.1e}")


if __name__ == "__main__":
    if sys.argv[1:] == ["numbers"]:
        numbers()
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        check(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
