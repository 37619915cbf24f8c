//! The options of `replicate train`, and the training that they ask for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::options;
use super::own_data::{self, DataSource};
use super::session::checkpoint_interval;
use crate::Error;
use crate::baselines::KerasomSettings;
use crate::device::Choice;
use crate::nn::{Architecture, Precision};
use crate::random::Seed;
use crate::replications::desom::{GammaScale, Pretraining, PrototypeStart, Settings};
use crate::solo::{ModelSettings, Prepared, Request, Scale};
use crate::som::{Decay, Grid, Horizon, MapDistance, Neighbourhood, Temperature};

/// Arguments of `replicate train`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct TrainArgs {
    /// desom (dense autoencoder and map), convdesom (convolutional, images of 28 x 28), som (the map
    /// alone, on the data)
    #[arg(long, value_name = "MODEL", default_value = "desom")]
    model: ModelName,
    #[command(flatten)]
    pub(super) source: DataSource,
    /// What values are divided by: auto (255 if all are whole numbers from 0 to 255 and one is above
    /// 127, else 1; a data set of the catalogue by its own divisor) or a number
    #[arg(long, value_name = "NUMBER", default_value = "auto", value_parser = own_data::scale)]
    pub(super) scale: Scale,
    /// Hold rows out for validation: the data set's own test half, or this share of the rows, e.g. 0.2, the
    /// last ones in --order
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true, default_missing_value = "test", value_parser = validation)]
    validation: Option<Held>,
    /// The order of the rows: auto (shuffled where they come class by class, as in a folder of folders;
    /// otherwise as they come), file (as they come) or shuffled (drawn from the seed)
    #[arg(long, value_name = "ORDER", default_value = "auto", value_parser = ["auto", "file", "shuffled"])]
    order: String,
    /// Rows and columns of the map: 20x20, or 20 20
    #[arg(long, alias = "map_size", value_name = "ROWSxCOLUMNS", num_args = 1..=2, default_value = "8x8")]
    map_size: Vec<String>,
    /// Features of the code
    #[arg(long, alias = "latent_dim", value_name = "N", default_value_t = LATENT_DIM, value_parser = clap::value_parser!(i64).range(1..=1 << 20))]
    latent_dim: i64,
    /// Widths of the encoder's hidden layers, or filters of its three convolutions [default:
    /// 500,500,2000, or 32,64,64]
    #[arg(long, value_name = "N,N,..", value_delimiter = ',', value_parser = clap::value_parser!(i64).range(1..=1 << 20))]
    hidden: Option<Vec<i64>>,
    /// Batch normalisation after each hidden activation
    #[arg(long, aliases = ["batch-norm", "batch_norm"])]
    batchnorm: bool,
    /// Weight of the SOM loss
    #[arg(long, value_name = "NUMBER", default_value_t = GAMMA)]
    gamma: f64,
    /// What gamma stands beside: a reconstruction loss averaged over the features (mean, as in the
    /// authors' code) or summed (sum, as in the paper's equation)
    #[arg(long, alias = "gamma_scale", value_name = "SCALE", default_value = "mean", value_parser = ["mean", "sum"])]
    gamma_scale: String,
    /// Passes of the autoencoder alone before the joint training
    #[arg(long, alias = "pretrain_epochs", value_name = "N", default_value_t = 0)]
    pretrain_epochs: u64,
    /// Begin with the autoencoder of this file: a model.safetensors or autoencoder.safetensors
    #[arg(long, alias = "ae_weights", value_name = "FILE")]
    ae_weights: Option<PathBuf>,
    /// Optimisation steps
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    iterations: u64,
    /// Apply the SOM loss in every N-th step only
    #[arg(long, alias = "update_interval", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    update_interval: u64,
    /// Iterations between two rows of log.csv
    #[arg(long, alias = "eval_interval", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    eval_interval: u64,
    /// Passes over the data between two kept states of the weights (model-N.safetensors), of which there are
    /// 20 at most; 0 for none
    #[arg(long, alias = "save_epochs", value_name = "N", default_value_t = 5)]
    save_epochs: u64,
    /// Rows of a batch
    #[arg(long, alias = "batch_size", value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(i64).range(1..=1 << 24))]
    batch_size: i64,
    /// The neighbourhood's radius at the start, in steps on the map
    #[arg(long, alias = "Tmax", value_name = "NUMBER", default_value_t = 10.0)]
    tmax: f64,
    /// The radius at the end
    #[arg(long, alias = "Tmin", value_name = "NUMBER", default_value_t = 0.1)]
    tmin: f64,
    /// How the radius falls
    #[arg(long, value_name = "HOW", default_value = "exponential", value_parser = ["exponential", "linear", "constant"])]
    decay: String,
    /// The neighbourhood function
    #[arg(long, alias = "neighborhood", value_name = "WHICH", default_value = "gaussian", value_parser = ["gaussian", "window"])]
    neighbourhood: String,
    /// How distances on the map are counted: manhattan, or as-coded by the authors
    #[arg(long, alias = "map_distance", value_name = "HOW", default_value = "manhattan", value_parser = ["manhattan", "as-coded"])]
    map_distance: String,
    /// Where the prototypes start: codes of random rows, a classic SOM trained on from there, or random
    /// values as a layer's weights
    #[arg(long, alias = "som_init", value_name = "HOW", default_value = "random")]
    #[arg(value_parser = ["random", "som", "glorot"])]
    som_init: String,
    /// Adam's step size
    #[arg(
        long,
        alias = "learning_rate",
        value_name = "NUMBER",
        default_value_t = 0.001
    )]
    learning_rate: f64,
    /// Groups that the prototypes are clustered into, for the labels of `predict` [default: the number
    /// of classes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    clusters: Option<u16>,
    /// The seed of weights and prototypes, and of the order of shuffled rows
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// Folder that everything is written to
    #[arg(
        long,
        alias = "save_dir",
        value_name = "DIR",
        default_value = "results/tmp"
    )]
    save_dir: PathBuf,
    /// Replace another or a finished training in --save-dir, or other files of the names that a training writes;
    /// the same one, unfinished, is resumed
    #[arg(long)]
    overwrite: bool,
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(super) device: Choice,
    /// Accuracy of the products of training: exact or fast
    #[arg(long, value_name = "PRECISION", default_value = "exact", value_parser = options::precision)]
    precision: Precision,
    /// CPU threads to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Write the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
