#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tch::{Device, Kind, Tensor};

use super::kernel::{draw, weigh};
use super::model::{Map, PROTOTYPES};
use super::{Kernel, LatticeSettings, LatticeSom, Learning, Nodes};
use crate::evaluation::CLASS_COUNTS;
use crate::nn::Precision;
use crate::nn::slices::{slice, slice_mut};
use crate::random::{self, Seed, stream};
use crate::replications::soae::settings::falling;
use crate::runs::Outcome;
use crate::runs::checkpoint::Named;
use crate::som::{Grid, nearest};
use crate::train::observer::Silent;
use crate::train::{Context, Finished, Labels, Member, Method, NoParts, Trainable, TrainingData};

const RATE: [f64; 2] = [0.5, 0.01];

fn table(kernel: Kernel, nodes: Nodes) -> Learning {
    Learning::Table {
        rate: RATE,
        kernel,
        nodes,
    }
}

fn all() -> [Learning; 5] {
    [
        Learning::Som { rate: RATE },
        table(Kernel::Plain, Nodes::All),
        table(Kernel::Normalised, Nodes::All),
        table(Kernel::Normalised, Nodes::Drawn),
        Learning::Network {
            hidden: vec![12, 10],
        },
    ]
}

fn settings(learning: Learning) -> LatticeSettings {
    LatticeSettings {
        map: Grid {
            rows: 3,
            columns: 4,
        },
        batch: 16,
        iterations: 12,
        sigma: [2.0, 0.5],
        learning,
        held_out: 30,
    }
}

/// 60 rows of 9 numbers, three heaps.
fn rows() -> Tensor {
    let noise = random::uniform(3, &[60, 9]);
    let heap = Tensor::arange(60, (Kind::Float, Device::Cpu)).remainder(3.0);
    noise + heap.view([60, 1])
}

fn trained(settings: &LatticeSettings) -> Map {
    let mut map = Map::new(settings, Seed(1), &rows());
    (0..settings.iterations).for_each(|iteration| map.step(iteration).unwrap());
    map
}

