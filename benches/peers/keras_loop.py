"""A DESOM training iteration as the authors' Keras code makes it: the distances to the prototypes are
predicted for the batch, the neighbourhood's weights computed from them in NumPy, and then the model
is trained on the batch with the weights as the target of its second output.

usage: keras_loop.py THREADS [--on-batch]   (--on-batch: predict_on_batch instead of predict)"""

import contender  # first: what libraries print is no answer

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import desom


class MapDistances(keras.layers.Layer):
    """Squared distances of the codes to the prototypes, [batch, units]."""

    def build(self, shape):
        self.prototypes = self.add_weight(
            name="prototypes", shape=(desom.UNITS, shape[-1]), initializer="glorot_uniform"
        )

    def call(self, codes):
        return tf.reduce_sum(tf.square(tf.expand_dims(codes, 1) - self.prototypes), axis=2)


def som_loss(weights, distances):
    return tf.reduce_mean(tf.reduce_sum(weights * distances, axis=1))


def build(gamma):
    x = keras.Input((desom.WIDTHS[0],))
    code = x
    for width in desom.WIDTHS[1:-1]:
        code = keras.layers.Dense(width, activation="relu")(code)
    code = keras.layers.Dense(desom.WIDTHS[-1])(code)
    output = code
    for width in desom.WIDTHS[-2:0:-1]:
        output = keras.layers.Dense(width, activation="relu")(output)
    output = keras.layers.Dense(desom.WIDTHS[0])(output)
    model = keras.Model(x, [output, MapDistances()(code)])
    adam = keras.optimizers.Adam(desom.LEARNING_RATE, desom.BETA1, desom.BETA2, desom.EPSILON)
    model.compile(adam, loss=["mse", som_loss], loss_weights=[1.0, gamma])
    return model


def set_parameters(model, values):
    layers = [layer for layer in model.layers if layer.weights]
    for layer in layers:
        if isinstance(layer, MapDistances):
            layer.set_weights([values[-1]])
    dense = [layer for layer in layers if not isinstance(layer, MapDistances)]
    for index, layer in enumerate(dense):
        layer.set_weights([values[2 * index], values[2 * index + 1]])


class Training:
    def __init__(self, data, gamma, iterations, on_batch):
        self.model = build(gamma)
        self.data, self.iterations = data, iterations
        self.on_batch = on_batch
        self.map_distances = desom.squared_map_distances()

    def step(self, iteration):
        start = iteration * desom.BATCH % len(self.data)
        x = self.data[start : start + desom.BATCH]
        predicted = self.model.predict_on_batch(x) if self.on_batch else self.model.predict(x, verbose=0)
        winners = predicted[1].argmin(axis=1)
        t = desom.temperature(iteration, self.iterations)
        weights = np.exp(self.map_distances[winners] / -(t**2)).astype(np.float32)
        # Keras averages what it reports since the last reset.
        self.model.reset_metrics()
        return self.model.train_on_batch(x, [x, weights])


threads, on_batch = int(sys.argv[1]), "--on-batch" in sys.argv
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
training = Training(desom.random_rows(), desom.GAMMA, desom.ITERATIONS, on_batch)


def steps():
    for iteration in range(desom.STEPS):
        training.step(iteration)


def run_round():
    seconds, _ = contender.timed(steps)
    return seconds / desom.STEPS, {}


def run_check():
    fixed = Training(desom.fixed_rows(), desom.CHECK_GAMMA, desom.CHECK_STEPS, on_batch)
    set_parameters(fixed.model, desom.fixed_parameters())
    losses = [fixed.step(iteration) for iteration in range(desom.CHECK_STEPS)]
    return [float(value) for _, reconstruction, som in losses for value in (reconstruction, som)]


version = f"{keras.__version__}-on-TensorFlow-{tf.__version__}"
contender.compete({"version": version, "threads": threads}, run_round, run_check)
