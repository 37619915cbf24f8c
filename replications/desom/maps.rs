//! `desom-maps`: the pictures of maps, ESANN Fig. 3 and the authors' README. What is run; the pictures are
//! in `maps_shown`.

use super::{Desom, Settings, gamma, gamma_shown, maps_shown as shown, published};
use crate::baselines::{Kerasom, KerasomSettings};
use crate::claims::Published;
use crate::replication::{
    BadSetting, Changes, Effect, Pictures, Presentation, Profile, Protocol, Replication, Results,
    Setting, Variant,
};
use crate::runs::{Record, Store};
use crate::som::Grid;

/// The maps of DESOM and of a SOM alone.
#[derive(Debug)]
pub struct Maps;

const SETTINGS: &[Setting] = &[Setting {
    name: "iterations",
    placeholder: "N",
    help: "Optimisation steps of each run (paper: 10000)",
    choices: &[],
    effect: Effect::Alters,
}];

fn square(side: usize) -> Grid {
    Grid {
        rows: side,
        columns: side,
    }
}

fn desom(shared: &Settings, data: &'static str, side: usize) -> Variant {
    let settings = Settings {
        map: square(side),
        ..shared.clone()
    };
    Variant {
        id: format!("{data}/desom-{side}x{side}"),
        method: &Desom,
        settings: settings.to_value(),
        data,
    }
}

/// The same map on the pixels, trained by the same schedule.
fn som(shared: &Settings, data: &'static str) -> Variant {
    let settings = KerasomSettings {
        batch: shared.batch,
        iterations: shared.iterations,
        ..KerasomSettings::paper()
    };
    Variant {
        id: format!("{data}/som-8x8"),
        method: &Kerasom::ON_FEATURES,
        settings: settings.to_value(),
        data,
    }
}

impl Replication for Maps {
    fn id(&self) -> &'static str {
        "desom-maps"
    }

    fn summary(&self) -> &'static str {
        "DESOM on MNIST and Fashion-MNIST: decoded prototypes and U-matrices, beside a plain SOM's"
    }

    fn description(&self) -> &'static str {
        include_str!("maps.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let shared = gamma::settings(profile, changes)?;
        let sets: &[&'static str] = match profile {
            Profile::Smoke => &["digits"],
            Profile::Quick | Profile::Paper => &["mnist", "fashion-mnist"],
        };
        let mut variants = Vec::new();
        for &data in sets {
            variants.push(desom(&shared, data, 8));
            variants.push(som(&shared, data));
        }
        if profile != Profile::Smoke {
            variants.push(desom(&shared, "fashion-mnist", 20));
        }
        Ok(Protocol {
            variants,
            seeds: match profile {
                Profile::Smoke | Profile::Quick => 1,
                Profile::Paper => 3,
            },
        })
    }

    fn headline(&self, record: &Record) -> String {
        gamma_shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        Ok(Presentation {
            comparisons: shown::comparisons(results),
            caption: shown::caption(results),
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

    #[test]
    fn the_map_of_mnist_is_a_run_of_the_gamma_sweep() {
        for profile in Profile::ALL {
            let none = Changes::default();
            let sweep = super::super::Gamma.protocol(profile, &none).unwrap();
            let mut of_sweep = sweep.variants.iter();
            let of_sweep = of_sweep
                .find(|variant| variant.id == "gamma=0.001")
                .unwrap();
            let ours = Maps.protocol(profile, &none).unwrap();
            assert_eq!(of_sweep.settings, ours.variants[0].settings);
            assert_eq!(of_sweep.data, ours.variants[0].data);
        }
    }

    #[test]
    fn the_paper_s_three_maps_and_two_plain_ones_are_drawn() {
        let protocol = Maps.protocol(Profile::Paper, &Changes::default()).unwrap();
        let ids: Vec<&str> = protocol
            .variants
            .iter()
            .map(|one| one.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "mnist/desom-8x8",
                "mnist/som-8x8",
                "fashion-mnist/desom-8x8",
                "fashion-mnist/som-8x8",
                "fashion-mnist/desom-20x20"
            ]
        );
    }
}
