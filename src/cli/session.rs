//! From options to a plan: what every command about a replication's runs does first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use tch::Device;

use crate::Error;
use crate::data::{self, Access};
use crate::launch::{DataSets, Options, Task, calibrate};
use crate::nn::Precision;
use crate::random::Seed;
use crate::replication::{
    self, BadSetting, Changes, Coverage, Effect, Profile, Protocol, Replication, Results,
    VariantRecords,
};
use crate::runs::{Plan, Reason, Store};
use crate::train::{Labels, TrainingData};
use crate::words;

use super::draws_progress;
use super::options::RunArgs;
use super::planner::{Planner, name_twins};

/// Between two checkpoints of a run: a lost interval costs little, and so does saving.
const CHECKPOINT_INTERVAL: Duration = Duration::from_mins(1);
/// Another interval, in milliseconds. Not for users: tests cannot wait a minute.
const CHECKPOINT_VARIABLE: &str = "REPLICATE_CHECKPOINT_MS";

/// A replication with the user's options, its store and its tasks.
pub struct Session {
    /// The replication.
    pub replication: &'static dyn Replication,
    /// The shared options.
    pub args: RunArgs,
    /// What the user has changed in the protocol.
    pub altered: Vec<(String, String)>,
    /// Which part of its variants and seeds the user has chosen.
    pub part: Vec<(String, String)>,
    /// Variants and data.
    pub protocol: Protocol,
    /// Variants of the whole that the user has left out.
    pub unchosen: Vec<String>,
    /// How to compute.
    pub options: Options,
    /// Where the runs are.
    pub store: Store,
    /// All runs, variant by variant.
    pub tasks: Vec<Task>,
    /// Data sets that no source has, as far as [`Session::load_data`] has found out.
    pub absent: Absent,
    /// Whether nobody has chosen seeds, runs or a precision: results are then those that a report has.
    is_whole: bool,
}

impl Session {
    /// Settles options, device and store, and finds out what is there already. Starts nothing and
    /// needs no network.
    ///
    /// # Errors
    /// If an option or the device cannot be used, or the store cannot be read.
    pub fn new(
        replication: &'static dyn Replication,
        args: RunArgs,
        changes: &Changes,
        store: &Path,
    ) -> Result<Self, Error> {
        Self::of(replication, args, changes, store, None)
    }

    /// The command that does these runs: `replicate desom-gamma --profile paper --iterations 5`.
    #[must_use]
    pub fn command(&self) -> String {
        let (id, profile) = (self.replication.id(), self.args.profile.name());
        let changes = self.part.iter().chain(&self.altered);
        let changes = changes.map(|(name, value)| format!(" --{name} {}", words::shell(value)));
        format!(
            "replicate {id} --profile {profile}{}",
            changes.collect::<String>()
        )
    }

