//! `replicate train`: one model with free settings.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::out::stdout;
use super::run::say;
use super::train_options::TrainArgs;
use super::train_progress::TrainProgress;
use super::{data_progress, interrupt, print_json, words};
use crate::Error;
use crate::data::Access;
use crate::device;
use crate::random::Seed;
use crate::solo::{self, Prepared, Request, Summary};

/// Trains one model and says what came of it.
///
/// # Errors
/// If options and data do not go together, something cannot be read or written, or the training was
/// interrupted or diverged.
pub fn run(args: &TrainArgs, access: &Access) -> Result<(), Error> {
    if let Some(complaint) = args.device.complaint() {
        say(&format!("training on the CPU: {complaint}"));
    }
    let source = args.source.source(Some("mnist"))?;
    let progress = data_progress::on_stderr();
    let mut prepared = Prepared::load(&source, args.scale, access, progress.as_ref())?;
    if args.shuffles(&prepared) {
        prepared = prepared.shuffled(Seed(args.seed));
    }
    let request = args.request(&prepared)?;
    let threads = args
        .threads
        .map_or_else(device::available_threads, usize::from);
    tch::set_num_threads(threads as i32);
    introduce(&request, &prepared);
    let interrupted = interrupt::watch()?;
    let bar = TrainProgress::new();
    let trained = solo::train(&request, &prepared, &interrupted, &bar);
    drop(bar);
    let (summary, was_done) = trained?;
    if was_done {
        say("this training was done before: here is what came of it (--overwrite trains anew)");
    }
    for note in &summary.notes {
        say(note);
    }
    if args.json {
        return print_json(&json!({
            "folder": request.folder,
            "cached": was_done,
            "summary": summary,
        }));
    }
    let text = in_words(&summary, &request.folder);
    write!(stdout(), "{text}")?;
    Ok(())
}

/// What is going to be done, on standard error.
fn introduce(request: &Request, prepared: &Prepared) {
    let data = &prepared.data;
    let labels = data.labels.as_ref();
    let classes = labels.map_or("no labels".to_owned(), |labels| {
        format!("{} classes", labels.classes)
    });
    say(&format!(
        "{}: {} rows of {} values, {classes}; {}",
        prepared.id,
        data.rows(),
        data.dims(),
        prepared.scaling
    ));
    if prepared.shuffled {
        say(&format!(
            "rows are taken in an order drawn from the seed, {} (--order file leaves them as they come)",
            request.seed
        ));
    } else if prepared.is_sorted() {
        say(
            "the rows come class by class, and batches take them in that order: --order shuffled mixes them",
        );
    }
    let map = request.settings.map();
    say(&format!(
        "{}, map {}x{}, seed {}, into {}",
        request.settings.title(),
        map.rows,
        map.columns,
        request.seed,
        request.folder.display()
    ));
}

fn in_words(summary: &Summary, folder: &Path) -> String {
    let mut text = String::new();
    let shown = [
        ("reconstruction loss", "reconstruction_loss"),
        ("quantization error (codes)", "latent.quantization_error"),
        ("quantization error (data)", "map.quantization_error"),
        ("topographic error (codes)", "latent.topographic_error"),
        ("topographic error (data)", "map.topographic_error"),
        ("purity of units", "bmu.purity"),
        ("NMI of units (geometric)", "bmu.nmi_geometric"),
        ("accuracy of clusters", "clustered.accuracy"),
    ];
    let value = |name: &str| summary.metrics.get(name).copied().flatten();
    for (label, name) in shown {
        let Some(found) = value(name) else {
            continue;
        };
        let _ = write!(text, "{label:<28}{found:.4}");
        if let Some(other) = value(&format!("validation.{name}")) {
            let _ = write!(text, "   (kept out: {other:.4})");
        }
        text.push('\n');
    }
    let seconds = |seconds: f64| words::duration(Duration::from_secs_f64(seconds.max(0.0)));
    let _ = write!(text, "trained in {}", seconds(summary.training_seconds));
    if let Some(share) = summary.log_share {
        let _ = write!(text, ", {:.1} % of it for the log's metrics", 100.0 * share);
    }
    let _ = writeln!(
        text,
        "; evaluated in {}",
        seconds(summary.evaluation_seconds)
    );
    let _ = writeln!(text, "{}: {}", folder.display(), summary.files.join(", "));
    text
}
