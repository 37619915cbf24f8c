//! `plan.jsonl`: what is to be done, one task a line, each with all that a worker has to know.
//!
//! A line is independent of the others and of any other file, so that every engine that can start
//! `replicate worker PLAN INDEX` can carry out a plan.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::local::alike;
use super::{Error, Task};
use crate::files::write_whole;
use crate::nn::Precision;
use crate::random::Seed;
use crate::replication::{Changes, Profile};
use crate::runs::Key;

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// What is asked of a replication: the command line's options, settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The replication's id.
    pub replication: String,
    /// How much of its protocol.
    pub profile: Profile,
    /// The seeds of the whole as the user wrote them; the profile's own if `None`.
    pub seeds: Option<String>,
    /// The chosen variants as the user wrote them; all if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<String>,
    /// What the user has changed, by name.
    pub settings: Changes,
    /// Accuracy of the products of training.
    pub precision: Precision,
    /// Where to train, as the user wrote it, e.g. `auto`: settled where the work is done.
    pub device: String,
    /// CPU threads of a task; those that it is given if `None`.
    pub threads: Option<u16>,
    /// Runs of a task at the same time on a CPU; as many as threads if `None`.
    pub workers: Option<u16>,
    /// The store, an absolute path.
    pub store: PathBuf,
    /// The data cache, an absolute path.
    pub data_dir: PathBuf,
    /// A mirror of the data sets.
    pub mirror: Option<String>,
    /// Whether data may come from the cache and a local mirror only.
    pub offline: bool,
}

/// A run of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its key: a program that makes another one of variant and seed is of another version.
    pub key: Key,
    /// Its variant's id.
    pub variant: String,
    /// Its seed.
    pub seed: Seed,
}

/// A line of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Version of this format.
    pub schema: u32,
    /// The line's number, from 0.
    pub task: usize,
    /// Its runs, on one data set.
    pub runs: Vec<Member>,
    /// How they are to be done.
    #[serde(flatten)]
    pub request: Request,
}

/// Divides runs into tasks of at most `most` runs that could train as one cohort; a task has all of
/// these if there is no bound. The order is that in which the runs are given.
#[must_use]
pub fn divide(tasks: &[Task], most: Option<usize>) -> Vec<Vec<Member>> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<_, Vec<Member>> = BTreeMap::new();
    for task in tasks {
        let group = alike(task);
        if !groups.contains_key(&group) {
            order.push(group.clone());
        }
        groups.entry(group).or_default().push(Member {
            key: task.run.key.clone(),
            variant: task.run.variant.clone(),
            seed: task.run.identity.seed,
        });
    }
    let most = most.unwrap_or(usize::MAX).max(1);
    let members = order.iter().filter_map(|group| groups.get(group));
    members
        .flat_map(|members| members.chunks(most).map(<[Member]>::to_vec))
        .collect()
}

/// Writes a plan, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn write(path: &Path, request: &Request, tasks: Vec<Vec<Member>>) -> Result<(), Error> {
    let mut text = Vec::new();
    for (task, runs) in tasks.into_iter().enumerate() {
        let line = PlannedTask {
            schema: SCHEMA,
            task,
            runs,
            request: request.clone(),
        };
        let written = serde_json::to_writer(&mut text, &line);
        written.map_err(|error| Error::io("write", path)(error.into()))?;
        text.push(b'\n');
    }
    write_whole(path, &text).map_err(Error::io("write", path))
}

/// The folder of launches in a store.
pub(super) const LAUNCHES: &str = "launches";

/// The store that a launch's folder lies in, which may have been moved or copied since `noted` was noted;
/// `noted` where the folder lies in none.
pub(super) fn store_of(folder: &Path, noted: &Path) -> PathBuf {
    let launches = folder
        .parent()
        .filter(|parent| parent.file_name() == Some(LAUNCHES.as_ref()));
    let Some(found) = launches.and_then(Path::parent) else {
        return noted.to_owned();
    };
    // The same place keeps the name it was given: on other machines links may lead elsewhere.
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_noted = real(noted).is_some_and(|noted| Some(noted) == real(found));
    if is_noted { noted } else { found }.to_owned()
}

