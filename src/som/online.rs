//! The classic online self-organising map: one sample, one update.
//!
//! At update `t` of `T` the winner `b` is the prototype nearest to the sample `x` (the lowest index wins
//! a tie, as far as rounding leaves ties), and every prototype moves by
//!
//! ```text
//! m_k += a(t) h(b, k) (x - m_k)       a(t) = a0 / (1 + 2 t / T)       s(t) = s0 / (1 + 2 t / T)
//! h(b, k) = exp(-dr^2 / v) exp(-dc^2 / v)       v = 2 pi s(t)^2, or 2 s(t)^2
//! ```
//!
//! with `dr`, `dc` the differences of rows and columns on the map (Kohonen 1982, in the form of the Python
//! package `MiniSom`, with which the golden values of the tests were made). Rate and radius end at a
//! third of where they start, unless [`Ends`] say where: then both fall geometrically,
//! `a(t) = a0 (a1 / a0)^(t / (T - 1))`.
//!
//! Updates follow one another, each from the map as the one before has left it. They are computed block by
//! block all the same, as products of matrices that give the same map but for rounding: see `block`.

mod block;

use std::ops::{ControlFlow, Range};

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Grid;
use crate::random;

/// What the squared distance on the map is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// `2 pi s^2`: `MiniSom` until February 2021, when its issue 95 found the pi.
    TwoPi,
    /// `2 s^2`, the Gaussian of standard deviation `s`: `MiniSom` since.
    Two,
}

/// Which sample comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Row after row, from the first again after the last.
    Sequential,
    /// Any row at each update, each as likely.
    Random,
}

/// What becomes of the prototypes' lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lengths {
    /// Nothing: `MiniSom` since March 2019.
    Free,
    /// Every prototype is scaled to length 1 after every update: `MiniSom` before (its issue 20). One of
    /// length 0 stays as it is.
    Unit,
}

/// Where rate and radius end, and that they fall geometrically.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// The rate at the last update, above 0.
    pub learning_rate: f64,
    /// The radius at the last update, above 0.
    pub sigma: f64,
}

/// How an online map is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineSom {
    /// Rows and columns of the map.
    pub map: Grid,
    /// Samples shown, `T`.
    pub updates: u64,
    /// The rate at the start, `a0`.
    pub learning_rate: f64,
    /// The radius at the start, `s0`, in map distances. With 0 only the winner moves.
    pub sigma: f64,
    /// See [`Spread`].
    pub spread: Spread,
    /// See [`Lengths`].
    pub lengths: Lengths,
    /// See [`Order`].
    pub order: Order,
    /// See [`Ends`]; none is `MiniSom`'s decay to a third.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
}

/// Updates between two calls of the hook.
const HOOK_INTERVAL: u64 = 1024;

impl OnlineSom {
    /// Prototypes to start from: a random row of `data` `[rows, dims]` for each unit, drawn
    /// independently, `[units, dims]`.
    pub fn random_rows(&self, data: &Tensor, rng: &mut ChaCha8Rng) -> Tensor {
        let rows = data.size()[0] as usize;
        let chosen = (0..self.map.units()).map(|_| random::index(rng, rows) as i64);
        let chosen = Tensor::from_slice(&chosen.collect::<Vec<_>>()).to_device(data.device());
        data.index_select(0, &chosen)
    }

