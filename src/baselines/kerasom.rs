//! The SOM loss alone, by Adam, on the features or on an autoencoder's codes, as a [`Method`]: the
//! `kerasom` and `AE+kerasom` rows of benchmarks.
//!
//! Loss `1/B sum_i sum_k h(b_i, k) |x_i - m_k|^2` as in [`crate::som::loss`], with the data in place of the
//! codes and the prototypes as all there is to train. With `n_b` rows won by unit `b` and `s_b` their sum,
//!
//! ```text
//! dL/dm_k = -2/B (sum_b h(b, k) s_b - m_k sum_b h(b, k) n_b)
//! ```
//!
//! so a step costs one product for the distances and a small one for the gradient.

use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::minisom::evaluation_time;
use super::space::{self, Entered, Space};
use crate::evaluation::PostClusters;
use crate::nn::adam::AdamOptions;
use crate::nn::slices::{slice, slice_mut};
use crate::nn::{Adam, Precision, products};
use crate::pretraining::AutoencoderSettings;
use crate::random::{self, Seed};
use crate::runs::checkpoint::{Named, Progress};
use crate::som::{Decay, Grid, Horizon, MapDistance, Neighbourhood, Search, Temperature};
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Need, Observer as _, Runs, Stage,
    Trainable, Trial, Work, drive, one_by_one, settings, time_of_step,
};

/// The baseline's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KerasomSettings {
    /// Rows and columns of the map.
    pub map: Grid,
    /// Rows of a batch; the last one of a pass may be shorter.
    pub batch: i64,
    /// Optimisation steps.
    pub iterations: u64,
    /// The neighbourhood's radius over training.
    pub temperature: Temperature,
    /// The neighbourhood function.
    pub neighbourhood: Neighbourhood,
    /// How distances on the map are counted.
    pub map_distance: MapDistance,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Groups of the prototypes.
    pub post_clusters: PostClusters,
    /// The autoencoder whose codes the map is trained on; none for [`Kerasom::ON_FEATURES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<AutoencoderSettings>,
}

impl KerasomSettings {
    /// The settings of the DESOM papers: an 8 x 8 map, 10 000 batches of 256, temperatures 10 to 0.1, Adam
    /// with Keras' defaults.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            map: Grid {
                rows: 8,
                columns: 8,
            },
            batch: 256,
            iterations: 10_000,
            temperature: Temperature {
                start: 10.0,
                end: 0.1,
                decay: Decay::Exponential,
                horizon: Horizon::LastIteration,
            },
            neighbourhood: Neighbourhood::Gaussian,
            map_distance: MapDistance::Manhattan,
            adam: AdamOptions::keras(),
            post_clusters: PostClusters::Classes,
            encoder: None,
        }
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("kerasom", value)?;
        settings
            .check()
            .map_err(|reason| Error::Settings(format!("kerasom settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(format!("{name} must be a positive number, not {value}"))
            }
        };
        if self.map.units() == 0 {
            return Err("the map has no units: both sides must be at least 1".to_owned());
        }
        if self.batch < 1 || self.iterations < 1 {
            return Err("the batch size and the iterations must be at least 1".to_owned());
        }
        positive("the start temperature", self.temperature.start)?;
        positive("the end temperature", self.temperature.end)?;
        positive("the learning rate", self.adam.learning_rate)?;
        positive("Adam's epsilon", self.adam.epsilon)?;
        for (name, beta) in [("beta1", self.adam.beta1), ("beta2", self.adam.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(format!(
                    "Adam's {name} must be at least 0 and below 1, not {beta}"
                ));
            }
        }
        Ok(())
    }
}

/// One map in training.
#[derive(Debug)]
pub struct Map {
    settings: KerasomSettings,
    /// `[rows, dims]`
    data: Tensor,
    /// `[units, dims]`
    prototypes: Tensor,
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

    fn restore(&mut self, _: usize, iteration: u64, state: &Named) -> Result<(), String> {
        let mut found = Vec::new();
        for (name, buffer) in self.buffers() {
            let stored = state
                .get(name)
                .ok_or_else(|| format!("{name} is missing"))?;
            if stored.size() != buffer.size() {
                let (stored, own) = (stored.size(), buffer.size());
                return Err(format!(
                    "{name} has the shape {stored:?}, this map needs {own:?}"
                ));
            }
            found.push((buffer, stored));
        }
        for (mut buffer, stored) in found {
            buffer.copy_(stored);
        }
        self.adam.steps = iteration;
        Ok(())
    }
}

