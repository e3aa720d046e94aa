"""Real data in, beside SimpleITK and nibabel: one large ultrasound and three MRs to a prepared case, one MR read, one
contact sheet. Usage: formats.py MEDLEY FOLDER make|prepare|resample|read|sheet [SCANS.nii.gz ...]. Prints medians of 5 runs."""
import os, statistics, subprocess, sys, time

os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "2")
import numpy as np
import SimpleITK as sitk

RUNS = 5
medley, folder, what = sys.argv[1], sys.argv[2], sys.argv[3]
at = lambda name: os.path.join(folder, name)
MODS = ("t2", "cet1", "flair")


def median(f):
    """Median seconds of f() and the last result."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = f()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def run(*words):
    """A process: its peak memory in MB."""
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(words)}: failed")
    return usage.ru_maxrss / 1024


def rotation(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    m = np.eye(3)
    i, j = [(1, 2), (0, 2), (0, 1)][axis]
    m[i, i] = m[j, j] = c
    m[i, j], m[j, i] = -s, s
    return m


def make():
    """A fan of speckle of 793 x 607 x 135 voxels, and three heads of noise and blobs around it."""
    random = np.random.default_rng(6)
    n = (793, 607, 135)
    turn = rotation(2, 0.5) @ rotation(0, -0.3)
    spacing = (0.125, 0.125, 0.5)
    j, i = np.mgrid[0 : n[1], 0 : n[0]]
    r, a = np.hypot(i - 396, j + 150), np.arctan2(i - 396, j + 150)
    fan = (r > 180) & (r < 740) & (abs(a) < 0.52)
    us = random.rayleigh(60, (n[2], n[1], n[0])).clip(1, 255).astype(np.uint8) * fan
    us[:8] = us[-8:] = 0
    image = sitk.GetImageFromArray(us)
    image.SetSpacing(spacing)
    image.SetDirection(turn.ravel())
    middle = turn @ (np.array(n) * spacing / 2)
    image.SetOrigin(tuple(np.array([-900.0, -800, 440]) - middle))
    sitk.WriteImage(image, at("us.nrrd"), True)
    for m, name in enumerate(MODS):
        size = (256, 256, 192)
        k, j, i = np.mgrid[0 : size[2], 0 : size[1], 0 : size[0]]
        head = ((i - 128) / 90) ** 2 + ((j - 128) / 110) ** 2 + ((k - 96) / 85) ** 2 < 1
        values = 300 + 120 * np.sin(i / (9 + m)) * np.cos(j / 11) + 60 * np.sin(k / 7)
        values = np.abs(values * head + random.normal(0, 15, head.shape))
        image = sitk.GetImageFromArray(values.astype(np.int16))
        image.SetSpacing((1, 1, 1))
        turn = rotation(1, 0.05 * m) @ rotation(0, 0.1)
        image.SetDirection(turn.ravel())
        image.SetOrigin(tuple(np.array([-900.0, -800, 440]) - turn @ (128, 128, 96)))
        sitk.WriteImage(image, at(name + ".nrrd"), True)
        t = sitk.AffineTransform(3)
        t.SetMatrix((rotation(2, 0.03) @ np.diag([1, 0.97, 1.02])).ravel())
        t.SetCenter((-900, -800, 440))
        t.SetTranslation((2, -3, 1))
        sitk.WriteTransform(t, at(name + ".tfm"))
    values = random.normal(600, 200, (155, 240, 240)).clip(0).astype(np.int16)
    values[np.random.default_rng(7).random(values.shape) < 0.4] = 0
    sitk.WriteImage(sitk.GetImageFromArray(values), at("noise.nii.gz"), True)


def box(image):
    """Without the planes of zeros at its border."""
    a = sitk.GetArrayViewFromImage(image)
    index = [np.flatnonzero(a.any(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    lo = [int(x[0]) for x in index]
    return sitk.RegionOfInterest(image, [int(x[-1] - x[0] + 1) for x in index], lo)


def prepare_sitk():
    """What `medley prepare case` does to images, without its checks, its hashes and its manifest."""
    us = box(sitk.ReadImage(at("us.nrrd")))
    s = us.GetSpacing()
    new = (0.5, 0.5, 0.5)
    size = [int(np.rint(a * b / c)) for a, b, c in zip(us.GetSize(), s, new)]
    us = sitk.Resample(us, size, sitk.Transform(), sitk.sitkLinear, us.GetOrigin(), new, us.GetDirection(), 0)
    us = box(us)
    low = [int(np.ceil((us.GetSize()[a] - 192) / 2)) for a in (0, 1)]
    high = [us.GetSize()[a] - 192 - low[a] for a in (0, 1)]
    us = sitk.ConstantPad(us, [max(-x, 0) for x in low] + [0], [max(-x, 0) for x in high] + [0])
    us = sitk.Crop(us, [max(x, 0) for x in low] + [0], [max(x, 0) for x in high] + [0])
    fov = us > 0
    sitk.WriteImage(us, at("s-us.nii.gz"), True)
    sitk.WriteImage(fov, at("s-fov.nii.gz"), True)
    for name in MODS:
        mr = sitk.Cast(sitk.ReadImage(at(name + ".nrrd")), sitk.sitkFloat32)
        mr = sitk.Resample(mr, us, sitk.ReadTransform(at(name + ".tfm")), sitk.sitkLinear, 0.0)
        sitk.WriteImage(sitk.Mask(mr, fov), at(f"s-{name}.nii.gz"), True)
    return us


def prepare_medley():
    words = [medley, "prepare", "case", "--force", "--threads", "2", "--quiet", "-o", at("data"), "--us", at("us.nrrd")]
    for name in MODS:
        words += [f"--{name}", at(name + ".nrrd"), f"--tfm-{name}", at(name + ".tfm")]
    return run(*words)


def prepare():
    s, memory = median(prepare_medley)
    print(f"prepare, medley:    {s:6.2f} s, {memory:.0f} MB (file to file, checks, hashes, manifest)")
    s, us = median(prepare_sitk)
    import resource

    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"prepare, SimpleITK: {s:6.2f} s, {memory:.0f} MB (images only)")
    ours = sitk.ReadImage(at("data/case0000/case0000-us.nii.gz"))
    ours_t2 = sitk.GetArrayFromImage(sitk.ReadImage(at("data/case0000/case0000-t2.nii.gz")))
    theirs_t2 = sitk.GetArrayFromImage(sitk.ReadImage(at("s-t2.nii.gz")))
    both = (ours_t2 > 0) & (theirs_t2 > 0)
    print(f"grids {ours.GetSize()} and {us.GetSize()}; largest difference of t2 where both are {abs(ours_t2 - theirs_t2)[both].max():.3g}")


def ours(*words):
    """bench_formats beside the program: medians in one process, as the peers' are."""
    return float(subprocess.run([os.path.join(os.path.dirname(medley), "bench_formats"), *words], check=True, capture_output=True).stdout)


