//! A launch: the folder of what was handed to a launcher at one time.
//!
//! ```text
//! <store>/launches/<replication>-<profile>-<number>/
//!     plan.jsonl    what is to be done, one task a line: see `plan_file`
//!     launch.json   how, and the jobs that came of it
//!     *.sh          what a scheduler was given
//!     logs/         what the workers said
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan_file::{self, Member, PlannedTask, Request};
use super::{Error, Kind};
use crate::files::{self, write_whole};

const RECORD: &str = "launch.json";
const SCHEMA: u32 = 1;

/// Consecutive tasks that the launcher knows by one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The launcher's name for it, e.g. a Slurm job's number.
    pub id: String,
    /// The number of its first task.
    pub first: usize,
    /// How many it has.
    pub tasks: usize,
}

/// How a plan is carried out: `launch.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaunchRecord {
    /// Version of this format.
    pub schema: u32,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The program that workers run.
    pub program: PathBuf,
    /// The launcher, with its options.
    pub launcher: Kind,
    /// What was asked for.
    pub request: Request,
    /// Tasks of the plan.
    pub tasks: usize,
    /// Runs of the plan.
    pub runs: usize,
    /// What was handed over.
    pub jobs: Vec<Job>,
    /// The job that collects.
    pub collect: Option<String>,
    /// Data sets that no source had, and why: their runs are not in the plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<String, String>,
}

impl LaunchRecord {
    /// A record of something that is about to be handed over.
    ///
    /// # Errors
    /// If the system does not say which program this is.
    pub fn new(launcher: Kind, request: Request, tasks: &[Vec<Member>]) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::io("find", "the program itself"))?;
        Ok(Self {
            schema: SCHEMA,
            created: jiff::Timestamp::now().to_string(),
            program,
            launcher,
            request,
            tasks: tasks.len(),
            runs: tasks.iter().map(Vec::len).sum(),
            jobs: Vec::new(),
            collect: None,
            absent: BTreeMap::new(),
        })
    }
}

/// A launch and its folder.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The folder, an absolute path.
    pub folder: PathBuf,
    /// What `launch.json` says, or will say.
    pub record: LaunchRecord,
}

impl Launch {
    /// The launch that [`Launch::create`] would make now.
    #[must_use]
    pub fn imagined(record: LaunchRecord) -> Self {
        let mut number = 1;
        while folder(&record.request, number).exists() {
            number += 1;
        }
        Self {
            folder: folder(&record.request, number),
            record,
        }
    }

    /// Makes a folder of its own and writes the plan into it.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn create(record: LaunchRecord, tasks: Vec<Vec<Member>>) -> Result<Self, Error> {
        let launches = root(&record.request.store);
        files::create_folder(&launches).map_err(Error::io("create", &launches))?;
        let mut this = Self::imagined(record);
        // Of several processes one only makes a folder.
        while let Err(error) = fs::create_dir(&this.folder) {
            if error.kind() != ErrorKind::AlreadyExists {
                return Err(Error::io("create", &this.folder)(error));
            }
            this = Self::imagined(this.record);
        }
        let logs = this.logs();
        files::create_folder(&logs).map_err(Error::io("create", &logs))?;
        plan_file::write(&this.plan(), &this.record.request, tasks)?;
        this.save()?;
        Ok(this)
    }

    /// The launch of that name in a store, or in that folder. Its own store is the one that it lies in.
    ///
    /// # Errors
    /// If there is none, or its record is damaged.
    pub fn open(what: &Path, store: &Path) -> Result<Self, Error> {
        let named = root(store).join(what);
        // Not a path that leads out of the folder of launches.
        let is_name = what.components().count() == 1 && named.join(RECORD).is_file();
        let folder = if is_name { named.as_path() } else { what };
        if !folder.join(RECORD).is_file() {
            return Err(Error::Unknown {
                name: what.display().to_string(),
                known: names(store)?,
            });
        }
        let folder = fs::canonicalize(folder).map_err(Error::io("find", folder))?;
        let path = folder.join(RECORD);
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        let mut record: LaunchRecord =
            serde_json::from_slice(&text).map_err(|error| Error::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        if record.schema != SCHEMA {
            return Err(Error::Damaged {
                path,
                reason: format!(
                    "it has format {}, this program reads {SCHEMA}",
                    record.schema
                ),
            });
        }
        record.request.store = plan_file::store_of(&folder, &record.request.store);
        Ok(Self { folder, record })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Its plan's file.
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.folder.join("plan.jsonl")
    }

    /// The folder of what workers say.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Its plan, read.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn tasks(&self) -> Result<Vec<PlannedTask>, Error> {
        let tasks = plan_file::read(&self.plan())?;
        if tasks.len() == self.record.tasks {
            return Ok(tasks);
        }
        Err(Error::Damaged {
            path: self.plan(),
            reason: format!("it has {} of {} tasks", tasks.len(), self.record.tasks),
        })
    }

    /// Writes its record.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self) -> Result<(), Error> {
        let path = self.folder.join(RECORD);
        let text = serde_json::to_vec_pretty(&self.record);
        let text = text.map_err(|error| Error::io("write", &path)(error.into()))?;
        write_whole(&path, &text).map_err(Error::io("write", &path))
    }
}

fn root(store: &Path) -> PathBuf {
    store.join(plan_file::LAUNCHES)
}

fn folder(request: &Request, number: u32) -> PathBuf {
    let name = format!(
        "{}-{}-{number}",
        request.replication,
        request.profile.name()
    );
    root(&request.store).join(name)
}

/// The names of a store's launches, the oldest of a replication first.
///
/// # Errors
/// If the folder cannot be read.
pub fn names(store: &Path) -> Result<Vec<String>, Error> {
    let folder = root(store);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder)(error)),
    };
    let launches = entries
        .flatten()
        .filter(|entry| entry.path().join(RECORD).is_file());
    let mut names: Vec<String> = launches
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    // Numbers of fewer digits come first.
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    Ok(names)
}
