//! Where the time of an iteration goes: the steps of `Pass` and `DesomCohort` replayed in their
//! order on buffers of the same shapes, with a clock around each, beside the real iteration.

use std::time::{Duration, Instant};

use replicate::nn::adam::AdamOptions;
use replicate::nn::elementwise::{add_bias, back_through_bias, scaled_error};
use replicate::nn::products::multiply;
use replicate::nn::{Adam, Layout, Parameters, Precision, Segment};
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::som::SomLoss;
use replicate::train::Trainable;
use tch::{Device, Kind, Tensor};

use crate::iteration::{model, random_rows};
use crate::team::Team;

const STEPS: u32 = 100;
const ROUNDS: usize = 5;
const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

#[derive(Clone, Copy)]
enum Stage {
    Forward,
    Backward,
    WeightGradients,
    Bias,
    Som,
    Adam,
}

const NAMES: [&str; 6] = [
    "forward products",
    "backward products",
    "weight-gradient products",
    "bias, ReLU, error",
    "neighbourhood and SOM loss",
    "Adam",
];

/// One layer's parameters and buffers, as `Pass` has them.
struct Layer {
    relu: bool,
    segment: Segment,
    weight: Tensor,
    bias: Tensor,
    gradient: Tensor,
    weight_gradient: Tensor,
    bias_gradient: Tensor,
    output: Tensor,
    delta: Tensor,
}

struct Replay {
    settings: Settings,
    rows: Tensor,
    parameters: Parameters,
    layers: Vec<Layer>,
    latent: usize,
    map: Segment,
    prototypes: Tensor,
    prototype_gradient: Tensor,
    squared_distances: Tensor,
    som: SomLoss,
    adam: Adam,
    times: [Duration; NAMES.len()],
}

impl Replay {
    fn new(settings: &Settings) -> Self {
        let encoder = settings.widths(784);
        let latent = encoder.len() - 2;
        let mirrored = encoder.iter().rev().skip(1);
        let widths: Vec<i64> = encoder.iter().chain(mirrored).copied().collect();
        let mut layout = Layout::default();
        let slots: Vec<_> = widths
            .windows(2)
            .map(|pair| {
                let segment = layout.segment();
                let weight = layout.add("weight", &[pair[0], pair[1]]);
                (segment, weight, layout.add("bias", &[1, pair[1]]))
            })
            .collect();
        let map = layout.segment();
        let units = settings.map.units() as i64;
        let prototypes = layout.add("prototypes", &[units, settings.latent]);
        let parameters = Parameters::zeros(layout, 1, Device::Cpu);
        let _ = parameters.values.shallow_clone().uniform_(-0.05, 0.05);
        let gradients = Tensor::zeros([parameters.longest_segment()], FLOATS);
        let layers = slots.iter().zip(&widths[1..]).enumerate();
        let layers = layers.map(|(index, (&(segment, weight, bias), &width))| {
            let range = parameters.range(segment);
            let gradient = gradients.narrow(0, 0, range.end - range.start);
            let part = |slot| parameters.part_of_segment(&gradient, slot).squeeze_dim(0);
            Layer {
                relu: index != latent && index + 2 != widths.len(),
                segment,
                weight: parameters.value(weight).squeeze_dim(0),
                bias: parameters.value(bias).squeeze_dim(0),
                weight_gradient: part(weight),
                bias_gradient: part(bias),
                gradient,
                output: Tensor::zeros([settings.batch, width], FLOATS),
                delta: Tensor::zeros([settings.batch, width], FLOATS),
            }
        });
        let squared = settings.map.squared_distances(settings.map_distance);
        Self {
            layers: layers.collect(),
            rows: random_rows(settings),
            adam: Adam::new(AdamOptions::keras(), &parameters.values),
            prototype_gradient: parameters.value(prototypes).zeros_like(),
            prototypes: parameters.value(prototypes),
            squared_distances: Tensor::from_slice(&squared).view([units, units]),
            som: SomLoss::new(&[settings.gamma], Device::Cpu),
            settings: settings.clone(),
            parameters,
            latent,
            map,
            times: [Duration::ZERO; NAMES.len()],
        }
    }

