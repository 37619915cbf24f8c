//! Verdicts on the claims about a replication.

use super::{Changes, Replication, Results, VariantRecords};
use crate::claims::{self, Judgement, Seeds, Test};
use crate::runs::Record;

/// The verdicts on a replication's claims, in the order of its paper's file. Whether there can be any,
/// the results' profile and changes decide; where there cannot, all are *not tested* and say why.
///
/// # Errors
/// If `paper.toml` is wrong; the message names file, line and key.
pub fn judge(
    replication: &dyn Replication,
    results: &Results,
) -> Result<Vec<Judgement>, claims::Error> {
    let published = replication.published()?;
    // Of the protocol, not of the user's choice: seeds added one by one are no plan. A protocol without changes
    // has nothing that could be refused.
    let protocol = replication.protocol(results.profile, &Changes::default());
    let planned = protocol.map_or(0, |protocol| protocol.seeds as usize);
    let fingerprints = published.fingerprints(replication.id());
    let claims: Vec<_> = published.claims_of(replication.id()).collect();
    let judgements = claims::judge(
        &published,
        claims.iter().copied(),
        &results.runs(),
        &results.conditions(),
    );
    let judged = claims.into_iter().zip(judgements);
    let aged = judged.map(|(claim, judgement)| {
        let used = results.variants.iter().filter(|variant| {
            let mut groups = judgement.findings.iter().flat_map(|one| &one.ours);
            groups.any(|group| group.variant == variant.id)
        });
        let used: Vec<_> = used.collect();
        let today = fingerprints.get(claim.id.as_str()).map_or("", |one| one);
        let older = claims::made_before(
            claim,
            today,
            &fingerprints,
            used.iter().flat_map(|variant| &variant.records),
        );
        let records = || used.iter().flat_map(|variant| &variant.records);
        let judgement = judgement
            .with_older_runs(older)
            .with_known(claim.known.as_deref())
            .with_undated_runs(claims::undated(&fingerprints, records()));
        let given = used
            .iter()
            .filter_map(|variant| Some((variant, one_part(variant)?)));
        let given: Vec<_> = given.collect();
        let judgement = match given.first() {
            Some((_, part)) => {
                let variants = given.iter().map(|(variant, _)| variant.id.as_str());
                judgement.with_given(part, &variants.collect::<Vec<_>>())
            }
            None => judgement,
        };
        match seeds_of(&used, planned) {
            Some(done) => judgement.with_seeds(Seeds { done, planned }),
            None => judgement,
        }
    });
    Ok(aged.collect())
}

/// What several runs of a variant begin with, if that is one and the same part.
fn one_part(variant: &VariantRecords) -> Option<&str> {
    let [first, others @ ..] = variant.records.as_slice() else {
        return None;
    };
    let part = first.parts.first()?;
    let same = |record: &Record| record.parts.first().map(|one| &one.key) == Some(&part.key);
    (!others.is_empty() && others.iter().all(same)).then_some(part.part.as_str())
}

/// How many seeds a verdict rests on: if some variant lacks a planned one, the fewest planned ones that one has; else
/// the most that one has.
fn seeds_of(used: &[&VariantRecords], planned: usize) -> Option<usize> {
    let of_plan = used.iter().map(|variant| {
        let seeds = variant.records.iter().map(|record| record.identity.seed.0);
        seeds.filter(|&seed| seed < planned as u64).count()
    });
    let fewest = of_plan.min()?;
    let most = used.iter().map(|variant| variant.records.len()).max()?;
    Some(if fewest < planned { fewest } else { most })
}

/// The judgement of a claim that no replication tests.
#[must_use]
pub fn untested(claim: &claims::Claim) -> Judgement {
    let reason = match &claim.test {
        Test::Qualitative(test) => format!("to be looked at: {}", test.look),
        _ => format!("its experiment, {}, does not exist yet", *claim.replication),
    };
    claims::not_tested(claim, &reason)
}
