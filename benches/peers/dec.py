"""Steps of the recipe of DEC-keras in PyTorch: eager mode, autograd, torch.optim.SGD, everything at its default.

usage: dec.py THREADS pretraining|phase

`pretraining` is a step of the autoencoder at rate 1; `phase` is one of encoder and centroids at rate 0.01, with its share
of the refresh of P over all rows that comes every INTERVAL steps. Both have momentum 0.9 and batches of 256."""

import desom  # first: what libraries print is no answer (contender.py)

import os
import sys
import time

# Without CUDA libraries, their functions are looked up when they are called: never (no_cuda.c).
sys.setdlopenflags(os.RTLD_LAZY)

import contender
import torch
from torch import nn

BATCH, CLUSTERS = 256, 10
# As in benches/contender/dec.rs: steps of a round, and a quarter of an update interval and of MNIST's rows.
STEPS, BATCHES = 20, 8
INTERVAL, ROWS = 35, 17_500
CHECK_INTERVAL, CHECK_SCALE = 4, 10


def chain(widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def set_parameters(encoder, decoder):
    layers = [layer for layer in [*encoder, *decoder] if isinstance(layer, nn.Linear)]
    values = desom.fixed_parameters()
    with torch.no_grad():
        for index, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(values[2 * index].T))
            layer.bias.copy_(torch.from_numpy(values[2 * index + 1]))


def initialise(encoder, decoder):
    """VarianceScaling(1/3, fan in, uniform) and zero biases."""
    for layer in [*encoder, *decoder]:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)


class Pretraining:
    STEPS = STEPS

    def __init__(self, data, shuffled, set_weights):
        self.data = data
        self.encoder, self.decoder = chain(desom.WIDTHS), chain(desom.WIDTHS[::-1])
        set_weights(self.encoder, self.decoder)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.sgd = torch.optim.SGD(parameters, lr=1.0, momentum=0.9)
        self.order = torch.randperm(len(data)) if shuffled else None

    def step(self, iteration):
        start = iteration * BATCH % len(self.data)
        if self.order is None:
            x = self.data[start : start + BATCH]
        else:
            x = self.data[self.order[start : start + BATCH]]
        self.sgd.zero_grad()
        loss = nn.functional.mse_loss(self.decoder(self.encoder(x)), x)
        loss.backward()
        self.sgd.step()
        return loss.item()


def assignment(codes, centroids):
    q = 1 / (1 + (codes[:, None] - centroids).square().sum(2))
    return q / q.sum(1, keepdim=True)


class Phase:
    STEPS = INTERVAL

    def __init__(self, data, interval, set_weights):
        self.data, self.interval = data, interval
        self.encoder = chain(desom.WIDTHS)
        set_weights(self.encoder, chain(desom.WIDTHS[::-1]))
        with torch.no_grad():
            self.centroids = nn.Parameter(self.encoder(data[:CLUSTERS]))
        parameters = [*self.encoder.parameters(), self.centroids]
        self.sgd = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
        self.target = self.divergence = None

    def refresh(self):
        with torch.no_grad():
            q = [assignment(self.encoder(x), self.centroids) for x in self.data.split(BATCH)]
            q = torch.cat(q)
            weight = q.square() / q.sum(0)
            self.target = weight / weight.sum(1, keepdim=True)
            p, q = self.target.double(), q.double()
            self.divergence = (p * (p / q).log()).sum().item() / len(q)

    def step(self, iteration):
        if iteration % self.interval == 0:
            self.refresh()
        batches = -(-len(self.data) // BATCH)
        start = iteration % batches * BATCH
        x, p = self.data[start : start + BATCH], self.target[start : start + BATCH]
        self.sgd.zero_grad()
        q = assignment(self.encoder(x), self.centroids)
        nn.functional.kl_div(q.log(), p, reduction="batchmean").backward()
        self.sgd.step()
        return self.divergence


threads, part = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(threads)
torch.manual_seed(0)
if part == "pretraining":
    measured = Pretraining(torch.rand(BATCHES * BATCH, desom.WIDTHS[0]), True, initialise)
else:
    measured = Phase(torch.rand(ROWS, desom.WIDTHS[0]), INTERVAL, initialise)
done = 0


def steps():
    global done
    for _ in range(measured.STEPS):
        measured.step(done)
        done += 1


def run_round():
    before = time.process_time()
    seconds, _ = contender.timed(steps)
    spent = time.process_time() - before
    return seconds / measured.STEPS, {"cpu": f"{spent / measured.STEPS * 1e3:.2f}ms"}


def run_check():
    rows = torch.from_numpy(desom.fixed_rows())
    count = 2 * CHECK_INTERVAL + 1
    if part == "pretraining":
        fixed = Pretraining(rows, False, set_parameters)
        return [fixed.step(iteration) for iteration in range(count)]
    fixed = Phase(rows * CHECK_SCALE, CHECK_INTERVAL, set_parameters)
    losses = [fixed.step(iteration) for iteration in range(count)]
    return losses[::CHECK_INTERVAL]


contender.compete({"version": torch.__version__, "threads": threads}, run_round, run_check)