Names and defaults are those of the DESOM authors' train.py; underscores and American spellings work too. \
Without --dataset and --data it trains on mnist.

Written to --save-dir: model.safetensors (for `replicate predict`, and loadable in PyTorch), log.csv and \
tensorboard/ (losses and map metrics of a batch), evaluation.csv (all rows), map and architecture \
(.svg, .png), model-N.safetensors on the way, summary.json. The same command goes on after Ctrl-C; once \
done it shows the summary again.

Example: replicate train --data photos/ --map-size 20x20 --iterations 5000 --save-dir results/photos";

/// `--model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelName {
    Desom,
    Convdesom,
    Som,
}

/// `--validation`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    Test,
    Share(f64),
}

fn validation(text: &str) -> Result<Held, String> {
    if text == "test" {
        return Ok(Held::Test);
    }
    let share: Option<f64> = text.parse().ok();
    let share = share.filter(|share| *share > 0.0 && *share < 1.0);
    share
        .map(Held::Share)
        .ok_or_else(|| "expected nothing (the test half) or a share between 0 and 1".to_owned())
}

impl TrainArgs {
    /// What is asked for, for these data.
    ///
    /// # Errors
    /// If options and data do not go together.
    pub(super) fn request(&self, prepared: &Prepared) -> Result<Request, Error> {
        let training_rows = self.training_rows(prepared)?;
        let rows = training_rows.unwrap_or(prepared.data.rows());
        let map = grid(&self.map_size).map_err(Error::Usage)?;
        if map.units() as i64 > rows {
            return Err(Error::Usage(format!(
                "--map-size {}x{}: a map of {} units needs at least as many rows to train on, not {rows}",
                map.rows,
                map.columns,
                map.units()
            )));
        }
        Ok(Request {
            settings: self.settings(map, training_rows)?,
            seed: Seed(self.seed),
            training_rows,
            autoencoder: self.ae_weights.clone(),
            clusters: self.clusters(map)?,
            eval_interval: self.eval_interval,
            save_epochs: self.save_epochs,
            folder: self.save_dir.clone(),
            overwrite: self.overwrite,
            device: self.device.resolve()?,
            precision: self.precision,
            checkpoint_interval: checkpoint_interval()?,
        })
    }

