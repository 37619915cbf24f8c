//! The scripts that `sbatch` is given.

use std::path::Path;

use super::Options;
use crate::launch::{Error, Job, Launch};
use crate::words;

/// The script of an array: its tasks are workers. The worker takes the shell's place, so that Slurm's
/// signals reach it.
pub(super) fn array(launch: &Launch, options: &Options, job: &Job) -> Result<String, Error> {
    let limit = options
        .array_limit
        .map_or(String::new(), |limit| format!("%{limit}"));
    let mut directives = vec![
        format!("--job-name={}", launch.name()),
        format!("--array=0-{}{limit}", job.tasks - 1),
        format!("--output={}/%A_%a.log", pattern(&launch.logs())),
        "--open-mode=append".to_owned(),
        "--ntasks=1".to_owned(),
        "--requeue".to_owned(),
        format!("--signal=B:USR1@{}", options.save_before),
    ];
    let asked = [
        ("partition", options.partition.clone()),
        ("gres", options.gres.clone()),
        ("time", options.time.clone()),
        ("cpus-per-task", options.cpus.map(|cpus| cpus.to_string())),
        ("mem", options.mem.clone()),
    ];
    directives.extend(given(&asked));
    let index = match job.first {
        0 => "\"$SLURM_ARRAY_TASK_ID\"".to_owned(),
        first => format!("\"$((SLURM_ARRAY_TASK_ID + {first}))\""),
    };
    let worker = format!(
        "exec {} worker --requeues {} {} {index}",
        quoted(&launch.record.program),
        options.requeues,
        quoted(&launch.plan())
    );
    script(&directives, options, &worker)
}

/// The script of the job that comes last: it computes nothing, so it asks for no GPU and little time.
pub(super) fn collect(launch: &Launch, options: &Options) -> Result<String, Error> {
    let mut directives = vec![
        format!("--job-name={}-collect", launch.name()),
        format!("--output={}/collect.log", pattern(&launch.logs())),
        "--open-mode=append".to_owned(),
        "--ntasks=1".to_owned(),
    ];
    let asked = [
        ("partition", options.partition.clone()),
        ("mem", options.mem.clone()),
    ];
    directives.extend(given(&asked));
    let worker = format!(
        "exec {} collect {}",
        quoted(&launch.record.program),
        quoted(&launch.folder)
    );
    script(&directives, options, &worker)
}

fn given(asked: &[(&str, Option<String>)]) -> Vec<String> {
    let given = asked.iter();
    let given = given.filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)));
    given.collect()
}

fn script(directives: &[String], options: &Options, worker: &str) -> Result<String, Error> {
    let mut text = "#!/bin/bash\n".to_owned();
    let further = options.further.iter().map(|option| {
        let option = option.trim_start_matches('-');
        format!("--{option}")
    });
    for directive in directives.iter().cloned().chain(further) {
        text += &format!("#SBATCH {}\n", argument(&directive)?);
    }
    text += "set -e\n";
    for line in &options.setup {
        text += line;
        text.push('\n');
    }
    text += worker;
    text.push('\n');
    Ok(text)
}

/// An option as `sbatch` reads it from a script: quoted where it has to be.
fn argument(option: &str) -> Result<String, Error> {
    let is_plain = |each: char| each.is_ascii_alphanumeric() || "-_=:,.%@/+*[]()&|".contains(each);
    if option.chars().all(is_plain) {
        return Ok(option.to_owned());
    }
    if option.contains(['"', '\\']) || option.contains(char::is_control) {
        return Err(Error::Answer(format!(
            "{option:?} cannot stand in a script of sbatch: it has a quotation mark, a backslash or a line break"
        )));
    }
    Ok(format!("\"{option}\""))
}

/// A path in which nothing is a pattern of Slurm's.
fn pattern(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// A path as one word of the shell.
fn quoted(path: &Path) -> String {
    words::shell(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn launch(folder: &str) -> Launch {
        let request = json!({
            "replication": "desom-gamma", "profile": "smoke", "seeds": null, "settings": {},
            "precision": "exact", "device": "auto", "threads": null, "workers": null,
            "store": "/store", "data_dir": "/data", "mirror": null, "offline": false,
        });
        let record = json!({
            "schema": 1, "created": "", "program": "/bin/replicate", "request": request, "tasks": 3,
            "runs": 3, "jobs": [], "collect": null,
            "launcher": {"kind": "local", "jobs": 1, "threads": 1},
        });
        Launch {
            folder: folder.into(),
            record: serde_json::from_value(record).unwrap(),
        }
    }

    fn job(first: usize) -> Job {
        Job {
            id: String::new(),
            first,
            tasks: 3,
        }
    }

    #[test]
    fn the_script_says_what_was_asked_for() {
        let options = Options {
            partition: Some("gpu".into()),
            gres: Some("gpu:1".into()),
            time: Some("2-00:00:00".into()),
            cpus: Some(4),
            mem: Some("8G".into()),
            array_limit: Some(2),
            further: vec!["account=deep learning".into()],
            setup: vec!["module load cuda".into()],
            save_before: 120,
            requeues: 7,
        };
        let text = array(&launch("/store/launches/a-1"), &options, &job(1001)).unwrap();
        let expected = "\
#!/bin/bash
#SBATCH --job-name=a-1
#SBATCH --array=0-2%2
#SBATCH --output=/store/launches/a-1/logs/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1
#SBATCH --time=2-00:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH \"--account=deep learning\"
set -e
module load cuda
exec /bin/replicate worker --requeues 7 /store/launches/a-1/plan.jsonl \"$((SLURM_ARRAY_TASK_ID + 1001))\"
";
        assert_eq!(text, expected);
        let text = collect(&launch("/store/launches/a-1"), &options).unwrap();
        assert!(!text.contains("gpu:1") && !text.contains("2-00"), "{text}");
        assert!(text.ends_with("exec /bin/replicate collect /store/launches/a-1\n"));
    }

    #[test]
    fn odd_paths_are_quoted_and_impossible_options_refused() {
        let text = array(&launch("/a b/100%/it's"), &Options::default(), &job(0)).unwrap();
        assert!(text.contains("\"--output=/a b/100%%/it's/logs/%A_%a.log\""));
        assert!(text.contains(r"'/a b/100%/it'\''s/plan.jsonl'"), "{text}");
        for wrong in ["gpu\n#SBATCH --x", "a\"b", "a\\b"] {
            let options = Options {
                partition: Some(wrong.into()),
                ..Options::default()
            };
            let error = array(&launch("/a"), &options, &job(0)).unwrap_err();
            assert!(error.to_string().contains("cannot stand"), "{error}");
        }
    }
}
