//! The replications there are. The only file of the harness that knows them.

use crate::replication::Replication;
use crate::replications::desom;

/// All replications, in the order in which `replicate list` shows them.
pub static REPLICATIONS: &[&dyn Replication] = &[&desom::Gamma];

/// The replication of that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Replication> {
    REPLICATIONS.iter().copied().find(|known| known.id() == id)
}