    /// Whether rows are to be taken in another order than the data's.
    pub(super) fn shuffles(&self, prepared: &Prepared) -> bool {
        match self.order.as_str() {
            "file" => false,
            "shuffled" => true,
            _ => prepared.is_sorted(),
        }
    }

    /// Groups of prototypes, if they are named: a unit each at most.
    fn clusters(&self, map: Grid) -> Result<Option<usize>, Error> {
        let units = map.units();
        match self.clusters.map(usize::from) {
            Some(clusters) if clusters > units => Err(Error::Usage(format!(
                "--clusters {clusters}: a map of {units} units has {units} groups at most"
            ))),
            clusters => Ok(clusters),
        }
    }

    /// How many rows are trained on, if not all.
    fn training_rows(&self, prepared: &Prepared) -> Result<Option<i64>, Error> {
        let rows = prepared.data.rows();
        let kept = match self.validation {
            None => return Ok(None),
            Some(Held::Share(share)) => rows - (rows as f64 * share).round() as i64,
            Some(Held::Test) => match prepared.train_rows {
                Some(kept) => kept as i64,
                None => {
                    return Err(Error::Usage(format!(
                        "--validation: {} has no test half; say which share of its rows to keep out, \
                         e.g. --validation=0.2",
                        prepared.id
                    )));
                }
            },
        };
        if kept < 1 || kept >= rows {
            return Err(Error::Usage(format!(
                "--validation: of {rows} rows, {kept} would be trained on and {} kept out; both need at \
                 least one",
                rows - kept
            )));
        }
        Ok(Some(kept))
    }

    fn settings(&self, map: Grid, training_rows: Option<i64>) -> Result<ModelSettings, Error> {
        let temperature = Temperature {
            start: self.tmax,
            end: self.tmin,
            decay: match self.decay.as_str() {
                "linear" => Decay::Linear,
                "constant" => Decay::Constant,
                _ => Decay::Exponential,
            },
            horizon: Horizon::LastIteration,
        };
        let neighbourhood = match self.neighbourhood.as_str() {
            "window" => Neighbourhood::Window,
            _ => Neighbourhood::Gaussian,
        };
        let map_distance = match self.map_distance.as_str() {
            "as-coded" => MapDistance::AsCoded,
            _ => MapDistance::Manhattan,
        };
        if self.model == ModelName::Som {
            let paper = KerasomSettings::paper();
            let mut settings = KerasomSettings {
                map,
                batch: self.batch_size,
                iterations: self.iterations,
                temperature,
                neighbourhood,
                map_distance,
                ..paper
            };
            settings.adam.learning_rate = self.learning_rate;
            self.without_autoencoder()?;
            KerasomSettings::read(&settings.to_value()).map_err(|error| usage(&error))?;
            return Ok(ModelSettings::Som(settings));
        }
        let (architecture, paper) = match self.model {
            ModelName::Convdesom => (Architecture::Convolutional, Settings::convolutional()),
            _ => (Architecture::Dense, Settings::paper()),
        };
        let mut settings = Settings {
            architecture,
            batch_norm: self.batchnorm,
            hidden: self.hidden.clone().unwrap_or(paper.hidden),
            latent: self.latent_dim,
            map,
            gamma: self.gamma,
            gamma_scale: match self.gamma_scale.as_str() {
                "sum" => GammaScale::Sum,
                _ => GammaScale::Mean,
            },
            batch: self.batch_size,
            iterations: self.iterations,
            temperature,
            neighbourhood,
            map_distance,
            pretraining: (self.pretrain_epochs > 0).then_some(Pretraining {
                epochs: self.pretrain_epochs,
                seed: None,
            }),
            prototype_start: match self.som_init.as_str() {
                "som" => PrototypeStart::Som,
                "glorot" => PrototypeStart::Glorot,
                _ => PrototypeStart::Sample,
            },
            update_interval: self.update_interval,
            training_rows,
            ..paper
        };
        settings.adam.learning_rate = self.learning_rate;
        Settings::read(&settings.to_value()).map_err(|error| usage(&error))?;
        Ok(ModelSettings::Desom(settings))
    }

