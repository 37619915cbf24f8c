"""A DESOM training iteration as the authors' Keras code makes it: the distances to the prototypes are
predicted for the batch, the neighbourhood's weights computed from them in NumPy, and then the model
is trained on the batch with the weights as the target of its second output.

usage: keras_loop.py THREADS [--on-batch]   (--on-batch: predict_on_batch instead of predict)"""

import desom  # first: what libraries print is no answer (contender.py)

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf


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


class Training:
    def __init__(self, data, gamma, iterations, on_batch):
        self.model = build(gamma)
        self.data, self.iterations = data, iterations
        self.on_batch = on_batch
        self.map_distances = desom.squared_map_distances()

    def set_parameters(self, values):
        layers = [layer for layer in self.model.layers if layer.weights]
        dense = [layer for layer in layers if not isinstance(layer, MapDistances)]
        for index, layer in enumerate(dense):
            layer.set_weights([values[2 * index], values[2 * index + 1]])
        for layer in layers:
            if isinstance(layer, MapDistances):
                layer.set_weights([values[-1]])

    def step(self, iteration):
        start = iteration * desom.BATCH % len(self.data)
        x = self.data[start : start + desom.BATCH]
        predicted = self.model.predict_on_batch(x) if self.on_batch else self.model.predict(x, verbose=0)
        winners = predicted[1].argmin(axis=1)
        t = desom.temperature(iteration, self.iterations)
        weights = np.exp(self.map_distances[winners] / -(t**2)).astype(np.float32)
        # Keras averages what it reports since the last reset.
        self.model.reset_metrics()
        _, reconstruction, som = self.model.train_on_batch(x, [x, weights])
        return reconstruction, som


threads, on_batch = int(sys.argv[1]), "--on-batch" in sys.argv
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
version = f"{keras.__version__}-on-TensorFlow-{tf.__version__}"
desom.compete(
    {"version": version, "threads": threads},
    lambda rows, gamma, iterations: Training(rows, gamma, iterations, on_batch),
)
