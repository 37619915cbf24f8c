//! `replicate rerun`: does a stored run come out again, bit for bit?

use std::any::Any;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use tch::Device;

use super::out::stdout;
use super::rerun_report::{Circumstance, compare};
use super::run::{quiet_panics_of_workers, say};
use super::session::training_data;
use super::{print_json, run_progress, words};
use crate::catalogue::REPLICATIONS;
use crate::data::{self, Access};
use crate::device::{self, Choice};
use crate::launch::{Task, WORKER};
use crate::replication::{Changes, Profile};
use crate::runs::record::Maker;
use crate::runs::{PlannedRun, Reason, Record, Store, audit};
use crate::train::{
    self, Context, Event, Finished, InMemory, Member, Method, Observer, TrainingData,
};
use crate::{Error, runs};

/// Arguments of `replicate rerun`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RerunArgs {
    /// First digits of the run's key, which is its folder's name; or the path of a record
    #[arg(value_name = "RUN")]
    run: String,
    /// Where to train: auto, cpu, cuda or cuda:N [default: as recorded]
    #[arg(long, value_name = "DEVICE")]
    device: Option<Choice>,
    /// CPU threads to use [default: as recorded, or as many as there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
Everything comes from the record: method, settings, seed, precision, and the data set, whose bytes \
must be those recorded. The run is done alone and in memory; the store is left as it is. What the \
run began with and others share, such as a pretrained autoencoder, is trained anew too. \
`replicate plan NAME` and runs.csv list the keys.

The same bits are expected from the same program, libtorch, kind of processor and matrix kernels \
(MKL_CBWR), whatever the number of threads. Where results differ, what differs in how they were made \
is shown beside them.

Exit codes: 0 identical bits, 10 something differs, 20 the record is damaged.";

/// Does a run again and compares it with its record.
///
/// # Errors
/// If the record cannot be found, read, or re-executed by this program; if the run fails; or, after
/// it was shown, if it differs.
pub fn run(args: &RerunArgs, store: &Path, access: &Access) -> Result<(), Error> {
    let path = find(&args.run, &Store::new(store))?;
    let record = audit::read(&path)?;
    let method = method_of(&record)?;
    let device = match args.device {
        Some(choice) => choice,
        None => recorded_device(&record)?,
    };
    let device = device.resolve()?;
    let recorded = record
        .provenance
        .threads
        .clamp(1, device::available_threads());
    let threads = args.threads.map_or(recorded, usize::from);
    let data = training_data(&record.identity.data, device, access)?;

    let provenance = &record.provenance;
    let parts = record.parts.iter().map(|part| part.training_seconds);
    let seconds = provenance.training_seconds + provenance.evaluation_seconds + parts.sum::<f64>();
    let estimate = Duration::try_from_secs_f64(seconds).ok();
    let task = Task {
        run: PlannedRun {
            key: record.key.clone(),
            variant: record.variant.clone(),
            identity: record.identity.clone(),
            reason: Reason::New,
            estimate: estimate.map(Into::into),
        },
        method,
        claims: Arc::new(record.claims.clone()),
    };
    say(&format!(
        "{} (run {}), made on {} in {}: doing it again",
        task.name(),
        record.key,
        provenance.host,
        estimate.map_or("unknown time".to_owned(), words::duration)
    ));
    let finished = again(&task, data, device, threads)?;
    let now = circumstances(&record, device, threads);
    let rerun = compare(&record, &finished, now)?;
    if args.json {
        print_json(&rerun)?;
    } else {
        write!(stdout(), "{rerun}")?;
    }
    if rerun.identical {
        return Ok(());
    }
    Err(Error::Differs(format!(
        "the run {} does not give the bits of its record",
        record.key
    )))
}

/// The record that the user means.
pub(super) fn find(text: &str, store: &Store) -> Result<PathBuf, Error> {
    let folder = store.root().join("runs");
    let mut found = Vec::new();
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) && !text.is_empty() {
        let wanted = text.to_ascii_lowercase();
        for name in names(&folder)? {
            // A whole key is longer than a folder's name.
            if name.starts_with(&wanted) || (name.len() == 16 && wanted.starts_with(&name)) {
                found.push(name);
            }
        }
    }
    found.sort();
    let path = match &found[..] {
        [] => PathBuf::from(text),
        [one] => folder.join(one),
        [first, second, ..] => {
            return Err(Error::Usage(format!(
                "{} runs begin with {text}, e.g. {first} and {second}: give more digits",
                found.len()
            )));
        }
    };
    let record = if path.is_dir() {
        path.join("record.json")
    } else {
        path.clone()
    };
    if record.is_file() {
        return Ok(record);
    }
    Err(Error::Usage(if path.is_dir() {
        format!(
            "{} has no record: the run is not complete. Start its replication again to go on with it.",
            path.display()
        )
    } else {
        format!(
            "there is no run {text} in {}, nor a file of that name: replicate plan NAME lists the \
             keys, --store names another store",
            store.root().display()
        )
    }))
}

