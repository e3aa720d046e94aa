"""Peers of medley evaluate on the same files: judging.py make FOLDER | ssim FOLDER | medpy FOLDER | surface FOLDER."""
import os
import sys
import time

import nibabel as nib
import numpy as np


def make(folder):
    """One 192 x 192 x 160 image pair with an elliptic field of view; one pair of 256^3 masks with rough surfaces."""
    rng = np.random.default_rng(1)
    shape = (192, 192, 160)
    i, j, k = np.ogrid[:192, :192, :160]
    fov = ((i - 96) / 80) ** 2 + ((j - 96) / 80) ** 2 + ((k - 80) / 78) ** 2 < 1
    x = np.sin(i / 7) + np.cos(j / 9) + np.sin(k / 5) + rng.normal(0, 0.3, shape)
    x = np.where(fov, (x - x.min()) / (x.max() - x.min()) * 0.95 + 0.04, 0)
    y = np.where(fov, np.clip(x + rng.normal(0, 0.05, shape), 0, 1), 0)
    i, j, k = np.ogrid[:256, :256, :256]
    r = np.sqrt((i - 128.0) ** 2 + (j - 128) ** 2 + (k - 128) ** 2)
    wave = 8 * np.sin(i / 5) * np.sin(j / 7) * np.sin(k / 6)
    masks = {"mask-ref": r + wave < 90, "mask-pred": r - wave < 86}
    for name, v in (("ref", x), ("pred", y)):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        nib.save(nib.Nifti1Image(v.astype("f4"), np.eye(4)), f"{folder}/{name}/c1-t2.nii.gz")
    for name, v in masks.items():
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        nib.save(nib.Nifti1Image(v.astype("u1"), np.diag([0.8, 0.8, 1, 1])), f"{folder}/{name}/c1-label.nii.gz")


def load(path, dtype):
    return np.asarray(nib.load(path).dataobj).astype(dtype)


def ssim(folder):
    """The preset mmhvae (row SSIM, 2-D SSIM, PSNR, L1) and the Gaussian SSIM of strict, slice by slice, by scikit-image."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    x, y = (load(f"{folder}/{s}/c1-t2.nii.gz", "f8") for s in ("pred", "ref"))
    start = time.perf_counter()
    for k in range(x.shape[2]):
        a, b = np.trunc(255 * x[:, :, k]), np.trunc(255 * y[:, :, k])
        if b.sum() == 0:
            continue
        r = b.max() - b.min()
        structural_similarity(b, a, channel_axis=0, data_range=r)
        structural_similarity(b, a, data_range=r)
        peak_signal_noise_ratio(b, a, data_range=r)
        np.abs(a - b).mean()
        structural_similarity(y[:, :, k], x[:, :, k], gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                              data_range=1, full=True)
        peak_signal_noise_ratio(y[:, :, k], x[:, :, k], data_range=1)
    print(f"scikit-image, metrics alone: {time.perf_counter() - start:.2f} s")


def masks_of(folder):
    return [load(f"{folder}/mask-{s}/c1-label.nii.gz", bool) for s in ("pred", "ref")]


def medpy(folder):
    from medpy.metric.binary import assd, hd95

    p, g = masks_of(folder)
    start = time.perf_counter()
    a, h = assd(p, g, (0.8, 0.8, 1)), hd95(p, g, (0.8, 0.8, 1))
    print(f"medpy, ASSD {a:.6f} and HD95 {h:.6f} alone: {time.perf_counter() - start:.2f} s")


def surface(folder):
    import surface_distance as sd

    p, g = masks_of(folder)
    start = time.perf_counter()
    d = sd.compute_surface_distances(g, p, (0.8, 0.8, 1))
    print(f"surface-distance, HD95 {sd.compute_robust_hausdorff(d, 95):.6f} alone: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    {"make": make, "ssim": ssim, "medpy": medpy, "surface": surface}[sys.argv[1]](sys.argv[2])
