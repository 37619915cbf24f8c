//! From variants and seeds to tasks: what is there of each run, and what is to be done for it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::Error;
use crate::claims::Fingerprints;
use crate::data;
use crate::launch::{self, Task};
use crate::nn::Precision;
use crate::random::Seed;
use crate::replication::{Protocol, Replication, Variant};
use crate::runs::{Identity, Key, PlannedRun, Reason, Store};

/// What makes tasks of variants and seeds.
pub(super) struct Planner<'a> {
    protocol: &'a Protocol,
    precision: Precision,
    store: &'a Store,
    claims: Arc<Fingerprints>,
    /// [`Store::by_lineage`], once it was needed.
    lineages: OnceCell<HashMap<String, Identity>>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        protocol: &'a Protocol,
        precision: Precision,
        store: &'a Store,
        claims: Fingerprints,
    ) -> Self {
        Self {
            protocol,
            precision,
            store,
            claims: Arc::new(claims),
            lineages: OnceCell::new(),
        }
    }

    /// Every variant with every seed.
    pub(super) fn all(&self, seeds: &[Seed]) -> Result<Vec<Task>, Error> {
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

    /// These variants with these seeds.
    pub(super) fn some(
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

/// Whether nothing of a run is there, as far as its own folder says.
fn is_to_be_trained(task: &Task) -> bool {
    matches!(task.run.reason, Reason::New | Reason::FailedBefore { .. })
}

/// What is to be done for two variants is done for the first of them.
pub(super) fn name_twins(tasks: &mut [Task]) {
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
