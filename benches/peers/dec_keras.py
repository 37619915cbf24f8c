"""The recipe of DEC-keras in PyTorch: eager mode, autograd, torch.optim.SGD, everything at its default.

usage: dec_keras.py THREADS [STEPS]

Prints the milliseconds of a pretraining step (784-500-500-2000-10 and its mirror image, batch 256, a new random
order each epoch, SGD at rate 1, momentum 0.9), of a step of the KL phase (encoder and centroids, rate 0.01), and of
a refresh of P over 70 000 rows; and the hours of a run of 300 epochs and 20 000 iterations with a refresh every 140."""

import os
import sys
import time

# Without CUDA libraries, their functions are looked up when they are called: never (no_cuda.c).
sys.setdlopenflags(os.RTLD_LAZY)

import torch
from torch import nn

WIDTHS = [784, 500, 500, 2000, 10]
BATCH, ROWS = 256, 70_000


def chain(widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def milliseconds(step, steps):
    for _ in range(3):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps * 1e3


def assignment(codes, centroids):
    q = 1 / (1 + (codes[:, None] - centroids).square().sum(2))
    return q / q.sum(1, keepdim=True)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    torch.manual_seed(0)
    data = torch.rand(ROWS, WIDTHS[0])
    encoder, decoder = chain(WIDTHS), chain(WIDTHS[::-1])
    sgd = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=1.0, momentum=0.9)
    order = torch.randperm(ROWS)
    place = 0

    def pretrain():
        nonlocal place
        x = data[order[place : place + BATCH]]
        place = (place + BATCH) % (ROWS - BATCH)
        sgd.zero_grad()
        nn.functional.mse_loss(decoder(encoder(x)), x).backward()
        sgd.step()

    first = milliseconds(pretrain, steps)
    centroids = nn.Parameter(encoder(data[:10]).detach())
    descent = torch.optim.SGD([*encoder.parameters(), centroids], lr=0.01, momentum=0.9)
    target = None

    def refresh():
        nonlocal target
        with torch.no_grad():
            q = torch.cat([assignment(encoder(x), centroids) for x in data.split(BATCH)])
            weight = q.square() / q.sum(0)
            target = weight / weight.sum(1, keepdim=True)

    third = milliseconds(refresh, 1)

    def cluster():
        nonlocal place
        x, p = data[place : place + BATCH], target[place : place + BATCH]
        place = (place + BATCH) % (ROWS - BATCH)
        descent.zero_grad()
        q = assignment(encoder(x), centroids)
        nn.functional.kl_div(q.log(), p, reduction="batchmean").backward()
        descent.step()

    second = milliseconds(cluster, steps)
    total = (82_200 * first + 20_000 * second + 143 * third) / 3.6e6
    print(f"PyTorch {torch.__version__}: pretraining {first:.2f} ms, KL step {second:.2f} ms, refresh {third:.0f} ms; run {total:.2f} h")


main()