    /// Of the other profiles of an unchanged replication the one with most stored runs, and how many there are:
    /// where one who left `--profile` out finds what is missing.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn fullest_other(&self) -> Result<Option<(Profile, usize)>, Error> {
        if !self.altered.is_empty() {
            return Ok(None);
        }
        let mut fullest = None;
        for profile in Profile::ALL {
            if profile == self.args.profile {
                continue;
            }
            let args = RunArgs::of(profile);
            let other = Self::new(
                self.replication,
                args,
                &Changes::default(),
                self.store.root(),
            )?;
            let cached = other.tasks.iter();
            let cached = cached.filter(|task| task.run.reason == Reason::Cached);
            fullest = fullest.max(Some((cached.count(), profile)));
        }
        let fullest = fullest.filter(|(runs, _)| *runs > 0);
        Ok(fullest.map(|(runs, profile)| (profile, runs)))
    }

    /// The same for some of the runs, by variant and seed. Whether there are records of older versions is
    /// not looked at: workers of a large sweep would read each other's all the time.
    ///
    /// # Errors
    /// As [`Session::new`], and if there is no such variant.
    pub fn of_runs(
        replication: &'static dyn Replication,
        args: RunArgs,
        changes: &Changes,
        store: &Path,
        runs: &[(&str, Seed)],
    ) -> Result<Self, Error> {
        Self::of(replication, args, changes, store, Some(runs))
    }

    fn of(
        replication: &'static dyn Replication,
        args: RunArgs,
        changes: &Changes,
        store: &Path,
        runs: Option<&[(&str, Seed)]>,
    ) -> Result<Self, Error> {
        let profile = args.profile;
        let mut protocol = replication.protocol(profile, changes)?;
        let mut altered = altered(replication, profile, changes, &protocol)?;
        if args.precision != Precision::default() {
            altered.push(("precision".to_owned(), args.precision.name().to_owned()));
        }
        if let Some(variants) = &args.variants {
            variants.choose(&mut protocol)?;
        }
        let unchosen = unchosen(replication, profile, changes, &protocol)?;
        let options = Options {
            device: args.device.resolve()?,
            threads: args.threads(),
            workers: args.workers.map(usize::from),
            checkpoint_interval: checkpoint_interval()?,
        };
        let store = Store::new(store);
        let seeds = match &args.seeds {
            Some(seeds) => seeds.seeds.clone(),
            None => (0..protocol.seeds).map(Seed).collect(),
        };
        let claims = replication.published()?.fingerprints(replication.id());
        let planner = Planner::new(&protocol, args.precision, &store, claims);
        let mut tasks = match runs {
            None => planner.all(&seeds)?,
            Some(runs) => planner.some(replication, runs)?,
        };
        name_twins(&mut tasks);
        let is_whole =
            runs.is_none() && args.seeds.is_none() && args.precision == Precision::default();
        Ok(Self {
            replication,
            altered,
            part: part(replication, changes, &args),
            args,
            protocol,
            unchosen,
            options,
            store,
            tasks,
            absent: Absent::new(),
            is_whole,
        })
    }

    /// Measures how long the pending runs take here, and with how many workers.
    ///
    /// # Errors
    /// If a data set is unknown or a thread cannot be started.
    pub fn calibrate(&mut self) -> Result<(), Error> {
        let catalogue = data::catalogue()?;
        let mut shapes = BTreeMap::new();
        for id in self.protocol.data_sets() {
            let entry = catalogue.entry(id)?;
            shapes.insert(id.to_owned(), [entry.rows() as i64, entry.dims() as i64]);
        }
        // Seconds pass in silence otherwise.
        let waiting = (draws_progress() && !self.pending().is_empty()).then(|| {
            let waiting = ProgressBar::new_spinner();
            waiting.set_message("measuring how long runs take here");
            waiting.enable_steady_tick(Duration::from_millis(100));
            waiting
        });
        let team = calibrate(&mut self.tasks, &self.store, &shapes, self.options);
        if let Some(waiting) = waiting {
            waiting.finish_and_clear();
        }
        self.options.workers = Some(team?.workers);
        Ok(())
    }

    /// The runs as a plan.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            replication: self.replication.id().to_owned(),
            runs: self.tasks.iter().map(|task| task.run.clone()).collect(),
        }
    }

    /// The tasks that are to be carried out.
    #[must_use]
    pub fn pending(&self) -> Vec<Task> {
        let pending = self
            .tasks
            .iter()
            .filter(|task| task.run.reason.is_pending());
        pending.cloned().collect()
    }

    /// Whether all records that are there could be read.
    ///
    /// # Errors
    /// If not; the message names the first.
    pub fn unreadable(&self) -> Result<(), Error> {
        let messages = self.left_out();
        match messages.first() {
            None => Ok(()),
            Some(first) => Err(Error::Unreadable {
                count: messages.len(),
                first: first.clone(),
            }),
        }
    }

    /// What is wrong with the records that cannot be read now.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let tasks = self.tasks.iter();
        let errors = tasks.filter_map(|task| self.store.record(&task.run.key).err());
        errors.map(|error| error.to_string()).collect()
    }

    /// What is in the store now for the planned runs and, where nobody has chosen seeds, for those that follow without
    /// a gap; those that cannot be read are left out: see [`Session::left_out`].
    ///
    /// # Errors
    /// If the data set is unknown.
    pub fn results(&self) -> Result<Results, Error> {
        let variants = if self.is_whole {
            replication::gather(&self.protocol, &mut |identity| {
                Ok(self.store.record(&identity.key()).ok().flatten())
            })?
        } else {
            self.of_tasks()
        };
        Ok(Results {
            profile: self.args.profile,
            altered: self.altered.clone(),
            data_title: self.protocol.data_title()?,
            variants,
        })
    }

    /// How much of the planned runs `results` are.
    #[must_use]
    pub fn coverage(&self, results: &Results) -> Coverage {
        if self.is_whole {
            return results.coverage(&self.protocol);
        }
        let keys = self.tasks.iter().map(|task| &task.run.key);
        let planned = keys.collect::<BTreeSet<_>>().len();
        let records = results.variants.iter().flat_map(|one| &one.records);
        let stored = records
            .map(|record| &record.key)
            .collect::<BTreeSet<_>>()
            .len();
        Coverage {
            planned,
            missing: planned - stored,
            stored,
        }
    }

    /// The records of the planned runs, by variant.
    fn of_tasks(&self) -> Vec<VariantRecords> {
        let mut variants: Vec<VariantRecords> = Vec::new();
        for variant in &self.protocol.variants {
            let runs = self
                .tasks
                .iter()
                .filter(|task| task.run.variant == variant.id);
            let (mut records, mut planned) = (Vec::new(), 0);
            for task in runs {
                planned += 1;
                records.extend(self.store.record(&task.run.key).ok().flatten());
            }
            variants.push(VariantRecords {
                id: variant.id.clone(),
                planned,
                records,
            });
        }
        variants
    }

    /// Where this replication's tables and figures go: parts and changed protocols have folders of
    /// their own, so that they do not replace the whole.
    #[must_use]
    pub fn output_folder(&self) -> PathBuf {
        let mut name = self.args.profile.name().to_owned();
        for (setting, value) in self.part.iter().chain(&self.altered) {
            name += &format!("+{setting}={}", as_name(value));
        }
        self.store.root().join(self.replication.id()).join(name)
    }

    /// The data sets of the pending runs by id, on the device that trains. Those that no source has are
    /// in [`Session::absent`] then.
    ///
    /// # Errors
    /// If one is not what it should be, or if the replication's only one, or each of them, cannot be had.
    pub fn load_data(&mut self, access: &Access) -> Result<DataSets, Error> {
        let mut sets = DataSets::new();
        let is_only = self.protocol.data_sets().len() == 1;
        let mut refused = None;
        for task in self.pending() {
            let id = task.run.identity.data;
            if sets.contains_key(&id) || self.absent.contains_key(&id) {
                continue;
            }
            match training_data(&id, self.options.device, access) {
                Ok(set) => drop(sets.insert(id, set)),
                Err(Error::Data(error @ data::Error::NoSource { .. })) if !is_only => {
                    self.absent.insert(id, error.to_string());
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match refused {
            Some(error) if sets.is_empty() => Err(error.into()),
            _ => Ok(sets),
        }
    }
}

/// Letters of a value in a folder's name at most.
const LONGEST: usize = 80;

/// A value as a part of a folder's name: without what would end the name or be read as a pattern, and what is
/// long by its start and its hash.
fn as_name(value: &str) -> String {
    let name = value.replace('/', ".").replace('*', "~");
    if name.len() <= LONGEST {
        return name;
    }
    let start: String = name.chars().take(LONGEST / 2).collect();
    let hash = data::Digest::of(value.as_bytes()).to_string();
    format!("{start}~{}", hash.get(..8).unwrap_or(&hash))
}

/// Data sets that no source has, by id, with what was tried.
pub type Absent = BTreeMap<String, String>;

/// The data set called `id` on the device that trains, fetched if need be.
///
/// # Errors
/// If it cannot be had or is not what it should be, or does not fit on the device.
pub fn training_data(id: &str, device: Device, access: &Access) -> Result<TrainingData, Error> {
    let progress = super::data_progress::on_stderr();
    let set = data::load(id, access, progress.as_ref())?;
    let shape = [set.rows as i64, set.dims as i64];
    let features = tch::Tensor::f_from_slice(&set.features)
        .and_then(|features| features.f_view(shape.as_slice()))
        .and_then(|features| features.f_to_device(device))
        .map_err(crate::train::Error::Torch)?;
    let labels = Labels {
        values: set.labels,
        classes: set.classes,
    };
    Ok(TrainingData::new(features, Some(labels))?.with_image(set.image))
}

pub(super) fn checkpoint_interval() -> Result<Duration, Error> {
    let Some(text) = std::env::var_os(CHECKPOINT_VARIABLE) else {
        return Ok(CHECKPOINT_INTERVAL);
    };
    let milliseconds = text.to_str().and_then(|text| text.parse().ok());
    milliseconds.map(Duration::from_millis).ok_or_else(|| {
        let text = text.display();
        Error::Usage(format!(
            "{CHECKPOINT_VARIABLE}={text}: expected a whole number of milliseconds"
        ))
    })
}

/// The changes that lead to other runs than without them.
fn altered(
    replication: &dyn Replication,
    profile: Profile,
    changes: &Changes,
    protocol: &Protocol,
) -> Result<Vec<(String, String)>, Error> {
    let settings = |protocol: &Protocol| -> Vec<serde_json::Value> {
        let variants = protocol.variants.iter();
        variants.map(|variant| variant.settings.clone()).collect()
    };
    let mut altered = changes.with_effect(Effect::Alters, replication.settings());
    let mut same = Vec::new();
    for (name, _) in &altered {
        let without = replication.protocol(profile, &changes.without(name))?;
        if settings(&without) == settings(protocol) {
            same.push(name.clone());
        }
    }
    altered.retain(|(name, _)| !same.contains(name));
    Ok(altered)
}

/// What was chosen of the whole, by option.
fn part(replication: &dyn Replication, changes: &Changes, args: &RunArgs) -> Vec<(String, String)> {
    let mut part = changes.with_effect(Effect::Selects, replication.settings());
    let variants = args.variants.as_ref().map(|variants| &variants.text);
    let seeds = args.seeds.as_ref().map(|seeds| &seeds.text);
    for (name, text) in [("variants", variants), ("seeds", seeds)] {
        part.extend(text.map(|text| (name.to_owned(), text.clone())));
    }
    part
}

/// The variants that there would be if no option chose among them, but for those that there are.
fn unchosen(
    replication: &dyn Replication,
    profile: Profile,
    changes: &Changes,
    protocol: &Protocol,
) -> Result<Vec<String>, BadSetting> {
    let selecting = changes.with_effect(Effect::Selects, replication.settings());
    let others = selecting.iter();
    let changes = others.fold(changes.clone(), |changes, (name, _)| changes.without(name));
    let whole = replication.protocol(profile, &changes)?.variants;
    let is_chosen = |id: &String| protocol.variants.iter().any(|chosen| chosen.id == *id);
    let ids = whole.into_iter().map(|variant| variant.id);
    Ok(ids.filter(|id| !is_chosen(id)).collect())
}
