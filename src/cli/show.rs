//! `replicate show`: a replication, one claim with its verdict, or what a paper says.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::verdicts::{self, Stored};
use super::{options, print_json, words};
use crate::Error;
use crate::catalogue::{self, REPLICATIONS};
use crate::claims::{self, Claim, Judgement, Published};
use crate::replication::{self, Changes, Profile, Replication};
use crate::runs::Store;
use crate::words::number;

/// Arguments of `replicate show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A replication (desom-gamma), a claim (gamma-best) or a paper (desom)
    #[arg(value_name = "NAME")]
    name: String,
    /// Take NAME as a paper's, where a replication bears it too
    #[arg(long)]
    paper: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Explains whatever bears the name.
///
/// # Errors
/// If nothing does, the store cannot be read, or the output cannot be written.
pub fn show(args: &ShowArgs, store: &Path) -> Result<(), Error> {
    let store = Store::new(store);
    let name = args.name.as_str();
    let papers = catalogue::papers()?;
    if args.paper {
        let found = papers.iter().find(|published| published.paper.id == name);
        let published = found.ok_or_else(|| unknown(name, &papers))?;
        return show_paper(published, &store, args.json);
    }
    if let Some(replication) = catalogue::find(name) {
        let found = verdicts::stored(replication, &store)?;
        if args.json {
            replication_json(replication, &found, &store)?;
        } else {
            show_replication(replication, &found, &store)?;
        }
        return found.complete();
    }
    for published in &papers {
        let (paper, claims) = (&published.paper.id, &published.claims);
        if let Some(claim) = claims.iter().find(|claim| *claim.id == name) {
            return show_claim(published, claim, &store, args.json);
        }
        if paper == name {
            return show_paper(published, &store, args.json);
        }
    }
    Err(unknown(name, &papers))
}

fn unknown(name: &str, papers: &[Published]) -> Error {
    let replications = REPLICATIONS.iter().map(|one| one.id());
    let claims = papers
        .iter()
        .flat_map(|paper| paper.claims.iter().map(|claim| claim.id.as_str()));
    let names = papers.iter().map(|paper| paper.paper.id.as_str());
    let alike = words::alike(name, replications.clone().chain(claims).chain(names));
    let hint = if alike.is_empty() {
        let known: Vec<&str> = replications.collect();
        format!(
            "replications are {}; replicate show {} lists the claims of one",
            known.join(", "),
            known.first().unwrap_or(&"NAME")
        )
    } else {
        format!("did you mean {}?", alike.join(", "))
    };
    Error::Usage(format!(
        "there is no replication, claim or paper {name:?}; {hint}"
    ))
}

fn show_replication(
    replication: &dyn Replication,
    found: &Stored,
    store: &Store,
) -> Result<(), Error> {
    let published = replication.published()?;
    let paper = &published.paper;
    let mut out = stdout();
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
        let title = protocol.data_title()?;
        writeln!(
            out,
            "    {:6} {} x {} on {title}",
            profile.name(),
            super::words::count(protocol.variants.len(), "variant"),
            super::words::count(protocol.seeds as usize, "seed")
        )?;
    }
    if !replication.settings().is_empty() {
        writeln!(out, "\nSettings:")?;
    }
    for setting in replication.settings() {
        let option = format!("--{} {}", setting.name, setting.placeholder);
        writeln!(out, "    {option:26} {}", options::help(setting))?;
    }
    let numbers = published.values.iter();
    let numbers: Vec<_> = numbers
        .filter(|value| value.replication == replication.id())
        .collect();
    let width = |name: fn(&claims::Value) -> &str| {
        let names = numbers.iter().map(|value| name(value).chars().count());
        names.max().unwrap_or(0)
    };
    let (first, second) = (width(|value| &value.variant), width(|value| &value.metric));
    if !numbers.is_empty() {
        writeln!(out, "\nPublished (standard deviations with divisor n - 1):")?;
    }
    for value in numbers {
        let sd = value.sample_sd().map_or(String::new(), spread);
        let n = value.n.map_or(String::new(), |n| format!(", {n} runs"));
        let (variant, metric) = (&value.variant, &value.metric);
        writeln!(
            out,
            "    {variant:first$}  {metric:second$}  {}{sd}  ({}{n})",
            number(value.mean),
            value.source
        )?;
    }
    let judgements = found.judge(replication, store)?;
    if judgements.is_empty() {
        writeln!(out, "\nThis experiment has no claims.")?;
        return Ok(());
    }
    write!(out, "\n{}", verdicts::listed(&judgements))?;
    writeln!(out, "replicate show CLAIM explains one.")?;
    Ok(())
}

fn replication_json(
    replication: &dyn Replication,
    found: &Stored,
    store: &Store,
) -> Result<(), Error> {
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
            json!({"id": variant.id, "method": variant.method.id(), "settings": variant.settings, "data": variant.data})
        }).collect();
        profiles.insert(
            profile.name().to_owned(),
            json!({"data": protocol.data_sets(), "seeds": protocol.seeds, "variants": variants}),
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
        "stored": found.coverage.stored,
        "verdicts": claims::json(&found.judge(replication, store)?),
    }))
}

/// All claims of a paper, judged where there is an experiment.
fn show_paper(published: &Published, store: &Store, as_json: bool) -> Result<(), Error> {
    let mut judgements: Vec<Judgement> = Vec::new();
    for replication in REPLICATIONS {
        if replication.published()?.paper.id == published.paper.id {
            let found = verdicts::stored(*replication, store)?;
            judgements.extend(found.judge(*replication, store)?);
        }
    }
    let judged = judgements.len();
    let others = published.claims.iter();
    let others = others.filter(|claim| catalogue::find(&claim.replication).is_none());
    judgements.extend(others.map(replication::untested));
    if as_json {
        return print_json(&claims::json(&judgements));
    }
    let paper = &published.paper;
    let mut out = stdout();
    writeln!(out, "{} ({}, {})\n", paper.title, paper.venue, paper.year)?;
    if judged > 0 {
        writeln!(out, "{}", verdicts::listed(&judgements[..judged]))?;
    }
    if judged < judgements.len() {
        write!(out, "{}", verdicts::listed(&judgements[judged..]))?;
    }
    writeln!(out, "replicate show CLAIM explains one.")?;
    Ok(())
}