    /// Options that the map alone cannot have are refused, lest they be thought to have worked.
    fn without_autoencoder(&self) -> Result<(), Error> {
        let given = [
            ("--hidden", self.hidden.is_some()),
            ("--batchnorm", self.batchnorm),
            ("--pretrain-epochs", self.pretrain_epochs > 0),
            ("--ae-weights", self.ae_weights.is_some()),
            ("--update-interval", self.update_interval > 1),
            ("--som-init", self.som_init != "random"),
            ("--latent-dim", self.latent_dim != LATENT_DIM),
            ("--gamma", self.gamma.to_bits() != GAMMA.to_bits()),
            ("--gamma-scale", self.gamma_scale != "mean"),
            ("--precision", self.precision != Precision::Exact),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Error::Usage(format!(
                "{name}: the model som has no autoencoder; leave it out, or use --model desom"
            ))),
            None => Ok(()),
        }
    }
}

/// Width of the code if nothing is said.
const LATENT_DIM: i64 = 10;
/// Weight of the SOM loss if nothing is said.
const GAMMA: f64 = 0.001;
/// The table of distances between units has the square of so many entries: 400 MB.
const MOST_UNITS: usize = 10_000;

fn usage(error: &crate::train::Error) -> Error {
    Error::Usage(error.to_string())
}

fn grid(words: &[String]) -> Result<Grid, String> {
    let joined = words.join("x");
    let sides: Vec<Option<usize>> = joined
        .split(['x', 'X'])
        .map(|side| side.parse().ok())
        .collect();
    match *sides.as_slice() {
        [Some(rows @ 1..=1000), Some(columns @ 1..=1000)] if rows * columns <= MOST_UNITS => {
            Ok(Grid { rows, columns })
        }
        [Some(rows @ 1..=1000), Some(columns @ 1..=1000)] => Err(format!(
            "--map-size {}: {} units are too many; at most {MOST_UNITS}, because the distances of all pairs are kept",
            words.join(" "),
            rows * columns
        )),
        _ => Err(format!(
            "--map-size {}: expected two sides from 1 to 1000, e.g. 20x20",
            words.join(" ")
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn maps_are_given_in_one_word_or_two() {
        let of = |words: &[&str]| {
            grid(
                &words
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let expected = Grid {
            rows: 20,
            columns: 5,
        };
        assert_eq!(of(&["20x5"]), Ok(expected));
        assert_eq!(of(&["20", "5"]), Ok(expected));
        for wrong in [
            &["20"][..],
            &["0x5"],
            &["20x5x2"],
            &["ax5"],
            &["20x5", "2"],
            &["1001x1"],
        ] {
            assert!(of(wrong).unwrap_err().contains("--map-size"), "{wrong:?}");
        }
    }

    #[test]
    fn maps_of_too_many_units_are_refused() {
        let of = |sides: &str| grid(&[sides.to_owned()]);
        assert!(of("100x100").is_ok() && of("1000x10").is_ok());
        let said = of("200x200").unwrap_err();
        assert!(said.contains("40000 units are too many"), "{said}");
    }

    #[test]
    fn what_the_map_alone_does_not_look_at_is_refused() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            train: TrainArgs,
        }
        let of = |options: &[&str]| {
            let given = ["train", "--dataset", "digits", "--model", "som"];
            let words = given.iter().chain(options);
            let line: Line = clap::Parser::try_parse_from(words).unwrap();
            line.train.without_autoencoder()
        };
        assert!(of(&[]).is_ok());
        for option in [
            ["--latent-dim", "5"],
            ["--gamma", "0.01"],
            ["--gamma-scale", "sum"],
            ["--precision", "fast"],
            ["--hidden", "20"],
        ] {
            let said = of(&option).unwrap_err().to_string();
            assert!(said.starts_with(option[0]), "{said}");
        }
    }

    #[test]
    fn validation_is_the_test_half_or_a_share() {
        assert_eq!(validation("test"), Ok(Held::Test));
        assert_eq!(validation("0.25"), Ok(Held::Share(0.25)));
        for wrong in ["0", "1", "-0.5", "nan", "half"] {
            assert!(validation(wrong).is_err(), "{wrong}");
        }
    }
}
