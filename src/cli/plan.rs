//! `replicate plan`: what would be run, why, how long it takes, and what it can decide.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::options::RunArgs;
use super::out::stdout;
use super::session::Session;
use super::{print_json, words};
use crate::claims::{self, Conditions, Prospect};
use crate::data::{self, Access};
use crate::launch::Team;
use crate::replication::{Changes, Replication};
use crate::report::Table;
use crate::statistics::closeness::MIN_RUNS;
use crate::{Error, device};

/// Prints the plan of a replication.
///
/// # Errors
/// If the options cannot be used, or the store or the data cache cannot be read.
pub fn run(
    replication: &'static dyn Replication,
    args: RunArgs,
    changes: &Changes,
    store: &Path,
    access: &Access,
) -> Result<(), Error> {
    let mut session = Session::new(replication, args, changes, store)?;
    session.calibrate()?;
    let plan = session.plan();
    let pending = plan.pending().count();
    let team = Team::new(&session.options, pending);
    let total = plan.estimate(team.workers);
    let power = Power::of(&session)?;
    let to_fetch = to_fetch(&session, access)?;
    if session.args.json {
        return print_json(&json!({
            "replication": plan.replication,
            "profile": session.args.profile,
            "store": session.store.root().display().to_string(),
            "device": device::name(session.options.device),
            "workers": team.workers,
            "threads_each": team.threads_each,
            "pending": pending,
            "seconds": total.map(|time| time.as_secs_f64()),
            "runs": plan.runs,
            "data_to_fetch": to_fetch,
            "power": power.prospects,
            "no_verdict": power.refusal,
            "irrefutable": power.irrefutable.iter().map(|(claim, fewest)| json!({
                "claim": claim, "fewest_seeds": fewest,
            })).collect::<Vec<_>>(),
        }));
    }
    let mut table = Table {
        head: ["variant", "seed", "run", "time", "why"]
            .map(str::to_owned)
            .to_vec(),
        ..Table::default()
    };
    for run in &plan.runs {
        table.rows.push(vec![
            run.variant.clone(),
            run.identity.seed.to_string(),
            run.key.to_string(),
            run.time().map_or("-".to_owned(), words::duration),
            run.reason.to_string(),
        ]);
    }
    table.caption = summary(&session);
    let mut out = stdout();
    writeln!(out, "{table}")?;
    if !to_fetch.is_empty() {
        let verb = if access.offline {
            "missing, and --offline"
        } else {
            "fetched first"
        };
        writeln!(out, "Data that are {verb}: {}.", to_fetch.join(", "))?;
    }
    write!(out, "{power}")?;
    Ok(())
}

/// The data sets of runs that are to be done which are not here.
fn to_fetch(session: &Session, access: &Access) -> Result<Vec<String>, Error> {
    let plan = session.plan();
    let mut missing: Vec<String> = Vec::new();
    for run in plan.pending() {
        let id = &run.identity.data;
        if !missing.contains(id) && !data::is_available(id, access)? {
            missing.push(id.clone());
        }
    }
    Ok(missing)
}

/// What the planned runs can decide, before there is a result.
struct Power {
    seeds: usize,
    prospects: Vec<Prospect>,
    /// Claims for which the paper does not print what a prediction takes.
    unknown: usize,
    /// Claims that so few seeds cannot reproduce, with the fewest that can.
    unconfirmable: Vec<(String, u32)>,
    /// Claims that so few seeds cannot refute, with the fewest that can.
    irrefutable: Vec<(String, u32)>,
    /// Why there will be no verdict at all.
    refusal: Option<String>,
}

