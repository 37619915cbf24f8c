//! `som`: Algorithm 1, and SOAE on its lattice, what is run.

use super::{Kernel, LatticeSettings, LatticeSom, Learning, Nodes, shown};
use crate::claims::Published;
use crate::replication::{
    BadSetting, Changes, Pictures, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::replications::soae::experiments::{ITERATIONS, base, sets};
use crate::replications::soae::{Settings, published};
use crate::runs::{Record, Store};
use crate::som::Grid;

/// The classic SOM, and SOAE on a fixed lattice beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Som;

/// `alpha_t` at first and at last.
const RATE: [f64; 2] = [0.5, 0.01];

/// Algorithm 1 with a lattice of 20 x 20 nodes, shown as many rows as the encoders are.
pub(in super::super) fn classic(base: &Settings) -> LatticeSettings {
    LatticeSettings {
        map: Grid {
            rows: 20,
            columns: 20,
        },
        batch: base.batch.unsigned_abs(),
        iterations: base.iterations,
        sigma: [10.0, 0.5],
        learning: Learning::Som { rate: RATE },
        held_out: base.held_out,
    }
}

/// From Algorithm 1 to SOAE on its lattice, step by step: ids without the data set.
fn steps(base: &Settings) -> [(&'static str, Learning); 5] {
    let table = |kernel, nodes| Learning::Table {
        rate: RATE,
        kernel,
        nodes,
    };
    let network = Learning::Network {
        hidden: base.hidden.iter().rev().copied().collect(),
    };
    [
        ("som", Learning::Som { rate: RATE }),
        ("soae-table", table(Kernel::Plain, Nodes::All)),
        ("soae-normalised", table(Kernel::Normalised, Nodes::All)),
        ("soae-drawn", table(Kernel::Normalised, Nodes::Drawn)),
        ("soae-network", network),
    ]
}

impl Replication for Som {
    fn id(&self) -> &'static str {
        "som"
    }

    fn summary(&self) -> &'static str {
        "The classic online SOM, and SOAE on a fixed lattice beside it"
    }

    fn description(&self) -> &'static str {
        include_str!("som.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        &[ITERATIONS]
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let base = base(profile, changes)?;
        let mut variants = Vec::new();
        for &data in sets(profile) {
            for (id, learning) in steps(&base) {
                let settings = LatticeSettings {
                    learning,
                    ..classic(&base)
                };
                variants.push(Variant {
                    id: format!("{data}/{id}"),
                    method: &LatticeSom,
                    settings: settings.to_value(),
                    data,
                });
            }
        }
        Ok(Protocol {
            variants,
            seeds: match profile {
                Profile::Paper => 10,
                Profile::Smoke | Profile::Quick => 2,
            },
        })
    }

    fn headline(&self, record: &Record) -> String {
        shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        Ok(Presentation {
            comparisons: shown::comparisons(results),
            caption: shown::caption(results),
            figures: shown::curves(results)?,
            ..Presentation::default()
        })
    }

    fn pictures(&self, results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
        shown::pictures(results, store)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::replications::soae::Experiment;

    #[test]
    fn every_variant_s_settings_are_understood() {
        for profile in Profile::ALL {
            let protocol = Som.protocol(profile, &Changes::default()).unwrap();
            assert_eq!(protocol.variants.len(), 5 * sets(profile).len());
            for variant in &protocol.variants {
                assert!(variant.method.shape(&variant.settings).is_ok());
            }
        }
    }

    /// The comparison's map and the one here are one run.
    #[test]
    fn the_map_of_the_comparison_is_the_som_here() {
        for profile in Profile::ALL {
            let of = |one: &dyn Replication| one.protocol(profile, &Changes::default()).unwrap();
            for &data in sets(profile) {
                let find = |protocol: &Protocol, id: &str| {
                    let id = format!("{data}/{id}");
                    let mut all = protocol.variants.iter();
                    let found = all.find(|variant| variant.id == id).unwrap();
                    (found.method.id(), found.settings.clone())
                };
                assert_eq!(
                    find(&of(&Som), "som"),
                    find(&of(&Experiment::Comparison), "som-20x20")
                );
            }
        }
    }
}
