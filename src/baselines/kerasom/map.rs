//! A map in training: by the SOM loss on its data, with the prototypes as all there is to train. With `n_b` rows won
//! by unit `b` and `s_b` their sum,
//!
//! ```text
//! dL/dm_k = -2/B (sum_b h(b, k) s_b - m_k sum_b h(b, k) n_b)
//! ```
//!
//! so a step costs one product for the distances and a small one for the gradient.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::KerasomSettings;
use crate::nn::slices::{slice, slice_mut};
use crate::nn::{Adam, products, state};
use crate::random::{self, Seed};
use crate::runs::checkpoint::Named;
use crate::som::Search;
use crate::train::{Error, Trainable};

/// One map in training.
#[derive(Debug)]
pub struct Map {
    pub(super) settings: KerasomSettings,
    /// `[rows, dims]`
    data: Tensor,
    /// `[units, dims]`
    pub(super) prototypes: Tensor,
    adam: Adam,
    /// `[units, units]`
    squared_distances: Tensor,
    /// By batch size: the usual one, and that of the last batch of a pass. On the CPU.
    searches: HashMap<i64, Search>,
    /// Weights `[units, units]` and number of rows of the last step, and on a GPU its loss.
    last: Option<(Tensor, i64, Option<Tensor>)>,
}

impl Map {
    /// A map on `data` `[rows, dims]`: prototypes are distinct random rows, from the seed's stream
    /// `"prototypes"`.
    ///
    /// # Errors
    /// If the data has fewer rows than the map has units.
    pub fn new(settings: &KerasomSettings, seed: Seed, data: &Tensor) -> Result<Self, Error> {
        let units = settings.map.units();
        let rows = data.size()[0] as usize;
        if rows < units {
            return Err(Error::Settings(format!(
                "a map of {units} units needs at least as many rows of data, not {rows}"
            )));
        }
        let mut stream = random::stream(seed, "prototypes");
        let chosen = random::distinct_indices(&mut stream, rows, units);
        let chosen: Vec<i64> = chosen.into_iter().map(|row| row as i64).collect();
        let chosen = Tensor::from_slice(&chosen).to_device(data.device());
        let prototypes = data.index_select(0, &chosen);
        let side = units as i64;
        let squared = settings.map.squared_distances(settings.map_distance);
        Ok(Self {
            settings: settings.clone(),
            data: data.shallow_clone(),
            adam: Adam::new(settings.adam, &prototypes.view([-1])),
            prototypes,
            squared_distances: Tensor::from_slice(&squared)
                .view([side, side])
                .to_device(data.device()),
            searches: HashMap::new(),
            last: None,
        })
    }

    /// The batch at an iteration: contiguous slices in file order, the last one of a pass shorter.
    fn batch(&self, iteration: u64) -> Tensor {
        let rows = self.data.size()[0];
        let batch = self.settings.batch.min(rows);
        let per_pass = (rows as u64).div_ceil(batch as u64);
        let start = (iteration % per_pass) as i64 * batch;
        self.data.narrow(0, start, batch.min(rows - start))
    }

    /// Rows won by each unit `[units, 1]` and their sums `[units, dims]`.
    fn won(&mut self, x: &Tensor) -> (Tensor, Tensor) {
        let (rows, units) = (x.size()[0], self.prototypes.size()[0]);
        let search = self.searches.entry(rows);
        let search = search.or_insert_with(|| Search::new(rows, units));
        let winners = search.winners(x, &self.prototypes);
        let mut counts = Tensor::zeros([units, 1], (Kind::Float, Device::Cpu));
        let mut sums = self.prototypes.zeros_like();
        let dims = x.size()[1] as usize;
        let (count, sum) = (slice_mut(&mut counts), slice_mut(&mut sums));
        for (row, &winner) in slice(x).chunks_exact(dims).zip(winners) {
            let winner = winner as usize;
            count[winner] += 1.0;
            for (sum, value) in sum[winner * dims..(winner + 1) * dims].iter_mut().zip(row) {
                *sum += value;
            }
        }
        (counts, sums)
    }

    /// [`Map::won`] on a GPU, and the loss with these weights.
    fn won_on_gpu(&self, x: &Tensor, weights: &Tensor) -> (Tensor, Tensor, Tensor) {
        // 2: sums of squared differences, no products.
        let distances = Tensor::cdist(x, &self.prototypes, 2.0, 2);
        let winners = distances.argmin(-1, false);
        let won = winners
            .one_hot(self.prototypes.size()[0])
            .to_kind(Kind::Float);
        let shares = weights.index_select(0, &winners);
        let loss = (shares * distances.square()).sum(Kind::Double) / x.size()[0] as f64;
        let counts = won.sum_dim_intlist(0, false, Kind::Float).unsqueeze(1);
        (counts, won.tr().mm(x), loss)
    }

    fn buffers(&self) -> [(&'static str, Tensor); 3] {
        [
            ("prototypes", self.prototypes.view([-1])),
            ("adam.first", self.adam.first.shallow_clone()),
            ("adam.second", self.adam.second.shallow_clone()),
        ]
    }

    /// The prototypes, `[units, dims]`.
    pub fn prototypes(&self) -> Tensor {
        self.prototypes.shallow_clone()
    }

    /// Whether all that changes from step to step is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let finite = |buffer: &Tensor| buffer.isfinite().all().int64_value(&[]) != 0;
        self.buffers().iter().all(|(_, buffer)| finite(buffer))
    }
}

