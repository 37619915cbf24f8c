"""A DESOM training iteration in PyTorch: eager mode, autograd, torch.optim.Adam.

usage: pytorch.py THREADS [--fused]   (--fused: Adam's fused kernel instead of its default)"""

import desom  # first: what libraries print is no answer (contender.py)

import os
import sys

# Without CUDA libraries, their functions are looked up when they are called: never (no_cuda.c).
sys.setdlopenflags(os.RTLD_LAZY)

import torch
from torch import nn


class Desom(nn.Module):
    def __init__(self):
        super().__init__()
        encoder = [nn.Linear(a, b) for a, b in zip(desom.WIDTHS, desom.WIDTHS[1:])]
        mirrored = desom.WIDTHS[::-1]
        decoder = [nn.Linear(a, b) for a, b in zip(mirrored, mirrored[1:])]
        self.encoder = nn.Sequential(*self.with_relu(encoder))
        self.decoder = nn.Sequential(*self.with_relu(decoder))
        self.prototypes = nn.Parameter(torch.randn(desom.UNITS, desom.WIDTHS[-1]))
        for layer in encoder + decoder:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    @staticmethod
    def with_relu(layers):
        for layer in layers[:-1]:
            yield layer
            yield nn.ReLU()
        yield layers[-1]

    def forward(self, x):
        code = self.encoder(x)
        distances = (code[:, None, :] - self.prototypes).square().sum(-1)
        return self.decoder(code), distances

    def set_parameters(self, values):
        layers = [layer for layer in self.modules() if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for index, layer in enumerate(layers):
                layer.weight.copy_(torch.from_numpy(values[2 * index].T))
                layer.bias.copy_(torch.from_numpy(values[2 * index + 1]))
            self.prototypes.copy_(torch.from_numpy(values[-1]))


class Training:
    def __init__(self, data, gamma, iterations, fused):
        self.model = Desom()
        self.data = torch.from_numpy(data)
        self.gamma, self.iterations = gamma, iterations
        self.map_distances = torch.from_numpy(desom.squared_map_distances())
        # Without `fused`, PyTorch chooses as it does for everyone.
        self.adam = torch.optim.Adam(
            self.model.parameters(),
            lr=desom.LEARNING_RATE,
            betas=(desom.BETA1, desom.BETA2),
            fused=True if fused else None,
        )

    def set_parameters(self, values):
        self.model.set_parameters(values)

    def step(self, iteration):
        start = iteration * desom.BATCH % len(self.data)
        x = self.data[start : start + desom.BATCH]
        t = desom.temperature(iteration, self.iterations)
        neighbourhood = torch.exp(self.map_distances / -(t**2))
        output, distances = self.model(x)
        weights = neighbourhood[distances.detach().argmin(1)]
        reconstruction = nn.functional.mse_loss(output, x)
        som = (weights * distances).sum(1).mean()
        self.adam.zero_grad()
        (reconstruction + self.gamma * som).backward()
        # Keras adds epsilon before the bias correction, PyTorch after it.
        correction = 1 - desom.BETA2 ** (iteration + 1)
        self.adam.param_groups[0]["eps"] = desom.EPSILON / correction**0.5
        self.adam.step()
        return reconstruction.detach(), som.detach()


threads, fused = int(sys.argv[1]), "--fused" in sys.argv
torch.set_num_threads(threads)
desom.compete(
    {"version": torch.__version__, "threads": threads},
    lambda rows, gamma, iterations: Training(rows, gamma, iterations, fused),
)
