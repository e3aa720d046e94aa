"""MMHVAE in PyTorch, written from the model's specification: the opponent that medley is timed against. MHVAE is the
same network of two modalities, MoPoE the one whose finer levels are deterministic (levels = 1).

Modules carry the parameter names of the published weights, so that fixtures and weights load as they are.
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm


def norm(x):
    return F.instance_norm(x, eps=1e-5)


def soft_clamp(x):
    return 10 * torch.tanh(x / 10)


def masked(image, field):
    """-1 outside the field of view of the first given modality."""
    return (field > -1).to(image.dtype) * (image + 1) - 1


def conv(c_in, c_out, kernel=3, **options):
    return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, **options)


class SqueezeExcite(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = max(c // 16, 4)
        self.se = nn.Sequential(nn.Linear(c, h), nn.ReLU(), nn.Linear(h, c), nn.Sigmoid())

    def forward(self, x):
        return x * self.se(x.mean((2, 3)))[:, :, None, None]


class EncoderBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv_0, self.conv_1, self.se = conv(c, c), conv(c, c), SqueezeExcite(c)

    def forward(self, x):
        h = self.conv_0(F.silu(norm(x)))
        return self.se(self.conv_1(F.silu(norm(h)))) + x


class DecoderBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        e = 6 * c
        self.conv_0 = conv(c, e)
        self.dw_conv_1 = conv(e, e, 5, groups=e)
        self.se_2 = SqueezeExcite(e)
        self.conv_2 = conv(e, c, 1)

    def forward(self, x):
        h = F.silu(norm(self.conv_0(norm(x))))
        return self.conv_2(self.se_2(F.silu(norm(self.dw_conv_1(h))))) + x


class LatentBlock(nn.Module):
    """[h, skip] to a posterior; at a deterministic level h to z."""

    def __init__(self, c_in, c, c_out):
        super().__init__()
        self.conv_0, self.conv_1, self.se = conv(c_in, c), conv(c, c), SqueezeExcite(c)
        self.last_conv = weight_norm(conv(c, c_out, 1, bias=False))

    def forward(self, x):
        x = self.conv_0(F.silu(norm(x)))
        return self.last_conv(self.se(self.conv_1(F.silu(norm(x)))))


class Up(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv_1 = conv(c_in, c_out, bias=False)

    def forward(self, x):
        return self.conv_1(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))


class ImageBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv_block = nn.ModuleDict({"1": nn.Conv2d(c, c, 3), "5": nn.Conv2d(c, c, 3)})

    def forward(self, x):
        h = F.relu(norm(self.conv_block["1"](F.pad(x, (1,) * 4, mode="reflect"))))
        return norm(self.conv_block["5"](F.pad(h, (1,) * 4, mode="reflect"))) + x


class ImageDecoder(nn.Module):
    def __init__(self, c_in, c, n_blocks):
        super().__init__()
        first = [conv(c_in, c, 1)] if c_in != c else []
        self.res = nn.ModuleList(first + [ImageBlock(c) for _ in range(n_blocks)])
        self.convt2, self.convt3 = nn.Conv2d(c, c, 7), nn.Conv2d(c, 1, 7)

    def forward(self, x):
        for block in self.res:
            x = block(x)
        x = F.leaky_relu(norm(self.convt2(F.pad(x, (3,) * 4, mode="reflect"))), 0.2)
        return torch.tanh(self.convt3(F.pad(x, (3,) * 4, mode="reflect")))


class Linear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = weight_norm(nn.Linear(n_in, n_out))

    def forward(self, x):
        return self.linear(x)


class MMHVAE(nn.Module):
    """levels: how many are stochastic, from the top (default: all); nfinal: width of image decoders (default: that of z)."""

    def __init__(self, modalities, base, max, pools, size, nfinal=None, nblocks=6, levels=None, **_):
        super().__init__()
        c = [min(base << u, max) for u in range(pools + 1)]
        self.modalities, self.channels, self.pools, self.levels = list(modalities), c, pools, levels or pools + 1
        self.bottom = (max, size[0] >> pools, size[1] >> pools)
        flat = self.bottom[0] * self.bottom[1] * self.bottom[2]
        each = lambda make: nn.ModuleDict({m: make() for m in modalities})
        self.first_conv = each(lambda: conv(1, c[0]))
        self.conv_blocks_context = each(lambda: nn.ModuleList(EncoderBlock(n) for n in c))
        self.td = each(lambda: nn.ModuleList(conv(c[u], c[u + 1], stride=2) for u in range(pools)))
        self.bottleneck_down, self.bottleneck_up = Linear(flat, 4 * max), Linear(2 * max, flat)
        finer = range(pools - 1, -1, -1)
        self.tu = nn.ModuleList(Up(max if u == pools - 1 else c[u + 1] // 2, c[u]) for u in finer)
        self.conv_blocks_localization = nn.ModuleList(DecoderBlock(c[u]) for u in finer)
        drawn = [i + 1 < self.levels for i in range(pools)]
        self.qz = nn.ModuleList(LatentBlock(2 * c[u], c[u], c[u]) if d else LatentBlock(c[u], c[u], c[u] // 2) for u, d in zip(finer, drawn))
        self.pz = nn.ModuleList(weight_norm(conv(c[u], c[u], 1, bias=False)) for u, d in zip(finer, drawn) if d)
        self.final_blocks = each(lambda: ImageDecoder(c[0] // 2, nfinal or c[0] // 2, nblocks))

    def encode(self, m, x):
        h, skips = self.first_conv[m](x), []
        for u in range(self.pools):
            skips.append(self.conv_blocks_context[m][u](h))
            h = self.td[m][u](skips[-1])
        return skips, soft_clamp(self.bottleneck_down(self.conv_blocks_context[m][self.pools](h).flatten(1)))

    def draw(self, prior, experts, temperature, eps):
        """Product of experts over inverse standard deviations, one draw, one-sample KL."""
        m_p, s_p = (torch.zeros(1), torch.zeros(1)) if prior is None else prior.chunk(2, 1)
        a = torch.exp(-s_p)
        q, mean = a, m_p * a
        for expert in experts:
            m, s = expert.chunk(2, 1)
            a = torch.exp(-s)
            q, mean = q + a, mean + m * a
        mean = mean / q
        if temperature == 0:
            return mean, None
        std = temperature / q
        z = mean + std * eps
        kl = s_p - torch.log(std) + 0.5 * ((z - m_p) ** 2 * torch.exp(-2 * s_p) - eps**2)
        return z, kl

    def forward(self, images, temperature=0.5, noise=None, targets=None, wants_kl=False, masks=True):
        """images: {modality: [N,1,H,W]}; noise: one tensor per level, top first, None: drawn. Images, KL per level."""
        given = [m for m in self.modalities if m in images]
        features = {m: self.encode(m, images[m]) for m in given}
        n, kls = images[given[0]].shape[0], []

        def eps(level, shape):
            return noise[level] if noise is not None else torch.randn(shape)

        z, kl = self.draw(None, [features[m][1] for m in given], temperature, eps(0, (n, 2 * self.channels[-1])))
        kls.append(kl)
        z = self.bottleneck_up(z).reshape(n, *self.bottom)
        for i in range(self.pools):
            u = self.pools - 1 - i
            h = self.conv_blocks_localization[i](self.tu[i](z))
            if i + 1 >= self.levels:
                z = self.qz[i](h)
                continue
            prior = soft_clamp(self.pz[i](h))
            experts = [soft_clamp(self.qz[i](torch.cat((h, features[m][0][u]), 1))) for m in given]
            shape = (n, self.channels[u] // 2, h.shape[2], h.shape[3])
            z, kl = self.draw(prior, experts, temperature, eps(i + 1, shape))
            kls.append(kl)
        out = {m: self.final_blocks[m](z) for m in targets or self.modalities}
        if masks:
            out = {m: masked(y, images[given[0]]) for m, y in out.items()}
        return (out, [k.sum() for k in kls]) if wants_kl else out
