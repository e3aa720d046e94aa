"""MM-GAN's generator in PyTorch, written from the specification of the baselines; names as in its fixtures."""
import torch
import torch.nn.functional as F
from torch import nn

from mmhvae import masked


class Down(nn.Module):
    def __init__(self, c_in, c_out, has_norm, drop):
        super().__init__()
        norm = [nn.InstanceNorm2d(c_out)] if has_norm else []
        self.model = nn.Sequential(nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2), nn.Dropout(drop))

    def forward(self, x):
        return self.model(x)


class Up(nn.Module):
    def __init__(self, c_in, c_out, drop):
        super().__init__()
        convt = nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False)
        self.model = nn.Sequential(convt, nn.InstanceNorm2d(c_out), nn.ReLU(), nn.Dropout(drop))

    def forward(self, x, skip):
        return torch.cat((self.model(x), skip), 1)


class MMGAN(nn.Module):
    def __init__(self, modalities, base, levels, activation="tanh", fill=-1.0, dropout=0.2, **_):
        super().__init__()
        self.modalities, self.levels, self.fill = list(modalities), levels, fill
        c = [len(modalities)] + [min(base << k, 8 * base) for k in range(levels)]
        for k in range(1, levels + 1):
            self.add_module(f"down{k}", Down(c[k - 1], c[k], 1 < k < levels, dropout if k > 3 else 0))
        for k in range(1, levels):
            c_in = c[levels] if k == 1 else 2 * c[levels - k + 1]
            self.add_module(f"up{k}", Up(c_in, c[levels - k], dropout if k <= levels - 4 else 0))
        last = nn.Conv2d(2 * c[1], len(modalities), 4, padding=1)
        self.final = nn.Sequential(nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 0, 1, 0)), last)
        self.activation = {"tanh": torch.tanh, "relu": F.relu}[activation]

    def forward(self, images, targets=None, masks=True):
        first = next(images[m] for m in self.modalities if m in images)
        x = torch.cat([images.get(m, torch.full_like(first, self.fill)) for m in self.modalities], 1)
        skips = []
        for k in range(1, self.levels + 1):
            x = self.get_submodule(f"down{k}")(x)
            skips.append(x)
        for k in range(1, self.levels):
            x = self.get_submodule(f"up{k}")(x, skips[self.levels - 1 - k])
        x = self.activation(self.final(x))
        x = masked(x, first) if masks else x
        return {m: x[:, j : j + 1] for j, m in enumerate(self.modalities) if not targets or m in targets}
