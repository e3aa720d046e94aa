"""Time medley and PyTorch side by side: alternating runs of the same work on the same machine.

    run.py MEDLEY [--rounds N] [--threads N] [--model NAME] [--case NAME] [--no-compile] [--no-train] [--json FILE]

Per slice of the paper's networks, random weights. MMHVAE: us -> 4, us -> 1, three MR -> 4, and us and all seven subsets of the
MR -> 4; a training step of three passes (N = 2: PyTorch needs 2.4 GB a slice), without them by --case training. The others: all
images of us, M2DN by 18 steps. PyTorch runs eager, in bfloat16 autocast and compiled; a ratio is against its best, another
against its best in float32.
"""
import argparse
import copy
import json
import os
import platform
import subprocess
import time

import torch

from m2dn import M2DN
from mmgan import MMGAN
from mmhvae import MMHVAE
from resvit import ResViT

MODALITIES = ["us", "t2", "cet1", "flair"]
SUBSETS = [["us"]] + [[m for i, m in enumerate(MODALITIES[1:]) if k >> i & 1] for k in range(1, 8)]
SIZE = {"base": 16, "max": 128, "pools": 6, "nfinal": 8, "nblocks": 6, "size": (192, 192)}
NETWORKS = {
    "mmhvae": lambda: MMHVAE(MODALITIES, **SIZE),
    "mopoe": lambda: MMHVAE(MODALITIES, levels=1, **SIZE),
    "mhvae": lambda: MMHVAE(MODALITIES[:2], **SIZE),
    "mmgan": lambda: MMGAN(MODALITIES, 64, 6),
    "resvit": lambda: ResViT(MODALITIES, 64, 768, 3072, 12, 12, (192, 192)),
    "m2dn": lambda: M2DN(MODALITIES, 128, 32, 8, 128, 512),
}
CASES = {  # network, what is given in each pass, what is made
    "us -> 4": ("mmhvae", [["us"]], MODALITIES),
    "us -> 1": ("mmhvae", [["us"]], ["t2"]),
    "3 MR -> 4": ("mmhvae", [MODALITIES[1:]], MODALITIES),
    "us and 7 subsets -> 4": ("mmhvae", SUBSETS, MODALITIES),
    "MoPoE, us -> 4": ("mopoe", [["us"]], MODALITIES),
    "MHVAE, us -> 2": ("mhvae", [["us"]], MODALITIES[:2]),
    "MM-GAN, us -> 4": ("mmgan", [["us"]], MODALITIES),
    "ResViT, us -> 4": ("resvit", [["us"]], MODALITIES),
    "M2DN, us -> 4": ("m2dn", [["us"]], MODALITIES),
}


