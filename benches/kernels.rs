//! The pieces that a run's time goes into, one by one, on one thread: `cargo bench --bench kernels`.
//! Shapes are the paper's on MNIST; name a part of a name to run only some.

#![allow(clippy::unwrap_used, missing_docs)]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use replicate::cluster::assign;
use replicate::data::{self, Access, idx};
use replicate::metrics::{self, Contingency, Normalisation};
use replicate::nn::adam::AdamOptions;
use replicate::nn::elementwise::{add_bias, back_through_bias, scaled_error};
use replicate::nn::{Adam, Autoencoder, Layout, Parameters, products};
use replicate::replications::desom::Settings;
use replicate::som::{self, SomLoss};
use replicate::{device, random};
use tch::{Device, Kind, Tensor};

const BATCH: i64 = 256;
const ROWS: i64 = 70_000;

/// Inputs and outputs of the distinct layers; each stands for its mirror image too.
const LAYERS: [(i64, i64); 4] = [(784, 500), (500, 500), (500, 2000), (2000, 10)];

fn main() {
    device::prepare();
    tch::set_num_threads(1);
    tch::manual_seed(0);
    divan::main();
}

fn random_floats(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn multiply(bencher: Bencher, rows: i64, inner: i64, columns: i64, transposed: [bool; 2]) {
    let oriented = |rows, columns, transposed| {
        if transposed {
            random_floats(&[columns, rows]).tr()
        } else {
            random_floats(&[rows, columns])
        }
    };
    let a = oriented(rows, inner, transposed[0]);
    let b = oriented(inner, columns, transposed[1]);
    let out = random_floats(&[rows, columns]);
    bencher
        .counter(ItemsCount::new((2 * rows * inner * columns) as u64))
        .bench_local(|| products::multiply(&out, &a, &b));
}

/// Items are floating-point operations.
#[divan::bench(args = LAYERS)]
fn product_forward(bencher: Bencher, (inputs, outputs): (i64, i64)) {
    multiply(bencher, BATCH, inputs, outputs, [false, false]);
}

#[divan::bench(args = LAYERS)]
fn product_backward(bencher: Bencher, (inputs, outputs): (i64, i64)) {
    multiply(bencher, BATCH, outputs, inputs, [false, true]);
}

#[divan::bench(args = LAYERS)]
fn product_weight_gradient(bencher: Bencher, (inputs, outputs): (i64, i64)) {
    multiply(bencher, inputs, BATCH, outputs, [true, false]);
}

#[divan::bench(args = [500, 2000])]
fn bias_and_relu(bencher: Bencher, width: i64) {
    let (output, bias) = (random_floats(&[BATCH, width]), random_floats(&[1, width]));
    bencher
        .counter(BytesCount::of_many::<f32>((BATCH * width) as usize))
        .bench_local(|| add_bias(&output, &bias, true));
}

#[divan::bench(args = [500, 2000])]
fn bias_and_relu_back(bencher: Bencher, width: i64) {
    let (delta, output) = (
        random_floats(&[BATCH, width]),
        random_floats(&[BATCH, width]),
    );
    let gradient = random_floats(&[1, width]);
    bencher
        .counter(BytesCount::of_many::<f32>((2 * BATCH * width) as usize))
        .bench_local(|| back_through_bias(&delta, &output, true, &gradient));
}

#[divan::bench]
fn reconstruction_error(bencher: Bencher) {
    let [delta, output, rows] = [(); 3].map(|()| random_floats(&[BATCH, 784]));
    bencher.bench_local(|| scaled_error(&delta, &output, &rows, 1e-5));
}

#[divan::bench]
fn neighbourhood(bencher: Bencher) {
    let settings = Settings::paper();
    let squared = settings.map.squared_distances(settings.map_distance);
    let squared = Tensor::from_slice(&squared).view([64, 64]);
    bencher.bench_local(|| settings.neighbourhood.weights(&squared, 3.0));
}

#[divan::bench]
fn som_loss(bencher: Bencher) {
    let (codes, prototypes) = (random_floats(&[1, BATCH, 10]), random_floats(&[1, 64, 10]));
    let (delta, gradient) = (codes.zeros_like(), prototypes.zeros_like());
    let weights = random_floats(&[64, 64]).abs();
    let loss = SomLoss::new(&[0.001], Device::Cpu);
    bencher
        .bench_local(|| loss.loss_and_gradients(&codes, &prototypes, &weights, &delta, &gradient));
}

/// The winners of a batch of images among 64 prototypes; items are rows.
#[divan::bench]
fn winners_among_images(bencher: Bencher) {
    let (rows, prototypes) = (random_floats(&[BATCH, 784]), random_floats(&[64, 784]));
    let mut search = som::Search::new(BATCH, 64);
    bencher
        .counter(ItemsCount::new(BATCH as usize))
        .bench_local(|| black_box(search.winners(&rows, &prototypes)[0]));
}

/// The classic online map of 8 x 8 and of 20 x 20 units on images, and of 8 x 8 on codes; items are updates.
#[divan::bench(args = [(8, 784), (20, 784), (8, 10)])]
fn online_som(bencher: Bencher, (side, dims): (usize, i64)) {
    let rows = random_floats(&[BATCH, dims]);
    let som = som::OnlineSom {
        map: som::Grid {
            rows: side,
            columns: side,
        },
        updates: 1000,
        learning_rate: 0.5,
        sigma: 1.0,
        spread: som::online::Spread::Two,
        lengths: som::online::Lengths::Free,
        order: som::online::Order::Sequential,
        ends: None,
    };
    let mut stream = random::stream(random::Seed(0), "bench");
    let start = som.random_rows(&rows, &mut stream);
    bencher
        .counter(ItemsCount::new(1000_usize))
        .bench_local(|| {
            let mut hook = |_| std::ops::ControlFlow::Continue(());
            som.train(&rows, &start, &mut stream, &mut hook)
        });
}

/// All parameters of the network at once.
#[divan::bench]
fn adam(bencher: Bencher) {
    let settings = Settings::paper();
    let mut layout = Layout::default();
    let _ = Autoencoder::new(&settings.widths(784), &mut layout);
    let parameters = Parameters::zeros(layout, 1, Device::Cpu);
    let gradient = random_floats(&parameters.values.size());
    let mut adam = Adam::new(AdamOptions::keras(), &parameters.values);
    adam.next_step();
    let length = parameters.values.numel();
    bencher
        .counter(ItemsCount::new(length))
        .bench_local(|| adam.update(&parameters.values, 0..length as i64, &gradient));
}

#[divan::bench]
fn nearest_prototype(bencher: Bencher) {
    let (codes, prototypes) = (random_floats(&[ROWS, 10]), random_floats(&[64, 10]));
    bencher.bench_local(|| som::nearest(&codes, &prototypes));
}

#[divan::bench]
fn kmeans_assignment(bencher: Bencher) {
    let (pixels, centres) = (random_floats(&[ROWS, 784]), random_floats(&[10, 784]));
    bencher.bench_local(|| assign(&pixels, &centres).unwrap());
}

/// As many units as a map has, ten classes.
fn labels() -> (Vec<u32>, Vec<u8>) {
    let mut stream = random::stream(random::Seed(0), "bench");
    let mut draw = |limit: f32| random::unit(&mut stream) * limit;
    (0..ROWS)
        .map(|_| (draw(64.0) as u32, draw(10.0) as u8))
        .unzip()
}

#[divan::bench]
fn contingency(bencher: Bencher) {
    let (units, classes) = labels();
    bencher.bench_local(|| Contingency::new(black_box(&units), &classes).unwrap());
}

fn metric<T>(bencher: Bencher, metric: impl Fn(&Contingency) -> T) {
    let (units, classes) = labels();
    let contingency = Contingency::new(&units, &classes).unwrap();
    bencher.bench_local(|| metric(black_box(&contingency)));
}

#[divan::bench]
fn accuracy(bencher: Bencher) {
    metric(bencher, metrics::accuracy);
}

#[divan::bench]
fn nmi(bencher: Bencher) {
    metric(bencher, |table| {
        metrics::nmi(table, Normalisation::Geometric)
    });
}

#[divan::bench]
fn ari(bencher: Bencher) {
    metric(bencher, metrics::ari);
}

/// The train half of MNIST: checks the header, copies nothing.
#[divan::bench]
fn idx_images(bencher: Bencher) {
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28];
    bytes.resize(16 + 60_000 * 784, 0);
    bencher.bench_local(|| {
        let images = idx::images("bench", black_box(&bytes), 60_000, (28, 28));
        images.unwrap().len()
    });
}

#[divan::bench]
fn idx_labels(bencher: Bencher) {
    let mut bytes = vec![0, 0, 8, 1, 0, 0, 0xEA, 0x60];
    bytes.resize(8 + 60_000, 9);
    bencher.bench_local(|| {
        let labels = idx::labels("bench", black_box(&bytes), 60_000, 10);
        labels.unwrap().len()
    });
}

/// The embedded digits: unpacked, hashed, parsed, scaled.
#[divan::bench]
fn load_digits(bencher: Bencher) {
    let access = Access::new(None, None, true).unwrap();
    bencher.bench_local(|| data::load("digits", &access, &data::Silent).unwrap());
}