def resample():
    like = sitk.ReadImage(at("s-us.nii.gz"))
    for name, t in (("us", None), ("t2", at("t2.tfm"))):
        moving = sitk.ReadImage(at(name + ".nrrd"), sitk.sitkFloat32)
        transform = sitk.ReadTransform(t) if t else sitk.Transform()
        s, _ = median(lambda: sitk.Resample(moving, like, transform, sitk.sitkLinear, 0.0))
        print(f"resample {name}: medley {ours('--resample', at(name + '.nrrd'), at('s-us.nii.gz'), *([t] if t else [])):.3f} s, SimpleITK {s:.3f} s")


def read():
    import nibabel

    for path in [at("noise.nii.gz")] + sys.argv[4:]:
        image = nibabel.load(path)
        print(f"{os.path.basename(path)}: {image.shape} {image.get_data_dtype()}, {os.path.getsize(path) / 1e6:.1f} MB")
        s, _ = median(lambda: run(medley, "info", path, "--stats", "--threads", "2"))
        print(f"  medley info --stats (the whole process): {s:.3f} s")
        print(f"  medley, as float32:  {ours(path):.3f} s")
        s, _ = median(lambda: np.asarray(nibabel.load(path).dataobj))
        print(f"  nibabel, as stored:  {s:.3f} s")
        s, _ = median(lambda: nibabel.load(path).get_fdata(dtype=np.float32))
        print(f"  nibabel, as float32: {s:.3f} s")
        s, _ = median(lambda: sitk.ReadImage(path))
        print(f"  SimpleITK, as stored:  {s:.3f} s")
        s, _ = median(lambda: sitk.ReadImage(path, sitk.sitkFloat32))
        print(f"  SimpleITK, as float32: {s:.3f} s")


def sheet():
    s, memory = median(lambda: run(medley, "prepare", "check", at("data"), "-o", at("sheets"), "--threads", "2", "--quiet"))
    print(f"prepare check of the case, hashes, images, checks, sheet: {s:.2f} s, {memory:.0f} MB")
    s, _ = median(lambda: run(medley, "prepare", "check", at("data"), "--no-sheets", "--threads", "2", "--quiet"))
    print(f"... without the sheet: {s:.2f} s")


{"make": make, "prepare": prepare, "resample": resample, "read": read, "sheet": sheet}[what]()
