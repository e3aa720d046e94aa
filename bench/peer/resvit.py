"""ResViT's generator (unified, all modalities to all) in PyTorch, written from the specification of the baselines; names
as in its fixtures. Without `transformer` it is Res_CNN, the network of the first stage."""
import torch
import torch.nn.functional as F
from torch import nn

from mmhvae import masked


def conv(c_in, c_out, kernel, stride=1, pad=None):
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2 if pad is None else pad, bias=False)


def up(c_in, c_out):
    return nn.ConvTranspose2d(c_in, c_out, 3, 2, 1, 1, bias=False)


def normed(*layers):
    """Each convolution with its batch norm and ReLU."""
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU())])


class Attention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, hidden, mlp, drop):
        super().__init__()
        self.fc1, self.fc2, self.drop = nn.Linear(hidden, mlp), nn.Linear(mlp, hidden), nn.Dropout(drop)

    def forward(self, x):
        return self.drop(self.fc2(self.drop(F.gelu(self.fc1(x)))))


class Layer(nn.Module):
    def __init__(self, hidden, mlp, heads, drop):
        super().__init__()
        self.attention_norm, self.ffn_norm = nn.LayerNorm(hidden, eps=1e-6), nn.LayerNorm(hidden, eps=1e-6)
        self.attn, self.ffn = Attention(hidden, heads), FeedForward(hidden, mlp, drop)

    def forward(self, x):
        x = x + self.attn(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class Transformer(nn.Module):
    def __init__(self, hidden, mlp, heads, layers, drop):
        super().__init__()
        self.layer = nn.ModuleList(Layer(hidden, mlp, heads, drop) for _ in range(layers))
        self.encoder_norm = nn.LayerNorm(hidden, eps=1e-6)

    def forward(self, x):
        for layer in self.layer:
            x = layer(x)
        return self.encoder_norm(x)


class Embeddings(nn.Module):
    def __init__(self, c, hidden, tokens, drop):
        super().__init__()
        self.patch_embeddings, self.drop = nn.Conv2d(c, hidden, 1), nn.Dropout(drop)
        self.positional_encoding = nn.Parameter(torch.zeros(1, tokens, hidden))

    def forward(self, x):
        return self.drop(self.patch_embeddings(x).flatten(2).transpose(1, 2) + self.positional_encoding)


class Compression(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.skip = nn.Sequential(conv(2 * c, c, 1), nn.BatchNorm2d(c))
        self.block = normed(conv(2 * c, c, 3), conv(c, c, 3))[:-1]

    def forward(self, x):
        return F.relu(self.block(x) + self.skip(x))


class ResidualCNN(nn.Module):
    def __init__(self, c):
        super().__init__()
        first = nn.Sequential(nn.ReflectionPad2d(1), conv(c, c, 3, pad=0), nn.BatchNorm2d(c))
        self.conv_block = nn.Sequential(*first, nn.ReLU(), nn.ReflectionPad2d(1), conv(c, c, 3, pad=0), nn.BatchNorm2d(c))

    def forward(self, x):
        return x + self.conv_block(x)


class ART(nn.Module):
    """Aggregated residual transformer block; without tokens the residual part alone."""

    def __init__(self, c, hidden=0, tokens=0, drop=0.1):
        super().__init__()
        self.has_transformer = tokens > 0
        self.residual_cnn = nn.Sequential(ResidualCNN(c))
        if self.has_transformer:
            self.downsample = normed(conv(c, 2 * c, 3, 2), conv(2 * c, 4 * c, 3, 2))
            self.embeddings = Embeddings(4 * c, hidden, tokens, drop)
            self.upsample = normed(up(hidden, 2 * c), up(2 * c, c))
            self.cc = Compression(c)

    def forward(self, x, transformer):
        if self.has_transformer:
            h = self.downsample(x)
            tokens = transformer(self.embeddings(h))
            h = self.upsample(tokens.transpose(1, 2).unflatten(2, h.shape[2:]))
            x = self.cc(torch.cat((h, x), 1))
        return self.residual_cnn(x)


class ResViT(nn.Module):
    def __init__(self, modalities, ngf, hidden, mlp, heads, layers, size, transformer=True, fill=-1.0, drop=0.1, **_):
        super().__init__()
        self.modalities, self.fill, n, c = list(modalities), fill, len(modalities), 4 * ngf
        tokens = (size[0] // 16) * (size[1] // 16)
        self.transformer_encoder = Transformer(hidden, mlp, heads, layers, drop) if transformer else None
        self.encoder_1 = nn.Sequential(nn.ReflectionPad2d(3), *normed(conv(n, ngf, 7, pad=0)))
        self.encoder_2, self.encoder_3 = normed(conv(ngf, 2 * ngf, 3, 2)), normed(conv(2 * ngf, c, 3, 2))
        for i in range(1, 10):
            self.add_module(f"art_{i}", ART(c, hidden, tokens, drop) if transformer and i in (1, 6) else ART(c))
        self.decoder_1, self.decoder_2 = normed(up(c, 2 * ngf)), normed(up(2 * ngf, ngf))
        self.decoder_3 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(ngf, n, 7), nn.Tanh())

    def forward(self, images, targets=None):
        first = next(images[m] for m in self.modalities if m in images)
        x = torch.cat([images.get(m, torch.full_like(first, self.fill)) for m in self.modalities], 1)
        x = self.encoder_3(self.encoder_2(self.encoder_1(x)))
        for i in range(1, 10):
            x = self.get_submodule(f"art_{i}")(x, self.transformer_encoder)
        x = masked(self.decoder_3(self.decoder_2(self.decoder_1(x))), first)
        return {m: x[:, j : j + 1] for j, m in enumerate(self.modalities) if not targets or m in targets}