fn largest(difference: &Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

/// The exact relation: SOAE with a lattice for Z, the search for C, a table for G, equation 3 for the kernel and
/// plain gradient steps on equation 4, the gradient from autograd through a linear layer on one-hot codes, beside
/// 192 updates of the online SOM.
#[test]
fn gradient_steps_on_a_table_are_the_updates_of_the_som() {
    let settings = settings(Learning::Som { rate: RATE });
    let som = settings.online(RATE);
    let (data, units) = (rows(), settings.map.units());
    let mut updated = som.random_rows(&data, &mut stream(Seed(2), "prototypes"));
    let mut table = updated.copy();
    let one_hot = Tensor::eye(units as i64, (Kind::Float, Device::Cpu));
    let mut moved = 0.0_f64;
    for t in 0..settings.updates() {
        let row = (t * 7 % 60) as usize;
        let x = data.narrow(0, row as i64, 1);
        som.run_updates(&data, &mut updated, t..t + 1, &mut |_| row);

        let winner = nearest(&x, &table)[0] as usize;
        let sigma = falling(settings.sigma, t, settings.updates());
        let squares = (0..units).map(|node| {
            let steps = |a: usize, b: usize| a.abs_diff(b).pow(2) as f64;
            steps(node / 4, winner / 4) + steps(node % 4, winner % 4)
        });
        let h: Vec<f32> = squares
            .map(|square| (-square / (2.0 * sigma * sigma)).exp() as f32)
            .collect();
        let weights = table.copy().set_requires_grad(true);
        let errors = (&x - one_hot.mm(&weights)).square();
        let errors = errors.sum_dim_intlist(1, false, Kind::Float) * 0.5;
        let loss = (Tensor::from_slice(&h) * errors).sum(Kind::Float);
        let gradient = Tensor::run_backward(&[loss], &[&weights], false, false).remove(0);
        let step = gradient * falling(RATE, t, settings.updates());
        moved = moved.max(largest(&step));
        table = (&table - step).detach();
        let apart = largest(&(&table - &updated));
        assert!(apart < 1e-5, "update {t}: {apart}");
    }
    assert!(moved > 0.1, "{moved}");
}

#[test]
fn soae_with_a_table_and_the_plain_kernel_is_trained_as_the_som() {
    let som = trained(&settings(Learning::Som { rate: RATE })).prototypes();
    let same = trained(&settings(table(Kernel::Plain, Nodes::All))).prototypes();
    assert!(largest(&(&som - &same)) < 1e-5);
    // It is not the same for want of a difference.
    let other = trained(&settings(table(Kernel::Normalised, Nodes::All))).prototypes();
    assert!(largest(&(&som - &other)) > 1e-2);
}

/// Equation 9 is an unbiased estimate of equation 7: over many draws a table moves as it does by all nodes.
#[test]
fn a_drawn_node_moves_on_average_as_all_do() {
    let start = random::uniform(5, &[12, 9]);
    let row = random::uniform(6, &[1, 9]);
    let moved = |nodes, seed| {
        let settings = LatticeSettings {
            batch: 1,
            sigma: [1.0, 0.5],
            ..settings(table(Kernel::Normalised, nodes))
        };
        let mut map = Map::new(&settings, Seed(seed), &row);
        let stored: Named = std::iter::once((PROTOTYPES.to_owned(), start.copy())).collect();
        map.restore(0, 0, &stored).unwrap();
        map.step(0).unwrap();
        map.prototypes() - &start
    };
    let expected = moved(Nodes::All, 0);
    let draws = 4000;
    let mut sum = Tensor::zeros([12, 9], (Kind::Float, Device::Cpu));
    for seed in 0..draws {
        let one = moved(Nodes::Drawn, seed);
        let touched = one.square().sum_dim_intlist(1, false, Kind::Float);
        assert_eq!(touched.count_nonzero(0).int64_value(&[]), 1);
        sum += one;
    }
    let apart = largest(&(sum / draws as f64 - &expected));
    // A node's share varies by at most half the root of the draws, its step is below 0.5.
    let bound = 4.0 * 0.5 * 0.5 / (draws as f64).sqrt();
    assert!(apart < bound && largest(&expected) > 2.0 * bound, "{apart}");
}

/// What the network learns from is autograd's gradient of the mean squared error at the nodes drawn.
#[test]
fn the_network_learns_along_autograd_s_gradient() {
    let settings = settings(Learning::Network {
        hidden: vec![12, 10],
    });
    let data = rows();
    let mut map = Map::new(&settings, Seed(1), &data);
    let images = map.prototypes();
    let mut rng = stream(Seed(1), "iteration 0");
    let batch: Vec<i64> = (0..16)
        .map(|_| random::index(&mut rng, 60) as i64)
        .collect();
    let batch = data.index_select(0, &Tensor::from_slice(&batch));
    let mut draws = stream(Seed(1), "nodes 0");
    let winners = nearest(&batch, &images).into_iter();
    let drawn = winners.map(|one| draw(settings.map, one as usize, 2.0, &mut draws) as i64);
    let drawn = Tensor::from_slice(&drawn.collect::<Vec<_>>());
    // The last bias: every node's image moves with it.
    let bias = Tensor::zeros([1, 9], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let loss = ((&images + &bias).index_select(0, &drawn) - &batch)
        .square()
        .mean(Kind::Float);
    let error = loss.double_value(&[]);
    let expected = Tensor::run_backward(&[loss], &[&bias], false, false).remove(0);
    map.step(0).unwrap();
    let state: Named = map.state(0).into_iter().collect();
    let moment = &state["decoder.adam.first"];
    // The first moment after one step is a tenth of the gradient; the last bias comes last.
    let found = moment.narrow(0, moment.size()[0] - 9, 9) * 10.0;
    let apart = largest(&(found - expected.view([9])));
    assert!(apart < 1e-5 && largest(&expected) > 1e-2, "{apart}");
    let losses = map.losses();
    assert!(losses[1].0 == "wake" && (losses[1].1[0] - error).abs() < 1e-6);
}

#[test]
fn a_resumed_training_ends_with_the_same_bits() {
    for learning in all() {
        let settings = settings(learning);
        let whole = trained(&settings);
        let mut first = Map::new(&settings, Seed(1), &rows());
        (0..5).for_each(|step| first.step(step).unwrap());
        let stored: Named = first.state(0).into_iter().collect();
        let mut second = Map::new(&settings, Seed(1), &rows());
        second.restore(0, 5, &stored).unwrap();
        (5..12).for_each(|step| second.step(step).unwrap());
        assert_eq!(whole.weights(), second.weights(), "{settings:?}");
        assert_eq!(whole.losses(), second.losses());
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused() {
    let settings = settings(Learning::Som { rate: RATE });
    let mut map = Map::new(&settings, Seed(1), &rows());
    let refused = map.restore(0, 1, &Named::new()).unwrap_err();
    assert_eq!(refused, "som.prototypes is missing");
    let other: Named = std::iter::once((PROTOTYPES.to_owned(), rows())).collect();
    let refused = map.restore(0, 1, &other).unwrap_err();
    assert!(refused.contains("has the shape [60, 9], this map needs [12, 9]"));
}

fn run(learning: Learning) -> Finished {
    let labels = Labels {
        values: (0..60_u8).map(|row| row % 3).collect(),
        classes: 3,
    };
    let data = TrainingData::new(rows(), Some(labels)).unwrap();
    let interrupted = AtomicBool::new(false);
    let context = Context {
        data: &data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted: &interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        parts: &NoParts,
        worker: 0,
    };
    let member = Member {
        settings: settings(learning).to_value(),
        seed: Seed(1),
        checkpoint: std::path::PathBuf::new(),
    };
    let runs = LatticeSom.run(&[member], &context).unwrap().unwrap();
    runs.into_iter().next().unwrap().unwrap()
}

#[test]
fn a_map_is_measured_on_held_out_rows_as_an_autoencoder_is() {
    for learning in all() {
        let run = run(learning);
        assert_eq!(run.outcome, Outcome::Completed);
        let weights: Named = run
            .weights
            .iter()
            .map(|(n, t)| (n.clone(), t.shallow_clone()))
            .collect();
        let held_out = rows().narrow(0, 30, 30);
        let winners = nearest(&held_out, &weights[PROTOTYPES]);
        let images = winners
            .iter()
            .map(|one| i64::from(*one))
            .collect::<Vec<_>>();
        let images = weights[PROTOTYPES].index_select(0, &Tensor::from_slice(&images));
        let squares = (images - &held_out).square();
        let mean = squares.mean(Kind::Double).double_value(&[]);
        assert!((run.metrics["reconstruction_error"] - mean).abs() < 1e-6);
        let distances = squares.sum_dim_intlist(1, false, Kind::Double).sqrt();
        let mean = distances.mean(Kind::Double).double_value(&[]);
        assert!((run.metrics["map.quantization_error"] - mean).abs() < 1e-5);
        assert_eq!(slice(&weights[CLASS_COUNTS]).iter().sum::<f32>(), 30.0);
        for name in [
            "map.topographic_error",
            "trustworthiness",
            "continuity",
            "shuffled.trustworthiness",
            "label_agreement",
            "reconstruction_sharpness",
            "sample_sharpness",
            "seam_ratio",
            "occupancy",
            "accuracy",
            "clustered.accuracy",
        ] {
            assert!(run.metrics[name].is_finite(), "{name}");
        }
        // The kernel's neighbours are no nearer than the nearest.
        assert!(run.metrics["wake_loss"] >= run.metrics["sleep_loss"]);
    }
}

#[test]
fn senseless_settings_are_named() {
    let refused = |change: fn(&mut LatticeSettings)| {
        let mut settings = settings(Learning::Som { rate: RATE });
        change(&mut settings);
        let error = LatticeSom.shape(&settings.to_value()).unwrap_err();
        error.to_string()
    };
    for (message, words) in [
        (refused(|s| s.map.rows = 1), "at least two rows"),
        (refused(|s| s.batch = 0), "batch"),
        (refused(|s| s.held_out = 0), "held_out"),
        (refused(|s| s.sigma = [1.0, 2.0]), "sigma must be"),
        (
            refused(|s| s.learning = Learning::Som { rate: [1.5, 0.1] }),
            "rate must be",
        ),
        (
            refused(|s| s.learning = table(Kernel::Plain, Nodes::Drawn)),
            "normalised kernel only",
        ),
        (
            refused(|s| s.learning = Learning::Network { hidden: vec![0] }),
            "widths",
        ),
    ] {
        assert!(
            message.starts_with("lattice settings: ") && message.contains(words),
            "{message}"
        );
    }
}

/// Rates of the whole lattice come from one buffer: what an earlier winner left there must not stay.
#[test]
fn weights_replace_what_was_in_the_buffer() {
    let mut buffer = Tensor::full([12], 7.0, (Kind::Float, Device::Cpu));
    let map = settings(Learning::Som { rate: RATE }).map;
    weigh(map, 5, (0.5, 0.1), Kernel::Plain, slice_mut(&mut buffer));
    assert_eq!(slice(&buffer)[5], 0.5);
    assert!(slice(&buffer).iter().sum::<f32>() < 0.501);
}