/// A map trained with the SOM loss alone.
#[derive(Debug)]
pub struct Kerasom {
    on_codes: bool,
}

impl Kerasom {
    /// On the features.
    pub const ON_FEATURES: Self = Self { on_codes: false };
    /// On the codes of an autoencoder that is trained first.
    pub const ON_CODES: Self = Self { on_codes: true };

    fn read(&self, value: &Value) -> Result<KerasomSettings, Error> {
        let settings = KerasomSettings::read(value)?;
        space::check_encoder(self.id(), self.on_codes, settings.encoder.as_ref())?;
        Ok(settings)
    }

    fn fit(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
        let settings = self.read(&member.settings)?;
        let encoder = settings.encoder.as_ref();
        let space = match space::enter(encoder, member, space::SHARE, context)? {
            Entered::Space(space) => space,
            Entered::Diverged => return Ok(Some(Finished::untrained())),
            Entered::Interrupted => return Ok(None),
        };
        let stage = Stage::new(context.observer, space.behind, 1.0);
        let context = &Context {
            observer: &stage,
            // The map itself never rounds.
            precision: Precision::Exact,
            ..*context
        };
        let mut map = Map::new(&settings, member.seed, &space.codes)?;
        let driven = drive(&mut map, std::slice::from_ref(member), context)?;
        let Driven::Finished(progress) = driven else {
            return Ok(None);
        };
        stage.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let progress = progress.into_iter().next();
        let run = progress.map(|progress| finish(&map, &space, member, context, progress));
        run.transpose()
    }
}

impl Method for Kerasom {
    fn id(&self) -> &'static str {
        if self.on_codes {
            "ae+kerasom"
        } else {
            "kerasom"
        }
    }

    fn version(&self) -> u32 {
        // 2: the quality of the map, and classes by unit.
        2
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // A step is a few small products: on a GPU it is over before the next is sent there.
        self.read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        // The autoencoder does; the map never.
        self.on_codes
    }

    fn needs(&self, settings: &Value) -> Result<Vec<Need>, Error> {
        let encoder = self.read(settings)?.encoder;
        Ok(encoder.iter().map(AutoencoderSettings::need).collect())
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = self.read(settings)?;
        let units = settings.map.units() as i64;
        let sample = settings.batch.max(units).min(trial.rows);
        let dims = settings
            .encoder
            .as_ref()
            .map_or(trial.dims, |encoder| encoder.latent);
        let data = Tensor::rand([sample, dims], (Kind::Float, trial.device));
        let mut map = Map::new(&settings, Seed(0), &data)?;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: time_of_step(&mut map)?,
            fixed: evaluation_time(&data, &map.prototypes, trial.rows),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        one_by_one(cohort, |member| self.fit(member, context))
    }
}

fn finish(
    map: &Map,
    space: &Space,
    member: &Member,
    context: &Context,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let metrics = if progress.diverged.is_none() && map.is_finite() {
        let settings = &map.settings;
        let (grid, groups) = (settings.map, settings.post_clusters);
        space.assess(&map.prototypes, grid, groups, member, context)?
    } else {
        None
    };
    let measured = metrics.map(|metrics| (metrics, space.weights(&map.prototypes, context)));
    Ok(Finished::trained(progress, measured, clock.elapsed()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::som::SomLoss;

    fn settings(rows: usize, columns: usize) -> KerasomSettings {
        KerasomSettings {
            map: Grid { rows, columns },
            batch: 40,
            iterations: 30,
            ..KerasomSettings::paper()
        }
    }

    fn data(dims: i64) -> Tensor {
        tch::manual_seed(12);
        Tensor::rand([100, dims], (Kind::Float, Device::Cpu))
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
            let value = loss.step(
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
    fn senseless_settings_are_named() {
        let refused = |change: fn(&mut KerasomSettings)| {
            let mut settings = KerasomSettings::paper();
            change(&mut settings);
            Kerasom::ON_FEATURES
                .shape(&settings.to_value())
                .unwrap_err()
                .to_string()
        };
        for (message, name) in [
            (refused(|s| s.map.rows = 0), "the map has no units"),
            (refused(|s| s.batch = 0), "batch size"),
            (refused(|s| s.temperature.end = 0.0), "end temperature"),
            (
                refused(|s| s.adam.learning_rate = f64::NAN),
                "adam.learning_rate: must be a finite",
            ),
            (refused(|s| s.adam.beta2 = 1.0), "beta2"),
        ] {
            assert!(
                message.contains("kerasom") && message.contains(name),
                "{message}"
            );
        }
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