    /// The prototypes `[units, dims]` after training on `data` `[rows, dims]`, both floats, on any
    /// device; computed on the CPU. `rng` chooses the samples if the order is random.
    ///
    /// `hook` is told the part of the work done, now and then; `None` if it breaks.
    pub fn train(
        &self,
        data: &Tensor,
        prototypes: &Tensor,
        rng: &mut ChaCha8Rng,
        hook: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Option<Tensor> {
        let data = data
            .to_device(Device::Cpu)
            .to_kind(Kind::Float)
            .contiguous();
        let mut trained = prototypes.to_device(Device::Cpu).copy().contiguous();
        let rows = data.size()[0] as usize;
        let mut next_row = |t: u64| match self.order {
            Order::Sequential => (t % rows as u64) as usize,
            Order::Random => random::index(rng, rows),
        };
        let mut done = 0;
        while done < self.updates {
            if hook(done as f64 / self.updates as f64).is_break() {
                return None;
            }
            let end = (done + HOOK_INTERVAL).min(self.updates);
            self.run_updates(&data, &mut trained, done..end, &mut next_row);
            done = end;
        }
        Some(trained)
    }

    /// Some of the updates of a training, one after the other: call after call they give what
    /// [`OnlineSom::train`] gives at once, the same bits if the ranges are the same. `next_row` says which row of
    /// `data` is shown at an update, and is asked once for each, in their order. Gives the mean over the updates
    /// of the squared distance of the sample from its winner, before that moves; not finite where a distance is
    /// not.
    ///
    /// `data` `[rows, dims]` and `prototypes` `[units, dims]`, which are moved, are contiguous floats on the
    /// CPU.
    ///
    /// # Panics
    /// If the prototypes are not: a bug of the caller.
    pub fn run_updates(
        &self,
        data: &Tensor,
        prototypes: &mut Tensor,
        updates: Range<u64>,
        next_row: &mut dyn FnMut(u64) -> usize,
    ) -> f64 {
        run_updates(
            data,
            prototypes,
            updates,
            self.lengths,
            next_row,
            &mut |winner, t, rates| {
                self.rates(winner, t, rates);
            },
        )
    }

    /// Each unit's share of the way to the sample at update `t`, for this winner.
    fn rates(&self, winner: usize, t: u64, rates: &mut [f32]) {
        let (rate, radius) = match self.ends {
            None => {
                let decay = 1.0 + 2.0 * t as f64 / self.updates as f64;
                (self.learning_rate / decay, self.sigma / decay)
            }
            Some(ends) => {
                let part = t as f64 / self.updates.saturating_sub(1).max(1) as f64;
                let fallen = |first: f64, last: f64| first * (last / first).powf(part);
                (
                    fallen(self.learning_rate, ends.learning_rate),
                    fallen(self.sigma, ends.sigma),
                )
            }
        };
        let variance = radius * radius;
        let divisor = match self.spread {
            Spread::TwoPi => 2.0 * std::f64::consts::PI * variance,
            Spread::Two => 2.0 * variance,
        };
        // Without a radius 0 / 0 would be no number: the winner's own share is whole.
        let fall = |steps: usize| match steps {
            0 => 1.0,
            steps => (-((steps * steps) as f64) / divisor).exp(),
        };
        let columns = self.map.columns;
        let falls: Vec<f64> = (0..columns.max(self.map.rows)).map(fall).collect();
        let (down, across) = (winner / columns, winner % columns);
        for (row, rates) in rates.chunks_exact_mut(columns).enumerate() {
            let along = rate * falls[row.abs_diff(down)];
            for (column, value) in rates.iter_mut().enumerate() {
                *value = (along * falls[column.abs_diff(across)]) as f32;
            }
        }
    }
}

/// What [`OnlineSom::run_updates`] does, with the rates of all units at an update, given its winner, from
/// elsewhere.
pub(crate) fn run_updates(
    data: &Tensor,
    prototypes: &mut Tensor,
    updates: Range<u64>,
    lengths: Lengths,
    next_row: &mut dyn FnMut(u64) -> usize,
    rates_of: &mut dyn FnMut(usize, u64, &mut [f32]),
) -> f64 {
    if updates.is_empty() {
        return 0.0;
    }
    let samples_per_block = block::samples_per_block(data.size()[1] as usize);
    let mut centred = block::CentredMap::of(prototypes, lengths == Lengths::Unit);
    let (mut sum, mut first) = (0.0, updates.start);
    while first < updates.end {
        let last = (first + samples_per_block).min(updates.end);
        let rows: Vec<i64> = (first..last).map(|t| next_row(t) as i64).collect();
        let samples = data.index_select(0, &Tensor::from_slice(&rows));
        let mut rates_of = |winner: usize, sample: usize, rates: &mut [f32]| {
            rates_of(winner, first + sample as u64, rates);
        };
        sum += centred.advance(&samples, &mut rates_of);
        first = last;
    }
    centred.write(prototypes);
    sum / (updates.end - updates.start) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::nn::slices::slice;
    use crate::random::Seed;

    fn som(order: Order) -> OnlineSom {
        OnlineSom {
            map: Grid {
                rows: 3,
                columns: 4,
            },
            updates: 200,
            learning_rate: 0.5,
            sigma: 1.5,
            spread: Spread::Two,
            lengths: Lengths::Free,
            order,
            ends: None,
        }
    }

    /// The data and starting prototypes of `tests/golden/online_som.py`.
    fn case(dims: usize) -> (Tensor, Tensor) {
        let data = (0..60 * dims).map(|i| {
            let (i, j) = ((i / dims) as f64, (i % dims) as f64);
            (1.0 + 3.0 * i + 5.0 * j + 0.1 * i * j).sin() as f32
        });
        let start = (0..12 * dims).map(|i| {
            let (k, j) = ((i / dims) as f64, (i % dims) as f64);
            (2.0 + 1.7 * k + 0.9 * j + 0.05 * k * j).cos() as f32
        });
        let tensor = |values: Vec<f32>| Tensor::from_slice(&values).view([-1, dims as i64]);
        (tensor(data.collect()), tensor(start.collect()))
    }

    fn trained(som: &OnlineSom, dims: usize) -> Tensor {
        let (data, start) = case(dims);
        let mut rng = random::stream(Seed(0), "test");
        let mut hook = |_| ControlFlow::Continue(());
        som.train(&data, &start, &mut rng, &mut hook).unwrap()
    }

    #[test]
    fn prototypes_are_those_of_minisom() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/online_som.json")).unwrap();
        for (dims, spread, lengths) in [
            (5, "two", "free"),
            (5, "two-pi", "free"),
            (70, "two", "free"),
            (70, "two-pi", "unit"),
        ] {
            let som = OnlineSom {
                spread: serde_json::from_value(spread.into()).unwrap(),
                lengths: serde_json::from_value(lengths.into()).unwrap(),
                ..som(Order::Sequential)
            };
            let ours = trained(&som, dims);
            let values = golden[format!("{spread} {lengths} {dims}")]
                .as_array()
                .unwrap();
            assert_eq!(values.len(), ours.numel());
            for (index, (ours, golden)) in slice(&ours).iter().zip(values).enumerate() {
                let golden = golden.as_f64().unwrap();
                let difference = (f64::from(*ours) - golden).abs();
                assert!(
                    difference < 2e-6,
                    "{spread} {dims} {index}: {ours} {golden}"
                );
            }
        }
    }

