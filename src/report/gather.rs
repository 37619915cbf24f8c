//! From a store to the contents of a report. Trains nothing and needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;

use super::content::{
    Chapter, Cost, DataFile, DataSheet, Entry, Environment, Experiment, FigurePair, LeftOut,
    Report, Row, RunLine,
};
use super::{Comparison, rows};
use crate::claims::{self, Claim, Ending, Paper, Published, not_tested};
use crate::nn::Precision;
use crate::replication::{
    self, Changes, Presentation, Profile, Protocol, Replication, Results, VariantRecords,
};
use crate::runs::{Error as StoreError, Key, Outcome, Record, Store};
use crate::{Error, data};

/// Gathers what is stored of replications, under a profile or, without one, under the fullest that has
/// runs; and the claims of `papers` that none of the replications tests.
///
/// # Errors
/// If the store or a paper's file cannot be read, or a figure cannot be drawn. Single records that
/// cannot be read are named in the report.
pub fn gather(
    replications: &[&dyn Replication],
    papers: &[Published],
    profile: Option<Profile>,
    store: &Store,
) -> Result<Report, Error> {
    let (records, unreadable) = stored(store)?;
    let mut chapters: Vec<Chapter> = Vec::new();
    for replication in replications {
        let published = replication.published()?;
        let experiment = experiment(*replication, profile, &published, &records, store)?;
        chapter(&mut chapters, &published.paper)
            .experiments
            .push(experiment);
    }
    let is_tested = |claim: &&Claim| {
        let mut known = replications.iter();
        known.any(|known| known.id() == *claim.replication)
    };
    for published in papers {
        let others = published.claims.iter().filter(|claim| !is_tested(claim));
        let others = others.map(replication::untested).collect();
        chapter(&mut chapters, &published.paper).without_experiment = others;
    }
    Ok(Report {
        papers: chapters,
        unreadable,
        left_out: left_out(replications, &records)?,
    })
}

/// The records that no unchanged protocol of the replications asks for, under any profile.
fn left_out(
    replications: &[&dyn Replication],
    records: &BTreeMap<Key, Record>,
) -> Result<LeftOut, Error> {
    let mut asked_for = BTreeSet::new();
    for replication in replications {
        for profile in Profile::ALL {
            let protocol = replication.protocol(profile, &Changes::default())?;
            replication::gather(&protocol, &mut |identity| {
                let record = records.get(&identity.key()).cloned();
                asked_for.extend(record.as_ref().map(|record| record.key.clone()));
                Ok(record)
            })?;
        }
    }
    let mut left_out = LeftOut::default();
    for (key, record) in records {
        if asked_for.contains(key) {
            continue;
        }
        match record.identity.precision {
            Precision::Fast => left_out.fast += 1,
            Precision::Exact => left_out.other += 1,
        }
    }
    Ok(left_out)
}

/// The chapter of a paper, made if it is not there.
fn chapter<'a>(chapters: &'a mut Vec<Chapter>, paper: &Paper) -> &'a mut Chapter {
    let known = chapters
        .iter()
        .position(|chapter| chapter.paper.id == paper.id);
    let place = known.unwrap_or_else(|| {
        chapters.push(Chapter {
            paper: paper.clone(),
            experiments: Vec::new(),
            without_experiment: Vec::new(),
        });
        chapters.len() - 1
    });
    &mut chapters[place]
}