impl Power {
    fn of(session: &Session) -> Result<Self, Error> {
        let seeds = match &session.args.seeds {
            Some(seeds) => seeds.seeds.len(),
            None => session.protocol.seeds as usize,
        };
        let conditions = Conditions {
            profile: session.args.profile.name().to_owned(),
            altered: session.altered.clone(),
        };
        let published = session.replication.published()?;
        let id = session.replication.id();
        let has_none = published.claims_of(id).next().is_none();
        let none = || has_none.then(|| "this experiment has none".to_owned());
        let refusal = conditions.refusal().or_else(none);
        let (mut prospects, mut unknown) = (Vec::new(), 0);
        let (mut unconfirmable, mut irrefutable) = (Vec::new(), Vec::new());
        if refusal.is_none() {
            let planned = |variant: &&str| {
                let variants = &session.protocol.variants;
                variants.iter().any(|one| one.id == **variant)
            };
            // What a part of the protocol leaves out decides nothing.
            let claims = published.claims_of(id);
            for claim in claims.filter(|claim| claim.test.variants().iter().all(planned)) {
                match claims::prospect(&published, claim, seeds as u32) {
                    Some(prospect) => prospects.push(prospect),
                    None => unknown += 1,
                }
                let too_few = |fewest: Option<u32>| fewest.filter(|&fewest| fewest > seeds as u32);
                let id = claim.id.to_string();
                if let Some(fewest) = too_few(claims::fewest_to_reproduce(&published, claim)) {
                    unconfirmable.push((id.clone(), fewest));
                }
                if let Some(fewest) = too_few(claims::fewest_to_refute(&published, claim)) {
                    irrefutable.push((id, fewest));
                }
            }
        }
        Ok(Self {
            seeds,
            prospects,
            unknown,
            unconfirmable,
            irrefutable,
            refusal,
        })
    }
}

impl std::fmt::Display for Power {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(reason) = &self.refusal {
            return writeln!(f, "No claim will be judged: {reason}.");
        }
        let seeds = words::count(self.seeds, "seed");
        if (self.seeds as u32) < MIN_RUNS {
            return writeln!(
                f,
                "{seeds} {} no claim: at least {MIN_RUNS} are needed.",
                if self.seeds == 1 { "decides" } else { "decide" }
            );
        }
        if self.prospects.is_empty() && self.unknown == 0 {
            return Ok(());
        }
        writeln!(
            f,
            "Chance that {seeds} say \"reproduced\" if the paper is right (its differences and spreads); a claim of \
             several comparisons has at most that of the hardest:"
        )?;
        for prospect in &self.prospects {
            let most = if prospect.comparisons > 1 {
                "at most"
            } else {
                ""
            };
            writeln!(f, "  {most:7} {:.2}  {}", prospect.chance, prospect.claim)?;
        }
        if self.unknown > 0 {
            writeln!(
                f,
                "  -     {} for which the paper does not print enough",
                words::count(self.unknown, "claim")
            )?;
        }
        for (what, claims) in [
            ("reproduce", &self.unconfirmable),
            ("refute", &self.irrefutable),
        ] {
            for (claim, fewest) in claims {
                writeln!(
                    f,
                    "{seeds} of every variant cannot {what} {claim}, whatever they show: at least {fewest} can."
                )?;
            }
        }
        Ok(())
    }
}

/// `14 runs: 12 new, 2 cached; about 4 min with 2 workers of 1 thread on cpu`
#[must_use]
pub fn summary(session: &Session) -> String {
    let plan = session.plan();
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for run in &plan.runs {
        let kind = match &run.reason {
            crate::runs::Reason::Resume { .. } => "to resume".to_owned(),
            crate::runs::Reason::SameAs { .. } => "the same as another".to_owned(),
            crate::runs::Reason::FailedBefore { .. } => "failed before".to_owned(),
            crate::runs::Reason::Damaged { .. } => "damaged".to_owned(),
            crate::runs::Reason::Unreadable { .. } => "with an unreadable record".to_owned(),
            reason => reason.to_string(),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let text = format!(
        "{}: {}",
        words::count(plan.runs.len(), "run"),
        kinds.join(", ")
    );
    let pending = plan.pending().count();
    if pending == 0 {
        return text + "; nothing to do";
    }
    let team = Team::new(&session.options, pending);
    let time = plan.estimate(team.workers);
    let time = time.map_or(String::new(), |time| {
        format!("; about {}", words::duration(time))
    });
    format!(
        "{text}{time} (at the speed measured just now) with {} of {} on {}",
        words::count(team.workers, "worker"),
        words::count(team.threads_each, "thread"),
        device::name(session.options.device)
    )
}
