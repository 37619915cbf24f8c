//! The classic SOM (Algorithm 1 of the draft), and SOAE on the nodes of a fixed lattice, which it is a case of.
//!
//! Where Z is a lattice, C is the exact search for the best matching node, and the kernel a sum over nodes.
//! From Algorithm 1 to Algorithm 2 in four steps, each a variant of the experiment `som`:
//!
//! | variant | G | kernel | step of G |
//! |---|---|---|---|
//! | `som` | | | Algorithm 1, by [`crate::som::OnlineSom`] |
//! | `soae-table` | a table | equation 3 | gradient of equation 4, all nodes: the same thing |
//! | `soae-normalised` | a table | sums to 1 (equation 6) | gradient of equation 7, all nodes |
//! | `soae-drawn` | a table | sums to 1 | gradient of equation 9, one node drawn |
//! | `soae-network` | a network | sums to 1 | Adam on equation 9, a batch, one node drawn for each row |

mod evaluation;
mod experiment;
mod kernel;
mod method;
mod model;
mod settings;
mod shown;
#[cfg(test)]
mod tests;

pub use experiment::Som;
pub(super) use experiment::classic;
pub use method::LatticeSom;
pub use settings::{Kernel, LatticeSettings, Learning, Nodes};
