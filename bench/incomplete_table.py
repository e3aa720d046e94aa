#!/usr/bin/env python3
"""incomplete_table.py OUT: the tables of docs/incomplete-data.md from the scores of incomplete_data.sh.

A score of (arm, seed, subset given, case) is the mean over the modalities that were filled in. A cell is the mean over cases
and seeds; its 95 % interval is that of a bootstrap that draws seeds and, on its own, cases with replacement. Differences of
two arms are drawn pairwise: the same seeds and cases for both."""
import csv
import glob
import json
import random
import sys
from collections import defaultdict

METRICS = [("mmhvae", "psnr", "PSNR (dB)", 2), ("mmhvae", "ssim", "SSIM", 3),
           ("texture", "sharpness_gradient", "gradient ratio", 2), ("texture", "sharpness_spectrum", "frequency ratio", 2)]
ARMS, DRAWS, GIVEN = "abc", 2000, "us t2 cet1 flair us,t2 us,cet1 us,flair t2,cet1 t2,flair cet1,flair " \
    "us,t2,cet1 us,t2,flair us,cet1,flair t2,cet1,flair"


def read(out):
    """{(preset, metric): {arm: {subset: {seed: {case: score}}}}}"""
    values = defaultdict(list)
    for path in sorted(glob.glob(out + "/scores/*/per_case.csv")):
        arm, seed, given = path.split("/")[-2].split("-", 2)
        with open(path) as f:
            for r in csv.DictReader(f):
                if r["value"]:
                    values[r["preset"], r["metric"], arm, given, seed, r["case"]].append(float(r["value"]))
    scores = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(dict))))
    for (preset, metric, arm, given, seed, case), v in values.items():
        scores[preset, metric][arm][given][seed][case] = sum(v) / len(v)
    return scores


def over_subsets(subsets):
    """{seed: {case: mean over the subsets}}"""
    first = subsets[next(iter(subsets))]
    return {seed: {case: sum(s[seed][case] for s in subsets.values()) / len(subsets) for case in first[seed]} for seed in first}


def mean(table):
    return sum(sum(cases.values()) / len(cases) for cases in table.values()) / len(table)


def difference(x, y):
    return {seed: {case: x[seed][case] - y[seed][case] for case in x[seed]} for seed in x if seed in y}


def interval(table):
    seeds, cases, rng = list(table), list(next(iter(table.values()))), random.Random(0)
    means = []
    for _ in range(DRAWS):
        drawn = [rng.choice(cases) for _ in cases]
        means.append(sum(table[s][c] for s in (rng.choice(seeds) for _ in seeds) for c in drawn) / len(seeds) / len(cases))
    means.sort()
    return means[round(0.025 * (DRAWS - 1))], means[round(0.975 * (DRAWS - 1))]


def cell(table, digits, sign=""):
    low, high = interval(table)
    return f"{mean(table):{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def print_metric(scores, title, digits):
    print(f"\n**{title}**\n\n| given | a complete | b all | c all, adversarial | b - a | c - b |\n|---|---|---|---|---|---|")
    rows = [(g.replace(",", " + "), {arm: scores[arm][g] for arm in ARMS if scores[arm].get(g)}) for g in GIVEN.split()]
    rows.append(("**mean of all**", {arm: over_subsets(scores[arm]) for arm in ARMS if scores[arm]}))
    for name, arms in rows:
        cells = [f"{mean(arms[arm]):.{digits}f}" if arm in arms else "" for arm in ARMS]
        cells += [cell(difference(arms[y], arms[x]), digits, "+") if x in arms and y in arms else "" for x, y in ("ab", "bc")]
        print("| " + " | ".join([name] + cells) + " |")


def print_runs(out):
    print("\n| run | processor time (s) | validation error: least | at the end |\n|---|---|---|---|")
    for path in sorted(glob.glob(out + "/run-?-?/log.jsonl")):
        run = path.split("/")[-2]
        with open(path) as f:
            errors = [line["val_loss"] for line in map(json.loads, f) if "val_loss" in line]
        try:
            with open(f"{out}/{run}.times") as f:
                minutes, seconds = f.read().split()[2].rstrip("s").split("m")  # of children, user
                spent = f"{60 * float(minutes) + float(seconds):.0f}"
        except (FileNotFoundError, IndexError):
            spent = "?"
        print(f"| {run[4:]} | {spent} | {min(errors, default=float('nan')):.4f} | {errors[-1] if errors else float('nan'):.4f} |")


out = sys.argv[1]
scores = read(out)
print_runs(out)
for preset, metric, title, digits in METRICS:
    print_metric(scores[preset, metric], title, digits)