/// The task of that number, from 0. Its store is the one that the plan lies in.
///
/// # Errors
/// If there is no such plan or task, or its line is damaged.
pub fn read_task(path: &Path, index: usize) -> Result<PlannedTask, Error> {
    let mut tasks = 0;
    for line in lines(path)? {
        let line = line?;
        if tasks == index {
            return parse(path, index, &line).map(|task| where_it_lies(path, task));
        }
        tasks += 1;
    }
    Err(Error::NoTask {
        path: path.to_owned(),
        index,
        tasks,
    })
}

/// All tasks of a plan. Their store is the one that it lies in.
///
/// # Errors
/// If it cannot be read or a line is damaged.
pub fn read(path: &Path) -> Result<Vec<PlannedTask>, Error> {
    let lines = lines(path)?.enumerate();
    lines
        .map(|(index, line)| Ok(where_it_lies(path, parse(path, index, &line?)?)))
        .collect()
}

fn where_it_lies(plan: &Path, mut task: PlannedTask) -> PlannedTask {
    if let Some(folder) = fs::canonicalize(plan)
        .ok()
        .as_deref()
        .and_then(Path::parent)
    {
        task.request.store = store_of(folder, &task.request.store);
    }
    task
}

fn lines(path: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, Error>> + use<>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let path = path.to_owned();
    let lines = BufReader::new(file).split(b'\n');
    Ok(lines.map(move |line| {
        line.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => damaged(&path, error.to_string()),
            _ => Error::io("read", &path)(error),
        })
    }))
}

fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        reason,
    }
}

/// The one field that every version of the format has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

fn parse(path: &Path, index: usize, line: &[u8]) -> Result<PlannedTask, Error> {
    let number = index + 1;
    let wrong = |reason: String| damaged(path, format!("line {number}: {reason}"));
    let unreadable = |error: serde_json::Error| wrong(error.to_string());
    let version: Version = serde_json::from_slice(line).map_err(unreadable)?;
    if version.schema != SCHEMA {
        return Err(wrong(format!(
            "it has format {}, this program reads {SCHEMA}",
            version.schema
        )));
    }
    let task: PlannedTask = serde_json::from_slice(line).map_err(unreadable)?;
    if task.task != index {
        return Err(wrong(format!(
            "it is that of task {}, so lines are missing or were moved",
            task.task
        )));
    }
    if task.runs.is_empty() {
        return Err(wrong("it has no runs".to_owned()));
    }
    Ok(task)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn request() -> Request {
        let settings = [("gammas".to_owned(), "0.001".to_owned())];
        Request {
            replication: "desom-gamma".into(),
            profile: Profile::Smoke,
            seeds: Some("2".into()),
            variants: None,
            settings: settings.into_iter().collect(),
            precision: Precision::Exact,
            device: "cpu".into(),
            threads: None,
            workers: Some(1),
            store: "/a store".into(),
            data_dir: "/data".into(),
            mirror: None,
            offline: true,
        }
    }

    fn plan(tasks: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.jsonl");
        let member = |seed| Member {
            key: serde_json::from_value("ab".into()).unwrap(),
            variant: "gamma=0.001".into(),
            seed: Seed(seed),
        };
        let tasks = (0..tasks).map(|task| vec![member(task)]).collect();
        write(&path, &request(), tasks).unwrap();
        (folder, path)
    }

    #[test]
    fn a_line_is_all_that_a_worker_needs() {
        let (_folder, path) = plan(3);
        let task = read_task(&path, 2).unwrap();
        assert_eq!((task.task, task.runs[0].seed), (2, Seed(2)));
        assert_eq!(task.request, request());
        assert_eq!(read(&path).unwrap().len(), 3);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn what_is_no_task_is_named() {
        let (_folder, path) = plan(3);
        let refused = |index| read_task(&path, index).unwrap_err().to_string();
        assert!(refused(3).contains("no task 3: its tasks are 0 to 2"));
        let whole = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        // Torn, moved, of another version, no JSON, no runs.
        for (text, expected) in [
            (whole[..whole.len() - 40].to_owned(), "line 3: "),
            (
                format!("{}\n{}\n{}\n", lines[0], lines[1], lines[0]),
                "task 0",
            ),
            (whole.replace("\"schema\":1", "\"schema\":9"), "format 9"),
            ("\n\n\u{0}\n".to_owned(), "line 3: "),
            (
                whole.replace("\"task\":2,\"runs\":[", "\"task\":2,\"runs\":[],\"x\":["),
                "no runs",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let message = refused(2);
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("submit again"), "{message}");
        }
        fs::write(&path, "").unwrap();
        assert!(refused(0).contains("it has none"));
    }
}
