//! A store with made-up runs of `desom-gamma`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use replicate::catalogue;
use replicate::claims::Published;
use replicate::data;
use replicate::nn::{Precision, Products};
use replicate::random::Seed;
use replicate::replication::{Changes, Profile, Replication};
use replicate::runs::identity::SCHEMA;
use replicate::runs::record::{Curves, Provenance};
use replicate::runs::{Identity, Outcome, Record, Store};

/// Ten numbers with mean 0 and a standard deviation near 1.
const NOISE: [f64; 10] = [-1.5, 0.4, 1.2, -0.7, 0.9, -1.1, 1.6, -0.3, 0.2, -0.7];

pub struct Made {
    folder: PathBuf,
    /// Removes the folder in the end.
    _guard: Option<tempfile::TempDir>,
    pub store: Store,
    replication: &'static dyn Replication,
    published: Published,
}

impl Made {
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::at(folder.path().to_owned(), Some(folder))
    }

    fn at(folder: PathBuf, guard: Option<tempfile::TempDir>) -> Self {
        let replication = catalogue::find("desom-gamma").unwrap();
        Self {
            store: Store::new(&folder),
            folder,
            _guard: guard,
            replication,
            published: replication.published().unwrap(),
        }
    }

    /// All runs of the paper profile, with the published means and spreads, moved by `shift`.
    pub fn whole(shift: f64) -> Self {
        let made = Self::empty();
        made.fill(shift);
        made
    }

    fn fill(&self, shift: f64) {
        for seed in 0..10 {
            for (place, identity) in self.identities(seed).into_iter().enumerate() {
                self.write(identity, place, shift, |_| {});
            }
        }
    }

    pub fn variants(&self) -> Vec<String> {
        let protocol = self
            .replication
            .protocol(Profile::Paper, &Changes::default());
        protocol
            .unwrap()
            .variants
            .into_iter()
            .map(|one| one.id)
            .collect()
    }

    pub fn identities(&self, seed: u64) -> Vec<Identity> {
        let protocol = self
            .replication
            .protocol(Profile::Paper, &Changes::default())
            .unwrap();
        let sha = data::dataset_sha256("mnist").unwrap();
        let variants = protocol.variants.iter();
        variants
            .map(|one| one.identity(&sha, Seed(seed), Precision::Exact))
            .collect()
    }

    pub fn write(
        &self,
        identity: Identity,
        place: usize,
        shift: f64,
        change: impl FnOnce(&mut Record),
    ) {
        let variant = self.variants()[place].clone();
        let seed = identity.seed.0 as usize;
        let noise = NOISE[(seed + 3 * place) % 10];
        let values = self.published.values.iter();
        let mut metrics: BTreeMap<String, Option<f64>> = values
            .filter(|one| one.replication == "desom-gamma" && one.variant == variant)
            .map(|one| {
                let value = one.mean + noise * one.sd.unwrap_or(0.002) + shift;
                (one.metric.clone(), Some(value))
            })
            .collect();
        let collapsed = variant == "gamma=10";
        if collapsed {
            metrics.insert("clustered.accuracy".into(), Some(0.1125));
        }
        metrics.insert(
            "prototype_spread".into(),
            Some(if collapsed { 4e-5 } else { 0.15 }),
        );
        let mut record = Record {
            schema: SCHEMA,
            key: identity.key(),
            variant,
            outcome: Outcome::Completed,
            metrics,
            curves: Curves::default(),
            weights_sha256: None,
            parts: Vec::new(),
            claims: self.published.fingerprints("desom-gamma"),
            provenance: Provenance {
                program: "0".into(),
                libtorch: "0".into(),
                device: "cpu".into(),
                device_name: "none".into(),
                matrix_kernels: "none".into(),
                products: Products::Float32,
                threads: 1,
                cohort: 1,
                host: "none".into(),
                system: "none".into(),
                started: "2026-01-01T00:00:00Z".into(),
                finished: "2026-01-01T00:01:00Z".into(),
                training_seconds: 100.0,
                evaluation_seconds: 20.0,
                resumed: 0,
                earlier: Vec::new(),
                evaluated: None,
            },
            identity,
        };
        change(&mut record);
        self.store.write_record(&record).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }
}

/// [`Made::whole`] with nothing moved, made once: for tests that change nothing.
pub fn whole() -> &'static Made {
    static WHOLE: OnceLock<Made> = OnceLock::new();
    WHOLE.get_or_init(|| {
        // Statics are never dropped: this folder stays, within the target folder.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let made = Made::at(folder, None);
        made.fill(0.0);
        made
    })
}
