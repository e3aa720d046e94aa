"""M2DN in PyTorch, written from the specification of the baselines; names as in its fixtures. `network` is one evaluation,
`forward` the sampler (DDIM without new noise)."""
import torch
import torch.nn.functional as F
from torch import nn

from mmhvae import masked

STEPS = 1000
LEVELS = torch.cumprod(1 - torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64), 0)


def conv(c_in, c_out, kernel=3, stride=1):
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2)


def twice(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class TimeFeatures(nn.Module):
    def __init__(self, n_sin, n_hidden):
        super().__init__()
        self.half = n_sin // 2
        self.fc1, self.fc2 = nn.Linear(n_sin, n_hidden), nn.Linear(n_hidden, n_hidden)

    def forward(self, t):
        angle = t[:, None] * 10000 ** (-torch.arange(self.half, dtype=t.dtype) / self.half)
        return F.silu(self.fc2(F.silu(self.fc1(torch.cat((angle.sin(), angle.cos()), 1)))))


class ResidualBlock(nn.Module):
    def __init__(self, c_in, c, groups, n_time):
        super().__init__()
        self.norm1, self.conv1, self.time = nn.GroupNorm(groups, c_in), conv(c_in, c), nn.Linear(n_time, c)
        self.norm2, self.conv2 = nn.GroupNorm(groups, c), conv(c, c)
        self.skip = conv(c_in, c, 1) if c_in != c else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + self.skip(x)


class SqueezeExcite(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = max(c // 16, 4)
        self.fc1, self.fc2 = nn.Linear(c, h), nn.Linear(h, c)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]


class Stem(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.conv, self.norm = conv(1, c, stride=2), nn.GroupNorm(groups, c)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Head(nn.Module):
    def __init__(self, c_in, c, groups):
        super().__init__()
        self.conv1, self.norm1 = conv(c_in, c), nn.GroupNorm(groups, c)
        self.conv2, self.norm2, self.conv3 = conv(c, c), nn.GroupNorm(groups, c), conv(c, 1)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return self.conv3(F.relu(self.norm2(self.conv2(twice(x)))))


class M2DN(nn.Module):
    def __init__(self, modalities, channels, stem, groups, time_sin, time_hidden, steps=18, **_):
        super().__init__()
        c, n = channels, len(modalities)
        self.modalities, self.steps = list(modalities), steps
        block = lambda c_in: ResidualBlock(c_in, c, groups, time_hidden)
        self.time = TimeFeatures(time_sin, time_hidden)
        self.stem = nn.ModuleDict({m: Stem(stem, groups) for m in modalities})
        self.enc = nn.ModuleList(block(n * stem if i == 0 else c) for i in range(3))
        self.mid_in, self.mid = conv(c + n, c, 1), nn.ModuleList(block(c) for _ in range(2))
        self.dec, self.se = nn.ModuleList(block(2 * c) for _ in range(3)), nn.ModuleList(SqueezeExcite(c) for _ in range(3))
        self.head = nn.ModuleDict({m: Head(c, stem, groups) for m in modalities})

    def network(self, x, t, missing, wanted):
        """x: {modality: [N,1,H,W]}; t: [N]; missing: [N,M], 1 where it is. Clean images of `wanted`."""
        time, skips = self.time(t), []
        h = torch.cat([self.stem[m](x[m]) for m in self.modalities], 1)
        for block in self.enc:
            skips.append(block(h, time))
            h = F.avg_pool2d(skips[-1], 2)
        h = self.mid_in(torch.cat((h, missing[:, :, None, None].expand(-1, -1, *h.shape[2:])), 1))
        for block in self.mid:
            h = block(h, time)
        for block, se in zip(self.dec, self.se):
            h = se(block(torch.cat((twice(h), skips.pop()), 1), time))
        return {m: self.head[m](h) for m in wanted}

    def forward(self, images, targets=None, start=None):
        """start: {modality: [N,1,H,W]} noise of the missing ones; None: drawn."""
        given = [m for m in self.modalities if m in images]
        missing = [m for m in self.modalities if m not in images]
        first = images[given[0]]
        x = images | {m: start[m] if start else torch.randn_like(first) for m in missing}
        v = torch.tensor([[float(m in missing) for m in self.modalities]], dtype=first.dtype).expand(len(first), -1)
        times = [STEPS * (i + 1) // self.steps - 1 for i in range(self.steps)]
        for i in range(self.steps - 1, -1, -1):
            t = torch.full((len(first),), float(times[i]), dtype=first.dtype)
            clean = self.network(x, t, v, missing if i else targets or self.modalities)
            clean = {m: y.clamp(-1, 1) if m in missing else y for m, y in clean.items()}
            if i == 0:
                return {m: masked(y, first) for m, y in clean.items()}
            level, before = LEVELS[times[i]].item(), LEVELS[times[i - 1]].item()
            for m in missing:
                noise = (x[m] - level**0.5 * clean[m]) / (1 - level) ** 0.5
                x[m] = before**0.5 * clean[m] + (1 - before) ** 0.5 * noise