fn names(folder: &Path) -> Result<Vec<String>, runs::Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(runs::Error::io("list", folder)(error)),
    };
    let names = entries.flatten();
    Ok(names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

/// The method of a record, if this program's is the one that made it and has the same data.
fn method_of(record: &Record) -> Result<&'static dyn Method, Error> {
    let identity = &record.identity;
    let program = &record.provenance.program;
    let mut known = Vec::new();
    for replication in REPLICATIONS {
        for profile in Profile::ALL {
            let protocol = replication.protocol(profile, &Changes::default())?;
            known.extend(protocol.variants.into_iter().map(|variant| variant.method));
        }
    }
    let Some(method) = known.iter().find(|method| method.id() == identity.method) else {
        let mut ids: Vec<&str> = known.iter().map(|method| method.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        return Err(Error::Usage(format!(
            "the record is of the method {}, which this program does not know (it has {}): use \
             replicate {program}, which made it",
            identity.method,
            ids.join(", ")
        )));
    };
    if method.version() != identity.algorithm {
        return Err(Error::Usage(format!(
            "the record was made with version {} of {}, this program has version {}, which gives other \
             results: use replicate {program}, which made it",
            identity.algorithm,
            identity.method,
            method.version()
        )));
    }
    let here = data::dataset_sha256(&identity.data)?;
    if here != identity.data_sha256 {
        return Err(Error::Damaged(format!(
            "the record was made from other bytes of the data set {}: it says SHA-256 {}, this program \
             has {here}. Use replicate {program}, which made it.",
            identity.data, identity.data_sha256
        )));
    }
    Ok(*method)
}

fn recorded_device(record: &Record) -> Result<Choice, Error> {
    let name = &record.provenance.device;
    name.parse().map_err(|_| {
        Error::Usage(format!(
            "the record was made on {name}, which this program does not know: choose with --device"
        ))
    })
}

/// Carries out one run as a sweep does, but keeps nothing of it on disk.
fn again(
    task: &Task,
    data: TrainingData,
    device: Device,
    threads: usize,
) -> Result<Finished, Error> {
    quiet_panics_of_workers();
    let observer = run_progress::observer(std::slice::from_ref(task));
    observer.notify(&Event::Started {
        worker: 0,
        names: &[task.name()],
        estimate: task.run.time(),
    });
    let told = observer.as_ref();
    let work = move || train_alone(task, &data, device, threads, told);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(WORKER.to_owned());
        let thread = thread
            .spawn_scoped(scope, work)
            .map_err(crate::launch::Error::Thread)?;
        let panicked = |panic: Box<dyn Any + Send>| Err(train::Error::of_panic(&*panic));
        Ok(thread.join().unwrap_or_else(panicked)?)
    })
}

fn train_alone(
    task: &Task,
    data: &TrainingData,
    device: Device,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Finished, train::Error> {
    tch::set_num_threads(threads.try_into().unwrap_or(1));
    let _no_graph = tch::no_grad_guard();
    let member = Member {
        settings: task.run.identity.settings.clone(),
        seed: task.run.identity.seed,
        checkpoint: PathBuf::new(),
    };
    // A signal ends the program as signals do: there is nothing to save.
    let interrupted = AtomicBool::new(false);
    let context = Context {
        data,
        device,
        precision: task.run.identity.precision,
        interrupted: &interrupted,
        checkpoint_interval: Duration::MAX,
        observer,
        parts: &InMemory::default(),
        worker: 0,
    };
    let runs = task.method.run(&[member], &context)?;
    let run = runs.into_iter().flatten().next();
    run.unwrap_or_else(|| Err(train::Error::Panicked("the method gave no run".to_owned())))
}

/// What a run's bits may depend on beside its settings: as recorded, and here.
fn circumstances(record: &Record, device: Device, threads: usize) -> Vec<Circumstance> {
    let was = &record.provenance;
    let list = [
        (
            "program",
            was.program.clone(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
        (
            "libtorch",
            was.libtorch.clone(),
            env!("REPLICATE_LIBTORCH_VERSION").to_owned(),
        ),
        ("device", was.device.clone(), device::name(device)),
        (
            "processor",
            was.device_name.clone(),
            device::hardware(device),
        ),
        (
            "matrix kernels",
            was.matrix_kernels.clone(),
            device::matrix_kernels(),
        ),
        (
            "products",
            was.products.name().to_owned(),
            record.identity.precision.products(device).name().to_owned(),
        ),
        ("threads", was.threads.to_string(), threads.to_string()),
        (
            "runs trained together",
            was.cohort.to_string(),
            "1".to_owned(),
        ),
        (
            "system",
            was.system.clone(),
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        ("host", was.host.clone(), device::host()),
    ];
    // An attempt that another machine or program made is one that this one does not repeat.
    let earlier = was.earlier.iter().map(|maker| {
        let now = Maker::here(device);
        ("earlier attempt", maker.to_string(), now.to_string())
    });
    list.into_iter()
        .chain(earlier)
        .map(|(name, recorded, now)| Circumstance {
            name,
            recorded,
            now,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn runs_are_found_by_the_first_digits_or_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let runs = folder.path().join("runs");
        for name in ["0123456789abcdef", "01ff456789abcdef", "ab00000000000000"] {
            fs::create_dir_all(runs.join(name)).unwrap();
        }
        let record = runs.join("0123456789abcdef/record.json");
        fs::write(&record, "").unwrap();
        let whole_key = format!("0123456789abcdef{}", "0".repeat(48));
        let folder_name = runs.join("0123456789abcdef");
        for text in ["012", "0123456789ABCDEF", &whole_key] {
            assert_eq!(find(text, &store).unwrap(), record, "{text}");
        }
        for path in [&record, &folder_name] {
            assert_eq!(find(path.to_str().unwrap(), &store).unwrap(), record);
        }
        for (text, expected) in [
            ("01", "give more digits"),
            ("ab", "not complete"),
            ("ff", "replicate plan"),
            ("", "replicate plan"),
            ("no/such/record.json", "nor a file"),
        ] {
            let error = find(text, &store).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
