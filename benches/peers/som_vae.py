"""A training step of SOM-VAE with its convolutions in PyTorch: eager mode, autograd, the reconstruction of every row
made by itself, as the authors' code does it in TensorFlow.

usage: som_vae.py THREADS [--tuned]   (--tuned: Adam's fused kernel and channels last instead of the defaults)"""

import desom  # first: what libraries print is no answer (contender.py)

import os
import sys

# Without CUDA libraries, their functions are looked up when they are called: never (no_cuda.c).
sys.setdlopenflags(os.RTLD_LAZY)

import contender
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# As in benches/contender/som_vae.rs.
STEPS, CHECK_STEPS, CHECK_EPSILON = 2, 2, 1e-3
BATCH, SIDE, FILTERS, LATENT, ROWS, COLUMNS = 32, 28, 256, 64, 8, 8
ALPHA, BETA = 1.0, 0.9
LEARNING_RATE, BETA1, BETA2, EPSILON = 5e-4, 0.9, 0.999, 1e-8
SMALL = SIDE // 4


class Convolution(nn.Conv2d):
    """4 x 4, padded as TensorFlow's "same" is."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 4)
        nn.init.trunc_normal_(self.weight, std=0.1, a=-0.2, b=0.2)
        nn.init.constant_(self.bias, 0.1)

    def forward(self, x):
        return super().forward(F.pad(x, (1, 2, 1, 2)))


class Flat(nn.Module):
    """To rows that end with the channels."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Image(nn.Module):
    def forward(self, x):
        return x.view(-1, SMALL, SMALL, FILTERS).permute(0, 3, 1, 2)


def decoder():
    return nn.Sequential(
        nn.Linear(LATENT, FILTERS * SMALL * SMALL),
        Image(),
        nn.Upsample(scale_factor=2),
        Convolution(FILTERS, FILTERS),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        Convolution(FILTERS, 1),
        nn.Sigmoid(),
    )


class SomVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            Convolution(1, FILTERS),
            nn.ReLU(),
            nn.MaxPool2d(2),
            Convolution(FILTERS, FILTERS),
            nn.ReLU(),
            nn.MaxPool2d(2),
            Flat(),
            nn.Linear(FILTERS * SMALL * SMALL, LATENT),
        )
        self.quantised, self.direct = decoder(), decoder()
        self.embeddings = nn.Parameter(0.05 * torch.randn(ROWS * COLUMNS, LATENT))

    def forward(self, x):
        code = self.encoder(x)
        winner = torch.cdist(code.detach(), self.embeddings.detach()).argmin(1)
        nearest = self.embeddings[winner]
        row, column = winner // COLUMNS, winner % COLUMNS
        around = [nearest]
        for down, right in [(1, 0), (-1, 0), (0, 1), (0, -1)]:
            there, beside = row + down, column + right
            inside = (there >= 0) & (there < ROWS) & (beside >= 0) & (beside < COLUMNS)
            places = there.clamp(0, ROWS - 1) * COLUMNS + beside.clamp(0, COLUMNS - 1)
            around.append(torch.where(inside[:, None], self.embeddings[places], 0.0))
        around = torch.stack(around, 1)
        return (
            F.mse_loss(self.quantised(nearest), x),
            F.mse_loss(self.direct(code), x),
            F.mse_loss(code, nearest),
            F.mse_loss(code.detach()[:, None].expand_as(around), around),
        )

    def set_parameters(self):
        """Those that all contenders start their check from: weights, biases, then the embeddings."""
        with torch.no_grad():
            index = 0
            for layer in [*self.encoder, *self.quantised, *self.direct]:
                if isinstance(layer, nn.Conv2d):
                    shape = (4, 4, layer.in_channels, layer.out_channels)
                    value = fixed(index, shape, np.sqrt(6.0 / sum(shape)))
                    layer.weight.copy_(value.permute(3, 2, 0, 1))
                elif isinstance(layer, nn.Linear):
                    shape = (layer.in_features, layer.out_features)
                    layer.weight.copy_(fixed(index, shape, np.sqrt(6.0 / sum(shape))).T)
                else:
                    continue
                layer.bias.copy_(fixed(index + 1, layer.bias.shape, 0.01))
                index += 2
            self.embeddings.copy_(fixed(index, self.embeddings.shape, 0.5))


def fixed(index, shape, scale):
    values = scale * desom.scrambled(index, np.prod(shape))
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


class Training:
    def __init__(self, rows, tuned, epsilon):
        self.model, self.epsilon = SomVae(), epsilon
        self.rows = rows.view(-1, 1, SIDE, SIDE)
        if tuned:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.rows = self.rows.contiguous(memory_format=torch.channels_last)
        # Without `tuned`, PyTorch chooses as it does for everyone.
        self.adam = torch.optim.Adam(
            self.model.parameters(), lr=LEARNING_RATE, betas=(BETA1, BETA2), fused=True if tuned else None
        )
        self.done = 0

    def step(self):
        terms = self.model(self.rows)
        quantised, direct, commitment, som = terms
        self.adam.zero_grad()
        (quantised + direct + ALPHA * commitment + BETA * som).backward()
        self.done += 1
        # TensorFlow adds epsilon before the bias correction, PyTorch after it.
        self.adam.param_groups[0]["eps"] = self.epsilon / (1 - BETA2**self.done) ** 0.5
        self.adam.step()
        return [term.item() for term in terms]


threads, tuned = int(sys.argv[1]), "--tuned" in sys.argv
torch.set_num_threads(threads)
measured = Training(torch.rand(BATCH, SIDE * SIDE), tuned, EPSILON)


def steps():
    for _ in range(STEPS):
        measured.step()


def run_round():
    seconds, _ = contender.timed(steps)
    return seconds / STEPS, {}


def run_check():
    training = Training(torch.from_numpy(desom.fixed_rows()[:BATCH]), tuned, CHECK_EPSILON)
    training.model.set_parameters()
    return [loss for _ in range(CHECK_STEPS) for loss in training.step()]


contender.compete({"version": torch.__version__, "threads": threads}, run_round, run_check)
