//! `replicate list` and `replicate show`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::print_json;
use crate::catalogue::{self, REPLICATIONS};
use crate::replication::{Changes, Profile, Replication};
use crate::{Error, data};

/// Arguments of `replicate list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `replicate show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The replication's name, see `replicate list`
    replication: String,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Prints all replications.
///
/// # Errors
/// If a paper's file is wrong or the output cannot be written.
pub fn list(args: &ListArgs) -> Result<(), Error> {
    if args.json {
        let mut all = Vec::new();
        for replication in REPLICATIONS {
            let paper = replication.published()?.paper;
            all.push(json!({
                "id": replication.id(),
                "summary": replication.summary(),
                "paper": {"id": paper.id, "title": paper.title, "year": paper.year},
            }));
        }
        return print_json(&all);
    }
    let mut out = std::io::stdout().lock();
    for replication in REPLICATIONS {
        let paper = replication.published()?.paper;
        writeln!(out, "{}\n    {}", replication.id(), replication.summary())?;
        writeln!(out, "    {} ({})", paper.title, paper.year)?;
    }
    writeln!(
        out,
        "\nreplicate show NAME explains one, replicate NAME --profile quick runs it."
    )?;
    Ok(())
}

/// Explains one replication.
///
/// # Errors
/// If there is none of that name.
pub fn show(args: &ShowArgs) -> Result<(), Error> {
    let replication = catalogue::find(&args.replication).ok_or_else(|| {
        let known: Vec<&str> = REPLICATIONS.iter().map(|known| known.id()).collect();
        Error::Usage(format!(
            "there is no replication {:?}; there are: {}",
            args.replication,
            known.join(", ")
        ))
    })?;
    if args.json {
        return show_json(replication);
    }
    let published = replication.published()?;
    let paper = &published.paper;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: {}\n", replication.id(), replication.summary())?;
    writeln!(out, "{}", paper.title)?;
    writeln!(
        out,
        "{}. {}, {}.",
        paper.authors.join(", "),
        paper.venue,
        paper.year
    )?;
    writeln!(out, "{}\n", paper.url)?;
    writeln!(out, "{}", replication.description())?;
    writeln!(out, "Profiles:")?;
    for profile in Profile::ALL {
        let protocol = replication.protocol(profile, &Changes::default())?;
        let title = &data::catalogue()?.entry(protocol.data)?.title;
        writeln!(
            out,
            "    {:6} {} variants x {} seeds on {title}",
            profile.name(),
            protocol.variants.len(),
            protocol.seeds
        )?;
    }
    writeln!(out, "\nSettings:")?;
    for setting in replication.settings() {
        let option = format!("--{} {}", setting.name, setting.placeholder);
        writeln!(out, "    {option:26} {}", super::options::help(setting))?;
    }
    let numbers = published.values.iter();
    let numbers = numbers.filter(|value| value.replication == replication.id());
    writeln!(out, "\nPublished (standard deviations with divisor n):")?;
    for value in numbers {
        let sd = value
            .sd
            .map_or(String::new(), |sd| format!(" \u{b1} {sd:.3}"));
        let n = value.n.map_or(String::new(), |n| format!(", {n} runs"));
        let (variant, metric) = (&value.variant, &value.metric);
        writeln!(
            out,
            "    {variant:16} {metric:20} {:.3}{sd}  ({}{n})",
            value.mean, value.source
        )?;
    }
    Ok(())
}

fn show_json(replication: &dyn Replication) -> Result<(), Error> {
    let published = replication.published()?;
    let values = published.values.iter();
    let values = values.filter(|value| value.replication == replication.id());
    let values = values.map(|value| {
        json!({
            "variant": value.variant, "metric": value.metric, "mean": value.mean,
            "sd": value.sd, "n": value.n, "source": value.source,
        })
    });
    let mut profiles = serde_json::Map::new();
    for profile in Profile::ALL {
        let protocol = replication.protocol(profile, &Changes::default())?;
        let variants: Vec<_> = protocol.variants.iter().map(|variant| {
            json!({"id": variant.id, "method": variant.method.id(), "settings": variant.settings})
        }).collect();
        profiles.insert(
            profile.name().to_owned(),
            json!({"data": protocol.data, "seeds": protocol.seeds, "variants": variants}),
        );
    }
    print_json(&json!({
        "id": replication.id(),
        "summary": replication.summary(),
        "description": replication.description(),
        "paper": {
            "id": published.paper.id, "title": published.paper.title,
            "authors": published.paper.authors, "venue": published.paper.venue,
            "year": published.paper.year, "url": published.paper.url,
        },
        "profiles": profiles,
        "published": values.collect::<Vec<_>>(),
    }))
}
