//! How few seeds can decide a claim at all.
//!
//! A sign-flip test of n pairs has no p value below 2^-n, and Holm's correction multiplies it by the number
//! of comparisons that stand beside each other. Where the product is above the level, no result decides.

use super::judge::{AGAINST, FOR};
use super::{Claim, Published, Test};

/// Comparisons in pairs of which any one can refute the claim; none for claims without pairs.
pub(super) fn comparisons(test: &Test) -> usize {
    match test {
        Test::Order(test) => test.metrics.len().max(1) * test.descending.len().saturating_sub(1),
        Test::Argmax(test) => test.among.len().saturating_sub(1),
        // The whole change, and each step.
        Test::Trend(test) => test.metrics.len() * test.variants.len(),
        Test::Equivalence(test) => test.metrics.len() * test.variants.len(),
        _ => 0,
    }
}

/// The fewest pairs whose smallest p value, times `corrections`, is not above `level`.
fn pairs(corrections: usize, level: f64) -> u32 {
    (corrections as f64 / level).log2().ceil() as u32
}

/// Claims of order that are corrected with each other, this one among them; 1 for others.
fn corrected_with(claim: &Claim, orders: usize) -> usize {
    if claim.test.is_order() { orders } else { 1 }
}

/// The fewest seeds with which a claim in pairs can be refuted when `orders` claims of order are corrected
/// with each other; `None` for other claims.
pub(super) fn fewest(claim: &Claim, orders: usize) -> Option<u32> {
    let comparisons = comparisons(&claim.test) * corrected_with(claim, orders);
    (comparisons > 0).then(|| pairs(comparisons, AGAINST))
}

/// The fewest seeds that can refute a claim in pairs, with all claims of order of its experiment tested;
/// `None` for other claims.
#[must_use]
pub fn fewest_to_refute(published: &Published, claim: &Claim) -> Option<u32> {
    fewest(claim, orders(published, claim))
}

/// The fewest seeds that can reproduce one: all its comparisons have to hold, so they are not corrected with
/// each other.
#[must_use]
pub fn fewest_to_reproduce(published: &Published, claim: &Claim) -> Option<u32> {
    let corrected = corrected_with(claim, orders(published, claim));
    (comparisons(&claim.test) > 0).then(|| pairs(corrected, FOR))
}

fn orders(published: &Published, claim: &Claim) -> usize {
    let others = published.claims_of(&claim.replication);
    others.filter(|other| other.test.is_order()).count()
}