def medley(program, threads, *arguments):
    command = [program, "bench", *arguments, "--json", "--quiet", "--threads", str(threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def medley_slice(program, threads, model, passes, targets):
    given = ["--subsets"] if len(passes) > 1 else ["--given", ",".join(passes[0])]
    makes = [] if model == "mmgan" else ["--target", ",".join(targets)]  # which makes what is missing
    return medley(program, threads, "synth", "--model", model, *given, *makes, "--steps", "5")["median_ms_per_slice"]


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def images(n, given):
    y, x = torch.meshgrid(torch.linspace(-0.5, 0.5, 192), torch.linspace(-0.5, 0.5, 192), indexing="ij")
    fan = (x * x + y * y < 0.2).float()
    return {m: fan * (2 * torch.rand(n, 1, 192, 192)) - 1 for m in given}


def compiled_copy(model):
    """M2DN: one evaluation is compiled, its 18 are a loop."""
    copy_of = copy.copy(model)
    if not isinstance(model, M2DN):
        return torch.compile(copy_of, dynamic=False)
    copy_of.network = torch.compile(model.network, dynamic=False)
    return copy_of


def slice_runners(model, compiled, passes, targets):
    x = images(1, MODALITIES)

    def run_all(network):
        with torch.inference_mode():
            for given in passes:
                network({m: x[m] for m in given}, targets=targets)

    def eager():
        run_all(model)

    def bf16():
        with torch.autocast("cpu", torch.bfloat16):
            run_all(model)

    def compiled_run():
        run_all(compiled)

    return {"eager": eager, "bf16": bf16} | ({} if compiled is None else {"compiled": compiled_run})


def training_runners(model, compiled, n):
    optimizer = torch.optim.Adamax(model.parameters(), lr=2e-3)
    x = images(n, MODALITIES)

    def step(network, is_bf16=False):
        optimizer.zero_grad()
        for given in (MODALITIES, ["us"], MODALITIES[1:]):
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                out, kl = network({m: x[m] for m in given}, 1.0, wants_kl=True)
                loss = sum(0.5 * (out[m] - x[m]).abs().mean() for m in MODALITIES) / 4 + 1e-3 * sum(kl) / (n * 192 * 192 * 4)
            loss.backward()
        optimizer.step()

    runners = {"eager": lambda: step(model), "bf16": lambda: step(model, True)}
    return runners | ({} if compiled is None else {"compiled": lambda: step(compiled)})


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def compare(name, rounds, ours, theirs):
    """ours() gives ms, theirs are work; one of each in turn."""
    for work in theirs.values():
        work()
        work()
    times = {"medley": []} | {k: [] for k in theirs}
    for _ in range(rounds):
        times["medley"].append(ours())
        for k, work in theirs.items():
            times[k].append(1e3 * seconds_of(work))
    result = {k: {"median_ms": median(v), "min_ms": min(v), "max_ms": max(v)} for k, v in times.items()}
    best = lambda names: min(result[k]["median_ms"] for k in names)
    result["ratio"] = best(theirs) / result["medley"]["median_ms"]
    result["ratio_float32"] = best(k for k in theirs if k != "bf16") / result["medley"]["median_ms"]
    print(name, json.dumps(result), flush=True)
    return result


def main():
    p = argparse.ArgumentParser()
    p.add_argument("medley")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--model", action="append", help="only this network; may be repeated")
    p.add_argument("--case", action="append", help="only this one; may be repeated")
    p.add_argument("--no-compile", action="store_true")
    p.add_argument("--no-train", action="store_true")
    p.add_argument("--json")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch._dynamo.config.recompile_limit = 2 * len(SUBSETS)  # else some subsets would run eager
    report = {"machine": machine(), "torch": torch.__version__, "threads": o.threads, "rounds": o.rounds, "cases": {}}
    for name, make in NETWORKS.items():
        cases = {c: v[1:] for c, v in CASES.items() if v[0] == name and (not o.case or c in o.case)}
        if o.model and name not in o.model or not cases:
            continue
        model = make().eval()
        compiled = None if o.no_compile else compiled_copy(model)
        for case, (passes, targets) in cases.items():
            ours = lambda: medley_slice(o.medley, o.threads, name, passes, targets)
            report["cases"][case] = compare(case, o.rounds, ours, slice_runners(model, compiled, passes, targets))
    if not o.no_train and (not o.model or "mmhvae" in o.model):
        n = 2
        model = NETWORKS["mmhvae"]()
        theirs = training_runners(model, None if o.no_compile else compiled_copy(model), n)
        ours = lambda: 1e3 * n * medley(o.medley, o.threads, "train", "--batch", str(n), "--steps", "1")["seconds_per_slice_step"]
        report["cases"][f"training step, N = {n}"] = compare("training", 3, ours, theirs)
    if o.json:
        json.dump(report, open(o.json, "w"), indent=1)


def machine():
    info = {}
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "cache size") and key.strip() not in info:
            info[key.strip()] = value.strip()
    return info | {"kernel": platform.release(), "processors": os.cpu_count()}


if __name__ == "__main__":
    main()