/// All records of a store in the order of their folders' names, and those that cannot be read.
fn stored(store: &Store) -> Result<(BTreeMap<Key, Record>, Vec<String>), Error> {
    let folder = store.root().join("runs");
    let failed = |source| StoreError::Io {
        action: "list",
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok((BTreeMap::new(), Vec::new()));
        }
        Err(error) => return Err(failed(error).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    let (mut records, mut unreadable) = (BTreeMap::new(), Vec::new());
    for name in names {
        let Ok(text) = fs::read(folder.join(&name).join("record.json")) else {
            // An unfinished run, or no run at all.
            continue;
        };
        // The store looks closer than the parser does.
        let parsed = serde_json::from_slice::<Record>(&text).ok();
        match parsed.map(|record| store.record(&record.key)) {
            Some(Ok(Some(record))) => {
                records.insert(record.key.clone(), record);
            }
            Some(Err(error @ StoreError::Io { .. })) => return Err(error.into()),
            _ => unreadable.push(format!("runs/{}/record.json", name.display())),
        }
    }
    Ok((records, unreadable))
}

fn experiment(
    replication: &dyn Replication,
    profile: Option<Profile>,
    published: &Published,
    records: &BTreeMap<Key, Record>,
    store: &Store,
) -> Result<Experiment, Error> {
    let profiles: Vec<Profile> = match profile {
        Some(profile) => vec![profile],
        None => Profile::ALL.into_iter().rev().collect(),
    };
    let mut found = None;
    for profile in profiles {
        let protocol = replication.protocol(profile, &Changes::default())?;
        let variants = replication::gather(&protocol, &mut |identity| {
            Ok(records.get(&identity.key()).cloned())
        })?;
        let empty = variants.iter().all(|variant| variant.records.is_empty());
        if found.is_none() || !empty {
            found = Some((profile, protocol, variants));
        }
        if !empty {
            break;
        }
    }
    let Some((profile, protocol, variants)) = found else {
        // The list of profiles has at least one.
        return Err(Error::Usage("there is no profile".to_owned()));
    };
    described(replication, published, profile, &protocol, variants, store)
}

fn described(
    replication: &dyn Replication,
    published: &Published,
    profile: Profile,
    protocol: &Protocol,
    variants: Vec<VariantRecords>,
    store: &Store,
) -> Result<Experiment, Error> {
    let results = Results {
        profile,
        altered: Vec::new(),
        data_title: protocol.data_title()?,
        variants,
    };
    let Presentation {
        comparisons,
        caption,
        mut figures,
        further,
        tables: _,
    } = replication.present(&results)?;
    figures.extend(replication.pictures(&results, store)?.figures);
    let mut values = published.values.iter();
    let alone = if values.any(|value| value.replication == replication.id()) {
        published_alone(replication, &results)?
    } else {
        Vec::new()
    };
    let figures = paired(figures, alone);
    let variants = &results.variants;
    let runs: Vec<RunLine> = variants.iter().flat_map(lines).collect();
    // A run that has several names is one run.
    let repeated = protocol.repeated();
    let own = variants.iter().zip(&repeated);
    let own: Vec<_> = own.filter(|(_, again)| !**again).map(|one| one.0).collect();
    Ok(Experiment {
        id: replication.id().to_owned(),
        summary: replication.summary().to_owned(),
        profile,
        note: results.note(),
        claims: judged(replication, published, &results, &comparisons)?,
        values: comparisons,
        caption,
        further,
        figures,
        data: sheets(protocol)?,
        coverage: results.coverage(protocol),
        environments: environments(&own),
        costs: costs(&own),
        runs,
    })
}

/// The replication's claims with what the stored runs say of them.
fn judged(
    replication: &dyn Replication,
    published: &Published,
    results: &Results,
    comparisons: &[Comparison],
) -> Result<Vec<Entry>, Error> {
    // What an experiment does not compare, other data or another quantity, is not compared here either.
    let compared = |row: &Row| {
        let mut groups = row.finding.ours.iter();
        groups.any(|group| {
            comparisons.iter().any(|one| {
                one.published.is_some()
                    && one.variant == group.variant
                    && one.metric == group.metric
            })
        })
    };
    let claims: Vec<_> = published.claims_of(replication.id()).collect();
    let runs = results.runs();
    let judgements = if runs.runs.is_empty() {
        let reason = format!(
            "there are no runs yet; replicate {} --profile {} makes them",
            replication.id(),
            results.profile.name()
        );
        let claims = claims.iter();
        claims.map(|claim| not_tested(claim, &reason)).collect()
    } else {
        replication::judge(replication, results)?
    };
    let entries = claims.iter().zip(judgements).map(|(claim, judgement)| {
        let mut rows = rows::rows(published, claim, &judgement.findings, &runs);
        rows.retain(|row| row.judged || compared(row));
        Entry {
            reason: claim.reason().map(str::to_owned),
            rows,
            judgement,
        }
    });
    Ok(entries.collect())
}

/// `completed`, `collapsed` or `diverged at 70`: how a run ended, as claims see it.
pub(super) fn outcome(variant: &str, record: &Record) -> String {
    let seen = claims::Results::of_records([(variant, record)]);
    let is_collapsed = seen.runs.iter().any(|run| run.ending == Ending::Collapsed);
    match record.outcome {
        Outcome::Diverged { iteration } => format!("diverged at {iteration}"),
        Outcome::Completed if is_collapsed => "collapsed".to_owned(),
        Outcome::Completed => "completed".to_owned(),
    }
}

fn lines(variant: &VariantRecords) -> impl Iterator<Item = RunLine> + '_ {
    let records = variant.records.iter();
    records.map(|record| RunLine {
        variant: variant.id.clone(),
        seed: record.identity.seed.0,
        data: record.identity.data.clone(),
        data_sha256: record.identity.data_sha256.clone(),
        key: record.key.as_str().to_owned(),
        outcome: outcome(&variant.id, record),
        metrics: record.metrics.clone(),
        precision: record.identity.precision,
        device: record.provenance.device_name.clone(),
        program: record.provenance.program.clone(),
        training_seconds: record.provenance.training_seconds,
        evaluation_seconds: record.provenance.evaluation_seconds,
    })
}

