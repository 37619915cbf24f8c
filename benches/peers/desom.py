"""What the peers of the task `iteration` share: the paper's settings for MNIST, and the fixed
weights and data that all contenders start their check from (benches/contender/fixed.rs)."""

import contender  # before NumPy: what libraries print is no answer

import numpy as np

WIDTHS = [784, 500, 500, 2000, 10]
ROWS, COLUMNS = 8, 8
UNITS = ROWS * COLUMNS
BATCH, BATCHES = 256, 8
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
T_MAX, T_MIN = 10.0, 0.1

# A round of the measurement: this many of the paper's 10 000 iterations.
STEPS, ITERATIONS, GAMMA = 40, 10_000, 0.001
# The check: a whole, short training in which the prototypes matter.
CHECK_STEPS, CHECK_GAMMA = 8, 0.1


def temperature(iteration, iterations):
    return T_MAX * (T_MIN / T_MAX) ** (iteration / (iterations - 1))


def squared_map_distances():
    units = np.arange(UNITS)
    row, column = units // COLUMNS, units % COLUMNS
    distance = abs(row[:, None] - row[None, :]) + abs(column[:, None] - column[None, :])
    return (distance**2).astype(np.float32)


def random_rows():
    return np.random.default_rng(0).random((BATCHES * BATCH, WIDTHS[0]), dtype=np.float32)


def scrambled(index, count):
    """`count` floats in [-1, 1) that look random and are the same in any language."""
    bits = (np.arange(count, dtype=np.uint64) + np.uint64(index) * np.uint64(0x9E3779B9)) % 2**32
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35)]:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor) % 2**32
    bits ^= bits >> np.uint64(16)
    return bits / 2.0**31 - 1.0


def fixed_rows():
    values = scrambled(100, BATCHES * BATCH * WIDTHS[0])
    return np.maximum(values, 0.0).reshape(-1, WIDTHS[0]).astype(np.float32)


def fixed_parameters():
    """Weight [inputs, outputs] and bias of each layer, then the prototypes."""
    sizes = WIDTHS + WIDTHS[-2::-1]
    shapes = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        shapes += [((inputs, outputs), np.sqrt(6.0 / (inputs + outputs))), ((outputs,), 0.01)]
    shapes.append(((UNITS, WIDTHS[-1]), 0.5))
    return [
        (scale * scrambled(index, np.prod(shape))).reshape(shape).astype(np.float32)
        for index, (shape, scale) in enumerate(shapes)
    ]


def compete(about, training):
    """Competes with `training(rows, gamma, iterations)`: an object whose `step(iteration)` trains on
    one batch and gives its reconstruction and SOM losses, and whose `set_parameters` takes the list
    of `fixed_parameters`."""
    measured = training(random_rows(), GAMMA, ITERATIONS)

    def steps():
        for iteration in range(STEPS):
            measured.step(iteration)

    def run_round():
        seconds, _ = contender.timed(steps)
        return seconds / STEPS, {}

    def run_check():
        fixed = training(fixed_rows(), CHECK_GAMMA, CHECK_STEPS)
        fixed.set_parameters(fixed_parameters())
        return [float(loss) for iteration in range(CHECK_STEPS) for loss in fixed.step(iteration)]

    contender.compete(about, run_round, run_check)
