//! How long a training iteration of a DESOM with the paper's settings takes, beside the machine's
//! own matrix products: `cargo bench --bench iteration`.
//!
//! Workers of one thread each train one model each, as the launcher does it; then one worker uses
//! all threads. The peak is that of 2048 x 2048 products of 32-bit floats, one in each worker at the
//! same time. What counts as work are the products of forward and backward alone.

#![allow(clippy::unwrap_used)]

use std::sync::Barrier;
use std::time::Instant;

use replicate::device;
use replicate::nn::{Autoencoder, Layout, Precision};
use replicate::random::Seed;
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::train::Trainable;
use tch::{Device, Kind, Tensor};

const ITERATIONS: u32 = 60;
const ROUNDS: usize = 5;

/// Runs `work` in `workers` threads at once, several rounds; the median of the slowest worker's
/// seconds.
fn measure<T>(
    workers: usize,
    threads_each: usize,
    prepare: impl Fn() -> T + Sync,
    work: impl Fn(&mut T) + Sync,
) -> f64 {
    let barrier = Barrier::new(workers);
    let times: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    tch::set_num_threads(threads_each.try_into().unwrap());
                    let _no_graph = tch::no_grad_guard();
                    let mut state = prepare();
                    work(&mut state);
                    let mut times = Vec::new();
                    for _ in 0..ROUNDS {
                        barrier.wait();
                        let clock = Instant::now();
                        work(&mut state);
                        times.push(clock.elapsed().as_secs_f64());
                    }
                    times
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .collect()
    });
    let mut slowest: Vec<f64> = (0..ROUNDS)
        .map(|round| times.iter().map(|worker| worker[round]).fold(0.0, f64::max))
        .collect();
    slowest.sort_by(f64::total_cmp);
    slowest[ROUNDS / 2]
}

fn main() {
    device::prepare();
    let threads = device::available_threads();
    println!("{}, {threads} threads", device::processor());
    let settings = Settings::paper();
    let network = Autoencoder::new(&settings.widths(784), &mut Layout::default());
    let flop = network.training_flop() * settings.batch as f64;

    for (workers, threads_each) in [(threads, 1), (1, threads)] {
        let side = 2048;
        let products = || {
            let matrix = || Tensor::rand([side, side], (Kind::Float, Device::Cpu));
            [matrix(), matrix(), matrix()]
        };
        let product_seconds = measure(workers, threads_each, products, |[out, a, b]| {
            for _ in 0..10 {
                let _ = a.mm_out(out, b);
            }
        });
        let peak = workers as f64 * 10.0 * 2.0 * (side as f64).powi(3) / product_seconds;
        for precision in Precision::ALL {
            let model = || {
                let data = Tensor::rand([8 * settings.batch, 784], (Kind::Float, Device::Cpu));
                DesomCohort::new(
                    &settings,
                    &[(0.001, Seed(0))],
                    &data,
                    Device::Cpu,
                    precision,
                )
                .unwrap()
            };
            let seconds = measure(workers, threads_each, model, |model| {
                for iteration in 0..ITERATIONS {
                    model.step(iteration.into()).unwrap();
                }
            });
            let each = seconds / f64::from(ITERATIONS) / workers as f64;
            println!(
                "{workers} workers of {threads_each} threads, {}: {:.2} ms per model and iteration, \
             {:.0} GFLOP/s = {:.1} % of the {:.0} of plain products",
                precision.name(),
                each * 1e3,
                flop / each / 1e9,
                100.0 * flop / each / peak,
                peak / 1e9
            );
        }
    }
}
