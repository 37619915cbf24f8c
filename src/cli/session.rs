//! From options to a plan: what every command about a replication's runs does first.

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use tch::Device;

use crate::Error;
use crate::claims::Fingerprints;
use crate::data::{self, Access};
use crate::launch::{self, DataSets, Options, Task, calibrate};
use crate::nn::Precision;
use crate::random::Seed;
use crate::replication::{
    BadSetting, Changes, Effect, Profile, Protocol, Replication, Results, Variant, VariantRecords,
};
use crate::runs::{Identity, Key, Plan, PlannedRun, Reason, Store};
use crate::train::{Labels, TrainingData};
use crate::words;

use super::draws_progress;
use super::options::RunArgs;

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
        let planner = Planner {
            protocol: &protocol,
            precision: args.precision,
            store: &store,
            claims: Arc::new(claims),
            lineages: OnceCell::new(),
        };
        let mut tasks = match runs {
            None => planner.all(&seeds)?,
            Some(runs) => planner.some(replication, runs)?,
        };
        name_twins(&mut tasks);
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

    /// What is in the store now for the planned runs; those that cannot be read are left out: see
    /// [`Session::left_out`].
    ///
    /// # Errors
    /// If the data set is unknown.
    pub fn results(&self) -> Result<Results, Error> {
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
        Ok(Results {
            profile: self.args.profile,
            altered: self.altered.clone(),
            data_title: self.protocol.data_title()?,
            variants,
        })
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

/// What makes tasks of variants and seeds.
struct Planner<'a> {
    protocol: &'a Protocol,
    precision: Precision,
    store: &'a Store,
    claims: Arc<Fingerprints>,
    /// [`Store::by_lineage`], once it was needed.
    lineages: OnceCell<HashMap<String, Identity>>,
}

/// What is to be done for two variants is done for the first of them.
fn name_twins(tasks: &mut [Task]) {
    let mut first: HashMap<Key, String> = HashMap::new();
    for run in tasks.iter_mut().map(|task| &mut task.run) {
        if !run.reason.is_pending() {
            continue;
        }
        match first.entry(run.key.clone()) {
            Entry::Occupied(known) => {
                let variant = known.get().clone();
                run.reason = Reason::SameAs { variant };
            }
            Entry::Vacant(free) => {
                free.insert(run.variant.clone());
            }
        }
    }
}

/// Whether nothing of a run is there, as far as its own folder says.
fn is_to_be_trained(task: &Task) -> bool {
    matches!(task.run.reason, Reason::New | Reason::FailedBefore { .. })
}

impl Planner<'_> {
    /// Every variant with every seed.
    fn all(&self, seeds: &[Seed]) -> Result<Vec<Task>, Error> {
        let mut tasks = Vec::new();
        for variant in &self.protocol.variants {
            let data_sha256 = data::dataset_sha256(variant.data)?;
            for &seed in seeds {
                let task = self.task(variant, &data_sha256, seed)?;
                tasks.push(self.with_lineage(task)?);
            }
        }
        Ok(tasks)
    }

    fn some(
        &self,
        replication: &dyn Replication,
        runs: &[(&str, Seed)],
    ) -> Result<Vec<Task>, Error> {
        let mut hashes: HashMap<&str, String> = HashMap::new();
        let variants = self.protocol.variants.iter();
        let variants: HashMap<_, _> = variants.map(|one| (one.id.as_str(), one)).collect();
        let mut tasks = Vec::new();
        for &(id, seed) in runs {
            let variant = variants.get(id).ok_or_else(|| launch::Error::Stale {
                reason: format!("{} has no variant {id}", replication.id()),
            })?;
            let sha256 = match hashes.get(variant.data) {
                Some(sha256) => sha256,
                None => hashes
                    .entry(variant.data)
                    .or_insert(data::dataset_sha256(variant.data)?),
            };
            let mut task = self.task(variant, sha256, seed)?;
            // A worker's few runs are not worth reading a large store: only what may save training is looked for.
            let since = variant.method.trained_since();
            let older = self.store.older(&task.run.identity, since);
            if is_to_be_trained(&task) && !older.is_empty() {
                task.run.reason = self.store.reason(&task.run.identity, &older, since)?;
            }
            tasks.push(task);
        }
        Ok(tasks)
    }

    /// The task with what other versions and other data have left behind taken into account.
    fn with_lineage(&self, mut task: Task) -> Result<Task, Error> {
        // Only for runs without a checkpoint is it worth reading all the other records.
        if is_to_be_trained(&task) {
            let lineages = if let Some(read) = self.lineages.get() {
                read
            } else {
                let read = self.store.by_lineage()?;
                self.lineages.get_or_init(|| read)
            };
            let since = task.method.trained_since();
            task.run.reason = self.store.reason(&task.run.identity, lineages, since)?;
        }
        Ok(task)
    }

    fn task(&self, variant: &Variant, data_sha256: &str, seed: Seed) -> Result<Task, Error> {
        let identity = variant.identity(data_sha256, seed, self.precision);
        Ok(Task {
            run: PlannedRun {
                key: identity.key(),
                variant: variant.id.clone(),
                reason: self
                    .store
                    .reason(&identity, &HashMap::new(), identity.algorithm)?,
                identity,
                estimate: None,
            },
            method: variant.method,
            claims: Arc::clone(&self.claims),
        })
    }
}