    #[test]
    fn updates_of_several_calls_are_those_of_the_training_at_once() {
        let ends = Some(Ends {
            learning_rate: 0.01,
            sigma: 0.5,
        });
        for (lengths, ends) in [(Lengths::Free, ends), (Lengths::Unit, None)] {
            let som = OnlineSom {
                lengths,
                ends,
                ..som(Order::Random)
            };
            let (data, start) = case(70);
            let mut map = start.copy();
            let mut rng = random::stream(Seed(0), "test");
            let mut errors = Vec::new();
            for first in (0..200).step_by(7) {
                let updates = first..(first + 7).min(200);
                let mut next_row = |_| random::index(&mut rng, 60);
                errors.push(som.run_updates(&data, &mut map, updates, &mut next_row));
            }
            // Other blocks, other rounding.
            let whole = trained(&som, 70);
            let apart = (map - &whole).abs().max().double_value(&[]);
            assert!(apart < 1e-5, "{lengths:?}: {apart}");
            // The same blocks, the same bits.
            let mut map = start.copy();
            let mut rng = random::stream(Seed(0), "test");
            som.run_updates(&data, &mut map, 0..200, &mut |_| {
                random::index(&mut rng, 60)
            });
            assert_eq!(map, whole, "{lengths:?}");
            assert!(errors[0] > 0.0 && errors[28] < errors[0], "{errors:?}");
        }
    }

    #[test]
    fn rate_and_radius_end_where_they_are_told_to() {
        let som = OnlineSom {
            ends: Some(Ends {
                learning_rate: 0.01,
                sigma: 0.5,
            }),
            ..som(Order::Random)
        };
        let at = |t| {
            let mut rates = vec![0.0; 12];
            som.rates(5, t, &mut rates);
            // The winner's own share, and that of the unit beside it.
            [rates[5], rates[6]].map(f64::from)
        };
        let close =
            |[a, b]: [f64; 2], [x, y]: [f64; 2]| (a - x).abs() < 1e-7 && (b - y).abs() < 1e-7;
        assert!(close(at(0), [0.5, 0.5 * (-1.0_f64 / 4.5).exp()]));
        assert!(close(at(199), [0.01, 0.01 * (-2.0_f64).exp()]));
        assert!(at(0)[0] > at(1)[0] && at(100)[0] > at(101)[0]);
    }

    #[test]
    fn ends_leave_the_keys_of_older_runs_alone() {
        let value = serde_json::to_value(som(Order::Random)).unwrap();
        assert!(value.get("ends").is_none());
    }

    #[test]
    fn random_orders_come_from_the_stream() {
        let som = som(Order::Random);
        assert_eq!(trained(&som, 5), trained(&som, 5));
        let (data, start) = case(5);
        let mut other = random::stream(Seed(1), "test");
        let mut hook = |_| ControlFlow::Continue(());
        let other = som.train(&data, &start, &mut other, &mut hook).unwrap();
        assert_ne!(trained(&som, 5), other);
        let rows = som.random_rows(&data, &mut random::stream(Seed(0), "test"));
        assert_eq!(rows.size(), [12, 5]);
    }

    #[test]
    fn without_a_radius_the_winner_alone_moves() {
        let som = OnlineSom {
            sigma: 0.0,
            updates: 1,
            ..som(Order::Sequential)
        };
        let (_, start) = case(5);
        let moved = trained(&som, 5) - start;
        let norms = moved.square().sum_dim_intlist(1, false, Kind::Float);
        assert_eq!(norms.count_nonzero(0).int64_value(&[]), 1);
        assert!(norms.isfinite().all().int64_value(&[]) != 0);
    }

    #[test]
    fn a_hook_can_stop_it() {
        let (data, start) = case(5);
        let mut rng = random::stream(Seed(0), "test");
        let mut hook = |_| ControlFlow::Break(());
        let stopped = som(Order::Random).train(&data, &start, &mut rng, &mut hook);
        assert!(stopped.is_none());
    }
}