    fn step(&mut self, iteration: u64) {
        let mut times = self.times;
        let mut timed = |stage: Stage, work: &mut dyn FnMut()| {
            let clock = Instant::now();
            work();
            times[stage as usize] += clock.elapsed();
        };
        let batch = self.settings.batch;
        let x = self.rows.narrow(0, iteration as i64 % 8 * batch, batch);
        self.adam.next_step();
        let mut input = &x;
        for layer in &self.layers {
            timed(Stage::Forward, &mut || {
                multiply(&layer.output, input, &layer.weight);
            });
            timed(Stage::Bias, &mut || {
                add_bias(&layer.output, &layer.bias, layer.relu);
            });
            input = &layer.output;
        }
        let last = &self.layers[self.layers.len() - 1];
        timed(Stage::Bias, &mut || {
            scaled_error(&last.delta, &last.output, &x, 2.0 / x.numel() as f64);
        });
        for (index, layer) in self.layers.iter().enumerate().rev() {
            if index == self.latent {
                timed(Stage::Som, &mut || {
                    self.som_step(iteration, layer);
                });
                timed(Stage::Adam, &mut || {
                    self.update(self.map, &self.prototype_gradient.view([-1]));
                });
            }
            timed(Stage::Bias, &mut || {
                back_through_bias(
                    &layer.delta,
                    &layer.output,
                    layer.relu,
                    &layer.bias_gradient,
                );
            });
            let input = match index {
                0 => &x,
                _ => &self.layers[index - 1].output,
            };
            if index > 0 {
                timed(Stage::Backward, &mut || {
                    let before = &self.layers[index - 1].delta;
                    multiply(before, &layer.delta, &layer.weight.tr());
                });
            }
            timed(Stage::WeightGradients, &mut || {
                multiply(&layer.weight_gradient, &input.tr(), &layer.delta);
            });
            timed(Stage::Adam, &mut || {
                self.update(layer.segment, &layer.gradient);
            });
        }
        self.times = times;
    }

    fn som_step(&self, iteration: u64, code: &Layer) {
        let settings = &self.settings;
        let temperature = settings.temperature.at(iteration, settings.iterations);
        let neighbourhood = settings.neighbourhood;
        let weights = neighbourhood.weights(&self.squared_distances, temperature);
        let _ = self.som.loss_and_gradients(
            &code.output.unsqueeze(0),
            &self.prototypes,
            &weights,
            &code.delta.unsqueeze(0),
            &self.prototype_gradient,
        );
    }

    fn update(&self, segment: Segment, gradient: &Tensor) {
        let range = self.parameters.range(segment);
        let values = &self.parameters.values;
        self.adam.update(values, range, gradient).unwrap();
    }
}

/// Prints milliseconds and shares of each stage, for one of `workers` workers of one thread. Replay
/// and real iterations are measured in turns; shares are of the real iteration.
pub fn print(workers: usize) {
    let settings = Settings::paper();
    let (tell, told) = std::sync::mpsc::channel();
    let prepare = {
        let settings = settings.clone();
        move || (Replay::new(&settings), tell.clone())
    };
    let replays = Team::new(workers, 1, prepare, |(replay, tell)| {
        replay.times = [Duration::ZERO; NAMES.len()];
        for iteration in 0..STEPS {
            replay.step(iteration.into());
        }
        tell.send(replay.times).unwrap();
    });
    let prepare = {
        let settings = settings.clone();
        move || model(&settings, Precision::Exact)
    };
    let real = Team::new(workers, 1, prepare, |model: &mut DesomCohort| {
        for iteration in 0..STEPS {
            model.step(iteration.into()).unwrap();
        }
    });
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    let milliseconds = |seconds: f64| seconds * 1e3 / f64::from(STEPS);
    let warm_up = told.iter().take(workers).count();
    debug_assert_eq!(warm_up, workers);
    for _ in 0..ROUNDS {
        replays.round();
        let times: Vec<_> = told.iter().take(workers).collect();
        let mean = |stage: usize| {
            let all = times.iter().map(|times| times[stage].as_secs_f64());
            milliseconds(all.sum::<f64>() / workers as f64)
        };
        let mut row: Vec<f64> = (0..NAMES.len()).map(mean).collect();
        row.push(milliseconds(real.round()));
        rounds.push(row);
    }
    let median = |column: usize| {
        let mut values: Vec<f64> = rounds.iter().map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let whole = median(NAMES.len());
    let line = |name: &str, value: f64| {
        println!(
            "{name:<28} {value:>8.3} ms {:>6.1} %",
            100.0 * value / whole
        );
    };
    println!(
        "One iteration in each of {workers} workers of one thread, medians of {ROUNDS} rounds:"
    );
    let mut rest = whole;
    for (stage, name) in NAMES.iter().enumerate() {
        rest -= median(stage);
        line(name, median(stage));
    }
    line("rest", rest);
    line("whole iteration", whole);
}
