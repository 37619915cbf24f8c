//! How few seeds can refute a claim at all.
//!
//! A sign-flip test of n pairs has no p value below 2^-n, and Holm's correction multiplies the smallest by
//! the number of comparisons. Where the product is above the level, no result refutes the claim.

use super::judge::AGAINST;
use super::{Claim, Published, Test};

/// Comparisons of which any one can refute the claim, for claims of order; none for others.
fn comparisons(test: &Test) -> usize {
    match test {
        Test::Order(test) => test.metrics.len().max(1) * test.descending.len().saturating_sub(1),
        Test::Argmax(test) => test.among.len().saturating_sub(1),
        // The whole change, and each step.
        Test::Trend(test) => test.metrics.len() * test.variants.len(),
        _ => 0,
    }
}

/// The fewest seeds with which a claim of order can be refuted when `together` such claims are corrected
/// with each other; `None` for other claims.
pub(super) fn fewest(claim: &Claim, together: usize) -> Option<u32> {
    let comparisons = comparisons(&claim.test) * together;
    if comparisons == 0 {
        return None;
    }
    Some((comparisons as f64 / AGAINST).log2().ceil() as u32)
}

/// The fewest seeds that can refute a claim of order, with all claims of order of its experiment tested;
/// `None` for other claims.
#[must_use]
pub fn fewest_to_refute(published: &Published, claim: &Claim) -> Option<u32> {
    let others = published.claims_of(&claim.replication);
    fewest(claim, others.filter(|other| other.test.is_order()).count())
}