/// One claim, its verdict, and why.
fn show_claim(
    published: &Published,
    claim: &Claim,
    store: &Store,
    as_json: bool,
) -> Result<(), Error> {
    let replication = catalogue::find(&claim.replication);
    let (judgement, runs, seeds) = match replication {
        None => (replication::untested(claim), None, None),
        Some(replication) => {
            let found = verdicts::stored(replication, store)?;
            let judgements = found.judge(replication, store)?.into_iter();
            let mut judgements = judgements.filter(|one| one.claim == *claim.id);
            let judgement = judgements.next();
            let protocol = replication.protocol(Profile::Paper, &Changes::default())?;
            (
                judgement.unwrap_or_else(|| replication::untested(claim)),
                Some(found.coverage),
                Some(protocol.seeds as u32),
            )
        }
    };
    let prospect = seeds.and_then(|seeds| claims::prospect(published, claim, seeds));
    if as_json {
        return print_json(&json!({
            "schema": claims::SCHEMA,
            "paper": published.paper.id,
            "definition": claim,
            "fingerprint": published.fingerprint(claim),
            "rule": claim.test.rule(),
            "prospect": prospect,
            "stored": runs.map(|coverage| coverage.stored),
            "judgement": judgement,
        }));
    }
    let mut out = stdout();
    writeln!(out, "{}: {}\n", claim.id.as_str(), judgement.headline())?;
    let mut part = |head: &str, words: &str| -> Result<(), Error> {
        let text = indented(words, &" ".repeat(HEAD));
        writeln!(out, "{head:HEAD$}{}", text.trim_start())?;
        Ok(())
    };
    let paper = &published.paper;
    part("Claim", &claim.statement)?;
    part(
        "Source",
        &format!("{} ({}): {}", paper.title, paper.year, claim.source),
    )?;
    match runs {
        Some(coverage) => part(
            "Experiment",
            &format!("{}, paper profile: {coverage}", claim.replication.as_str()),
        )?,
        None => part("Experiment", claim.replication.as_str())?,
    }
    part("Test", &claim.test.rule())?;
    if let Some(margin) = claim.margin() {
        part("Margin", &format!("{}: {}", *margin.size, margin.reason))?;
    } else if let (Some(threshold), Some(reason)) = (claim.threshold(), claim.reason()) {
        part("Threshold", &format!("{threshold}: {reason}"))?;
    }
    for (index, line) in numbers(published, claim, &judgement).iter().enumerate() {
        part(if index == 0 { "Numbers" } else { "" }, line)?;
    }
    for (index, words) in judgement.explanation.iter().enumerate() {
        part(if index == 0 { "Verdict" } else { "" }, words)?;
    }
    if let Some(cause) = &judgement.cause {
        part("Cause", cause)?;
    }
    if let claims::Verdict::Inconclusive { more_seeds } = &judgement.verdict {
        let words = claims::more(*more_seeds);
        let words = match more_seeds {
            claims::MoreSeeds::About(_) => format!("{words}, if mean and spread stay as they are"),
            _ => words,
        };
        part("More seeds", &words)?;
    }
    if let Some(prospect) = prospect {
        part("Beforehand", &format!("{}.", prospect.words))?;
    }
    for (index, words) in claim.deviations.iter().enumerate() {
        part(if index == 0 { "Deviations" } else { "" }, words)?;
    }
    Ok(())
}

/// Width of the heads in front of a claim's parts.
const HEAD: usize = 12;

/// Ours and theirs of each quantity that a claim compares.
fn numbers(published: &Published, claim: &Claim, judgement: &Judgement) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for group in judgement.findings.iter().flat_map(|one| &one.ours) {
        let quantity = claims::Quantity {
            variant: group.variant.clone(),
            metric: group.metric.clone(),
            data: claim.data.clone(),
        };
        let theirs = published.printed(&claim.replication, &quantity);
        let theirs = theirs.map_or(String::new(), |printed| {
            let sd = printed.sd.map_or(String::new(), spread);
            let runs = printed.n.map_or(String::new(), |n| format!("{n} runs; "));
            format!(
                "; published {}{sd} ({runs}{})",
                number(printed.mean),
                printed.source
            )
        });
        let ours = match group.mean {
            Some(mean) => format!("{}{}", number(mean), group.sd.map_or(String::new(), spread)),
            None => "no value".to_owned(),
        };
        let line = format!(
            "{} of {}: ours {ours} ({}){theirs}",
            group.metric,
            group.variant,
            super::words::count(group.n, "run")
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn spread(sd: f64) -> String {
    format!(" \u{b1} {}", number(sd))
}

/// Lines are at most this long.
const WIDTH: usize = 100;

/// Text broken into lines that all begin with `indent`.
pub fn indented(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    let mut used = indent.len();
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > indent.len() && used + 1 + length > WIDTH {
            lines.push(indent.to_owned());
            used = indent.len();
        }
        if let Some(line) = lines.last_mut() {
            if used > indent.len() {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = indented(&"word ".repeat(30), "  ");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.starts_with("  word")));
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        let long = "x".repeat(WIDTH + 5);
        assert_eq!(indented(&long, " "), format!(" {long}"));
    }
}