impl Trainable for Map {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let x = self.batch(iteration);
        let settings = &self.settings;
        let temperature = settings.temperature.at(iteration, settings.iterations);
        let weights = settings
            .neighbourhood
            .weights(&self.squared_distances, temperature);
        let (counts, sums, loss) = if x.device() == Device::Cpu {
            let (counts, sums) = self.won(&x);
            (counts, sums, None)
        } else {
            let (counts, sums, loss) = self.won_on_gpu(&x, &weights);
            (counts, sums, Some(loss))
        };
        let mut gradient = sums.zeros_like();
        products::multiply(&gradient, &weights.tr(), &sums);
        let shares = weights.tr().mm(&counts);
        let _ = gradient.g_sub_(&(&self.prototypes * shares));
        let _ = gradient.g_mul_scalar_(-2.0 / x.size()[0] as f64);
        self.adam.next_step();
        let values = self.prototypes.view([-1]);
        let all = 0..values.size()[0];
        self.adam.update(&values, all, &gradient.view([-1]))?;
        self.last = Some((weights, x.size()[0], loss));
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let Some((weights, rows, loss)) = &self.last else {
            return Vec::new();
        };
        let loss = match loss {
            Some(loss) => loss.double_value(&[]),
            None => self.searches[rows].weighted_distances(slice(weights)) / *rows as f64,
        };
        vec![("som", vec![loss])]
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        let buffers = self.buffers().into_iter();
        buffers
            .map(|(name, buffer)| (name.to_owned(), buffer.copy()))
            .collect()
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        state::fill_buffers(&self.buffers(), stored)?;
        self.adam.steps = iteration;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::som::{Grid, SomLoss};

    fn settings(rows: usize, columns: usize) -> KerasomSettings {
        KerasomSettings {
            map: Grid { rows, columns },
            batch: 40,
            iterations: 30,
            ..KerasomSettings::paper()
        }
    }

    fn data(dims: i64) -> Tensor {
        random::uniform(12, &[100, dims])
    }

    /// The same steps with the SOM loss of DESOM, whose gradients agree with autograd.
    fn reference(settings: &KerasomSettings, data: &Tensor) -> (Tensor, f64) {
        let map = Map::new(settings, Seed(3), data).unwrap();
        let prototypes = map.prototypes.copy();
        let mut adam = Adam::new(settings.adam, &prototypes.view([-1]));
        let loss = SomLoss::new(&[1.0], Device::Cpu);
        let mut last = 0.0;
        for iteration in 0..settings.iterations {
            let x = map.batch(iteration).unsqueeze(0);
            let temperature = settings.temperature.at(iteration, settings.iterations);
            let weights = settings
                .neighbourhood
                .weights(&map.squared_distances, temperature);
            let gradient = prototypes.zeros_like().unsqueeze(0);
            let value = loss.loss_and_gradients(
                &x,
                &prototypes.unsqueeze(0),
                &weights,
                &x.zeros_like(),
                &gradient,
            );
            adam.next_step();
            let values = prototypes.view([-1]);
            adam.update(&values, 0..values.size()[0], &gradient.view([-1]))
                .unwrap();
            last = value.double_value(&[0]);
        }
        (prototypes, last)
    }

    #[test]
    fn steps_are_those_of_the_som_loss() {
        // Few features and many; batches of 40, 40, 20.
        for dims in [7, 90] {
            let (settings, data) = (settings(3, 4), data(dims));
            let mut map = Map::new(&settings, Seed(3), &data).unwrap();
            for iteration in 0..settings.iterations {
                map.step(iteration).unwrap();
            }
            let (prototypes, loss) = reference(&settings, &data);
            assert!(map.prototypes.allclose(&prototypes, 1e-4, 1e-5, false));
            let ours = map.losses()[0].1[0];
            assert!((ours - loss).abs() < 1e-4 * loss, "{ours} {loss}");
        }
    }

    #[test]
    fn a_restored_map_goes_on_to_the_same_bits() {
        let (settings, data) = (settings(2, 3), data(20));
        let run = |map: &mut Map, from: u64, to: u64| {
            for iteration in from..to {
                map.step(iteration).unwrap();
            }
        };
        let mut whole = Map::new(&settings, Seed(1), &data).unwrap();
        run(&mut whole, 0, 30);
        let mut first = Map::new(&settings, Seed(1), &data).unwrap();
        run(&mut first, 0, 11);
        let state: Named = first.state(0).into_iter().collect();
        let mut second = Map::new(&settings, Seed(2), &data).unwrap();
        second.restore(0, 11, &state).unwrap();
        run(&mut second, 11, 30);
        assert_eq!(second.prototypes, whole.prototypes);
        let mut other = Map::new(&settings, Seed(2), &data.narrow(1, 0, 9)).unwrap();
        let refused = other.restore(0, 11, &state).unwrap_err();
        assert!(
            refused.contains("prototypes has the shape [120]"),
            "{refused}"
        );
    }

    #[test]
    fn fewer_rows_than_units_are_refused() {
        let error = Map::new(
            &KerasomSettings::paper(),
            Seed(0),
            &data(3).narrow(0, 0, 63),
        );
        assert!(error.unwrap_err().to_string().contains("64 units"));
    }
}