/// The figures of an experiment without runs: what was published, drawn as ours are.
fn published_alone(
    replication: &dyn Replication,
    results: &Results,
) -> Result<Vec<(String, crate::plot::Figure)>, Error> {
    let protocol = replication.protocol(Profile::Paper, &Changes::default())?;
    let variants = protocol.variants.iter().map(|variant| VariantRecords {
        id: variant.id.clone(),
        planned: 0,
        records: Vec::new(),
    });
    let empty = Results {
        profile: Profile::Paper,
        altered: Vec::new(),
        data_title: if results.profile == Profile::Smoke {
            protocol.data_title()?
        } else {
            results.data_title.clone()
        },
        variants: variants.collect(),
    };
    Ok(replication.present(&empty)?.figures)
}

fn paired(
    ours: Vec<(String, crate::plot::Figure)>,
    mut published: Vec<(String, crate::plot::Figure)>,
) -> Vec<FigurePair> {
    let pairs = ours.into_iter().map(|(name, ours)| {
        let place = published.iter().position(|(other, _)| *other == name);
        FigurePair {
            published: place.map(|place| published.swap_remove(place).1),
            description: ours.description().to_owned(),
            name,
            ours,
        }
    });
    pairs.collect()
}

fn sheets(protocol: &Protocol) -> Result<Vec<DataSheet>, Error> {
    let catalogue = data::catalogue()?;
    let ids = protocol.data_sets().into_iter();
    ids.map(|id| Ok(sheet(catalogue.entry(id)?))).collect()
}

fn sheet(entry: &data::Entry) -> DataSheet {
    let files = entry.files.iter().map(|file| DataFile {
        name: file.name.to_string(),
        bytes: file.decoded.bytes,
        sha256: file.decoded.sha256.map(|digest| digest.to_string()),
    });
    DataSheet {
        id: entry.id.to_string(),
        title: entry.title.clone(),
        citation: entry.citation.clone(),
        licence: entry.licence.clone(),
        homepage: entry.homepage.clone(),
        sha256: entry.sha256().to_string(),
        files: files.collect(),
    }
}

fn environments(variants: &[&VariantRecords]) -> Vec<Environment> {
    let mut counts: BTreeMap<Environment, usize> = BTreeMap::new();
    for record in variants.iter().flat_map(|variant| &variant.records) {
        let made = &record.provenance;
        let environment = Environment {
            runs: 0,
            device_name: made.device_name.clone(),
            device: made.device.clone(),
            system: made.system.clone(),
            program: made.program.clone(),
            libtorch: made.libtorch.clone(),
            matrix_kernels: made.matrix_kernels.clone(),
            products: made.products.name().to_owned(),
            threads: made.threads,
        };
        *counts.entry(environment).or_default() += 1;
    }
    let counted = counts.into_iter();
    let mut environments: Vec<Environment> = counted
        .map(|(environment, runs)| Environment {
            runs,
            ..environment
        })
        .collect();
    environments.sort_by_key(|environment| std::cmp::Reverse(environment.runs));
    environments
}

/// What runs begin with is trained once, however many there are.
fn costs_of_parts(variants: &[&VariantRecords]) -> Vec<Cost> {
    let mut seen = BTreeSet::new();
    let mut costs: BTreeMap<(&str, &str), Cost> = BTreeMap::new();
    for record in variants.iter().flat_map(|variant| &variant.records) {
        let device_name = &record.provenance.device_name;
        for part in record.parts.iter().filter(|part| seen.insert(&part.key)) {
            let cost = costs.entry((&part.part, device_name));
            let cost = cost.or_insert_with(|| Cost {
                variant: format!("({} that runs begin with)", part.part),
                device_name: device_name.clone(),
                runs: 0,
                training_seconds: 0.0,
                evaluation_seconds: 0.0,
            });
            cost.runs += 1;
            cost.training_seconds += part.training_seconds;
        }
    }
    // An encoder with its initial weights is a part that took no time.
    let trained = costs.into_values();
    trained
        .filter(|cost| cost.training_seconds >= 0.1)
        .collect()
}

fn costs(variants: &[&VariantRecords]) -> Vec<Cost> {
    let mut costs: Vec<Cost> = Vec::new();
    for variant in variants {
        let mut devices: BTreeMap<&str, Cost> = BTreeMap::new();
        for record in &variant.records {
            let made = &record.provenance;
            let cost = devices.entry(&made.device_name).or_insert_with(|| Cost {
                variant: variant.id.clone(),
                device_name: made.device_name.clone(),
                runs: 0,
                training_seconds: 0.0,
                evaluation_seconds: 0.0,
            });
            cost.runs += 1;
            cost.training_seconds += made.training_seconds;
            cost.evaluation_seconds += made.evaluation_seconds;
        }
        costs.extend(devices.into_values());
    }
    costs.extend(costs_of_parts(variants));
    costs
}
