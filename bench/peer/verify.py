"""Hold the PyTorch networks to the fixtures, in double: images of every case, and KL where there is one.

    verify.py FIXTURE.safetensors ...
"""
import json
import math
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

from m2dn import M2DN
from mmgan import MMGAN
from mmhvae import MMHVAE
from resvit import ResViT

MASK = (1 << 64) - 1
NETWORKS = {"mmhvae": MMHVAE, "mhvae": MMHVAE, "mopoe": lambda **config: MMHVAE(levels=1, **config), "mmgan": MMGAN, "resvit": ResViT, "m2dn": M2DN}


# ---- numbers that are not stored ----


def hashed(name, shape, seed):
    """splitmix64 behind FNV-1a of the name; uniform in [-1, 1)."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    z = np.uint64(state ^ seed) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def matrix_of(name, names):
    """The weight that a bias is beside, when that is a matrix or a kernel."""
    weight = name[: -len("bias")] + "weight"
    weight = weight if weight in names else name[: -len("bias")] + "parametrizations.weight.original1"
    return weight if len(names.get(weight, ())) > 1 else None


def hashed_weight(name, names, seed, gain):
    u, kind = hashed(name, names[name], seed), name.rsplit(".")[-1]
    fan = lambda weight: math.sqrt(math.prod(names[weight][1:]))
    if kind == "running_mean":
        return 0.25 * u
    if kind in ("running_var", "positional_encoding"):
        return 1 + 0.5 * u if kind == "running_var" else 0.5 * u
    if len(u.shape) > 1:
        return gain * u / fan(name)
    if kind == "weight":
        return 1 + 0.25 * u
    matrix = matrix_of(name, names)
    return u / fan(matrix) if matrix else 0.25 * u


def hashed_weights(names, seed, gain):
    stored = [name for name in names if not name.endswith(("original0", "num_batches_tracked"))]
    weights = {name: hashed_weight(name, names, seed, gain).astype(np.float32) for name in stored}
    for name, shape in names.items():
        if name.endswith("original0"):
            v = weights[name[:-1] + "1"].astype(np.float64)
            length = np.sqrt((v**2).reshape(v.shape[0], -1).sum(1)).reshape(shape)
            weights[name] = (length * (1 + 0.1 * hashed(name, shape, seed))).astype(np.float32)
    return weights


def hashed_image(description, name):
    config = description["config"]
    image = (0.95 * hashed(name, (config["n"], 1, *config["size"]), description["hash"]["seed"])).astype(np.float32)
    if description["fixture"] == "mmgan":
        return image + np.float32(1)
    frame = 8
    image[:, :, :frame], image[:, :, -frame:], image[..., :frame], image[..., -frame:] = -1, -1, -1, -1
    return image


# ---- a fixture ----


def our_name(name, modalities):
    """MHVAE's release has another form of weight norm and numbers its image decoders."""
    parts = name.replace("weight_g", "parametrizations.weight.original0").replace("weight_v", "parametrizations.weight.original1").split(".")
    if parts[0] == "final_blocks" and parts[1].isdigit():
        parts[1] = modalities[int(parts[1])]
    return ".".join(parts)


class Fixture:
    def __init__(self, path):
        self.about, tensors = json.load(open(path.replace(".safetensors", ".json"))), load_file(path)
        self.kind, self.config, self.cases = self.about.get("fixture", "mmhvae").split("-")[0], self.about["config"], self.about["cases"]
        self.tensors = {k: torch.from_numpy(v) for k, v in tensors.items()}
        self.tensors = {k: v.double() if v.is_floating_point() else v for k, v in self.tensors.items()}
        modalities = self.config["modalities"]
        self.model = NETWORKS[self.kind](**self.config).double().eval()
        weights = {our_name(k, modalities): torch.from_numpy(v) for k, v in self.weights(tensors).items()}
        counters = {k: v for k, v in self.model.state_dict().items() if k.endswith("num_batches_tracked")}
        self.model.load_state_dict(counters | weights)

    def weights(self, tensors):
        if self.about.get("weights") != "hashed":
            return {k[2:]: v for k, v in tensors.items() if k.startswith("w/")}
        names = self.about["names"]
        rule = self.about.get("hash", self.about)
        return hashed_weights(names.get("generator", names), rule["seed"], rule.get("gain", 1))

    def images(self, given):
        stored = lambda name: name in self.tensors
        return {m: self.tensors[n] if stored(n := f"x/{m}") else torch.from_numpy(hashed_image(self.about, n)).double() for m in given}

    def run(self, case):
        """Images of a case by name in the file, and KL per level with the numbers expected."""
        if self.kind == "m2dn":
            return self.run_m2dn(case), []
        images, name = self.images(case["given"]), case["name"]
        if self.kind in ("mmgan", "resvit"):
            options = {"masks": self.config["fill"] == -1} if self.kind == "mmgan" else {}
            stack = torch.cat(list(self.model(images, **options).values()), 1)
            return {f"out/{name}": stack}, []
        noise = [self.tensors[f"eps/{case['eps']}/z{l}"] for l in self.noise_levels()] if case["eps"] else None
        wants_kl = case["temperature"] > 0
        result = self.model(images, case["temperature"], noise, wants_kl=wants_kl, masks=self.kind != "mhvae")
        out, kl = result if wants_kl else (result, [])
        wanted = self.tensors[f"kl/{name}"] if wants_kl else []
        return {f"out/{name}/{m}": image for m, image in out.items()}, list(zip(kl, wanted, strict=True))

    def noise_levels(self):
        top = self.model.pools + 1
        return range(top, top - self.model.levels, -1)

    def run_m2dn(self, case):
        channels = lambda x: {m: x[:, j : j + 1] for j, m in enumerate(self.config["modalities"])}
        if case["name"] == "forward":
            x, t, v = (self.tensors[f"forward/{k}"] for k in ("x_t", "t", "v"))
            out = self.model.network(channels(x), t.double(), v, self.config["modalities"])
        else:
            out = self.model(self.images(case["given"]), start=channels(self.tensors["sample/start"]))
        return {case["output"]: torch.cat(list(out.values()), 1)}


def is_ours(case):
    """Cases in training mode and of the sampler with new noise are not timed, so not made."""
    return not case.get("mode", "eval").startswith("train") and not case.get("output", "").endswith("ddpm")


def difference(image, name, tensors):
    wanted = tensors.get(name)
    if wanted is None:  # every so many rows and columns, from 0
        wanted = tensors[name.replace("out/", "out_slice/")]
        step = image.shape[2] // wanted.shape[2]
        image = image[:, :, ::step, ::step]
    return ((image - wanted).abs().max() / max(1, wanted.abs().max())).item()


def check(path):
    fixture, worst, worst_kl = Fixture(path), 0.0, 0.0
    cases = [case for case in fixture.cases if is_ours(case)]
    for case in cases:
        with torch.no_grad():
            out, kl = fixture.run(case)
        worst = max([worst] + [difference(image, name, fixture.tensors) for name, image in out.items()])
        worst_kl = max([worst_kl] + [abs(got.item() / wanted.item() - 1) for got, wanted in kl])
    of_kl = f", of any level's KL {worst_kl:.2g} relative" if kl else ""
    print(f"{path}: {len(cases)} cases, largest difference of any image {worst:.2g}{of_kl}", flush=True)
    return len(cases) > 0 and worst < 1e-5 and worst_kl < 1e-6


if __name__ == "__main__":
    sys.exit(0 if all([check(path) for path in sys.argv[1:]]) else 1)
