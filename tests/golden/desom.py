"""Losses of a few training steps of DESOM, computed independently: automatic differentiation by JAX
in double precision, on the embedded digits. `pip install jax numpy`, then run from the repository's
root; tests/golden_desom.rs holds what it prints.

The model and its loss are written down as the paper has them, Adam as Keras has it, and nothing is
shared with the Rust code but the formula of the initial weights.
"""

import gzip

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

WIDTHS = [64, 40, 30, 60, 5]
ROWS, COLUMNS = 4, 6
BATCH, ITERATIONS = 256, 12
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def formula(index, shape, scale):
    count = int(np.prod(shape))
    return scale * np.sin(0.7 * np.arange(count) + 1.3 * index).reshape(shape)


def initial():
    sizes = WIDTHS + WIDTHS[-2::-1]
    parameters, index = [], 0
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        parameters.append(formula(index, (fan_in, fan_out), 2.0 / np.sqrt(fan_in)))
        parameters.append(formula(index + 1, (1, fan_out), 0.1))
        index += 2
    parameters.append(formula(index, (ROWS * COLUMNS, WIDTHS[-1]), 1.0))
    return [jnp.asarray(p) for p in parameters]


def network(parameters, x):
    layers = len(parameters) // 2
    code = None
    for layer in range(layers):
        x = x @ parameters[2 * layer] + parameters[2 * layer + 1]
        if layer == layers // 2 - 1:
            code = x
        elif layer != layers - 1:
            x = jnp.maximum(x, 0.0)
    return code, x


def map_distances(as_coded):
    units = np.arange(ROWS * COLUMNS)
    rows = np.abs(units[:, None] // COLUMNS - units[None, :] // COLUMNS)
    if as_coded:
        rows = np.abs(units[:, None] - units[None, :]) // COLUMNS
    return rows + np.abs(units[:, None] % COLUMNS - units[None, :] % COLUMNS)


def losses(parameters, x, weights_of):
    code, output = network(parameters, x)
    squared = jnp.sum((code[:, None, :] - parameters[-1][None, :, :]) ** 2, axis=2)
    winners = jnp.argmin(jax.lax.stop_gradient(squared), axis=1)
    reconstruction = jnp.mean((output - x) ** 2)
    som = jnp.mean(jnp.sum(weights_of[winners] * squared, axis=1))
    return reconstruction, som


def train(data, gamma, as_coded, window):
    parameters = initial()
    first = [jnp.zeros_like(p) for p in parameters]
    second = [jnp.zeros_like(p) for p in parameters]
    distances = map_distances(as_coded)

    def total(parameters, x, weights_of):
        reconstruction, som = losses(parameters, x, weights_of)
        return reconstruction + gamma * som, (reconstruction, som)

    per_pass = -(-len(data) // BATCH)
    for t in range(ITERATIONS):
        start = t % per_pass * BATCH
        x = data[start : start + BATCH]
        temperature = 10.0 * (0.1 / 10.0) ** (t / (ITERATIONS - 1))
        weights = distances <= temperature if window else np.exp(-(distances**2) / temperature**2)
        gradient, (reconstruction, som) = jax.grad(total, has_aux=True)(
            parameters, x, jnp.asarray(weights, dtype=float)
        )
        print(f"    ({reconstruction:.9}, {som:.9}),")
        step = LEARNING_RATE * np.sqrt(1 - BETA2 ** (t + 1)) / (1 - BETA1 ** (t + 1))
        first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, gradient)]
        second = [BETA2 * v + (1 - BETA2) * g**2 for v, g in zip(second, gradient)]
        parameters = [
            p - step * m / (jnp.sqrt(v) + EPSILON) for p, m, v in zip(parameters, first, second)
        ]


if __name__ == "__main__":
    rows = np.loadtxt(gzip.open("data/digits.csv.gz"), delimiter=",")
    images = jnp.asarray(rows[:, :-1] / 16.0)
    for gamma, as_coded, window in [(0.5, False, False), (0.001, True, False), (0.05, False, True)]:
        print(f"gamma {gamma}, as coded {as_coded}, window {window}")
        train(images, gamma, as_coded, window)
