//! `dc-somrl-sensitivity`: the search for hyper-parameters that the paper does not report, and what becomes of
//! the results when one of them, or one reading of what the paper leaves open, is changed.

use super::changes::{ITERATIONS, SHARED, data_set, settings};
use super::map_settings::{Distance, Insertion, Measure, Neighbours, Removal, Winners};
use super::settings::{MapLoss, Pixels, Reconstruction};
use super::{DcSomrl, Settings, published, sensitivity_shown as shown};
use crate::claims::Published;
use crate::nn::Initial;
use crate::random::{self, Seed};
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::replications::desom::BatchOrder;
use crate::report::effects;
use crate::runs::Record;

/// Search and sensitivity on MNIST.
#[derive(Debug)]
pub struct Sensitivity;

/// A hyper-parameter that is searched for.
#[derive(Debug)]
pub(super) struct Parameter {
    /// As the paper and its predecessors call it, and in the ids of variants.
    pub name: &'static str,
    /// Where it is in the settings.
    field: fn(&mut Settings) -> &mut f64,
    /// The range it is drawn from: that of the authors' code and its defaults together.
    range: (f64, f64),
    /// Whether by its logarithm.
    log: bool,
    /// The values that the others are fixed for; none if it is only searched for.
    pub values: &'static [f64],
}

pub(super) static PARAMETERS: [Parameter; 5] = [
    Parameter {
        name: "a_t",
        field: |settings| &mut settings.map.threshold,
        range: (0.85, 0.999),
        log: false,
        values: &[0.85, 0.9, 0.95, 0.985, 0.999],
    },
    Parameter {
        name: "e_b",
        field: |settings| &mut settings.map.rate,
        range: (1e-4, 0.1),
        log: true,
        values: &[1e-4, 1e-3, 5e-3, 0.02, 0.1],
    },
    Parameter {
        name: "beta",
        field: |settings| &mut settings.map.smoothing,
        range: (1e-3, 0.5),
        log: true,
        values: &[1e-3, 0.01, 0.1, 0.5],
    },
    Parameter {
        name: "s",
        field: |settings| &mut settings.map.slope,
        range: (0.01, 1.0),
        log: true,
        values: &[0.01, 0.03, 0.1, 0.3, 1.0],
    },
    Parameter {
        name: "ld",
        field: |settings| &mut settings.map.life_decay,
        range: (0.05, 0.5),
        log: true,
        values: &[],
    },
];

/// Numbers of nodes that are compared.
const NODES: [i64; 4] = [16, 32, 64, 128];

/// Iterations that are compared: the paper names 1000, DESOM's row of its table is of 10 000.
const ITERATIONS_COMPARED: [u64; 3] = [1000, 4000, 10_000];

/// The variant with the settings of `dc-somrl`, which readings are compared with.
pub(super) const UNCHANGED: &str = "unchanged";

/// A choice where the paper leaves one, unlike that of `dc-somrl`.
pub(super) struct Reading {
    /// The variant's id: the option and its value.
    pub id: &'static str,
    change: fn(&mut Settings),
}

pub(super) static READINGS: [Reading; 26] = [
    Reading {
        id: "relevance=as-coded",
        change: |settings| settings.map.distance = Distance::AsCoded,
    },
    Reading {
        id: "distance=root",
        change: |settings| settings.map.measure = Measure::Root,
    },
    Reading {
        id: "neighbours=rank",
        change: |settings| settings.map = settings.map.with_neighbours(Neighbours::Rank),
    },
    Reading {
        id: "neighbours=none",
        change: |settings| settings.map = settings.map.with_neighbours(Neighbours::None),
    },
    Reading {
        id: "neighbour-rate=0.1",
        change: |settings| settings.map.neighbour_rate = 0.1,
    },
    Reading {
        id: "winners=reached",
        change: |settings| settings.map.winners = Winners::Reached,
    },
    Reading {
        id: "width-start=0.01",
        change: |settings| settings.map.width_start = 0.01,
    },
    Reading {
        id: "width-end=0.1",
        change: |settings| settings.map.width_end = 0.1,
    },
    Reading {
        id: "insertion=as-coded",
        change: |settings| settings.map.insertion = Insertion::AsCoded,
    },
    Reading {
        id: "insertion=farthest-first",
        change: |settings| settings.map.insertion = Insertion::FarthestFirst,
    },
    Reading {
        id: "removal=wins",
        change: |settings| settings.map.removal = Removal::Wins,
    },
    Reading {
        id: "life-decay=0",
        change: |settings| settings.map.life_decay = 0.0,
    },
    Reading {
        id: "epsilon=1e-7",
        change: |settings| settings.map.epsilon = 1e-7,
    },
    Reading {
        id: "reconstruction=norm",
        change: |settings| settings.reconstruction = Reconstruction::Norm,
    },
    Reading {
        id: "map-loss=norm",
        change: |settings| settings.map_loss = MapLoss::Norm,
    },
    Reading {
        id: "map-loss=winners",
        change: |settings| settings.map_loss = MapLoss::Winners,
    },
    Reading {
        id: "map-loss=means",
        change: |settings| settings.map_loss = MapLoss::Means,
    },
    Reading {
        id: "alpha=0.0001",
        change: |settings| settings.alpha = 0.0001,
    },
    Reading {
        id: "alpha=0.01",
        change: |settings| settings.alpha = 0.01,
    },
    Reading {
        id: "learning-rate=0.0003",
        change: |settings| settings.adam.learning_rate = 0.0003,
    },
    Reading {
        id: "adam=pytorch",
        change: |settings| settings.adam = settings.adam.with_pytorch_epsilon(),
    },
    Reading {
        id: "batch-order=shuffled",
        change: |settings| settings.batch_order = BatchOrder::Shuffled,
    },
    Reading {
        id: "training-rows=70000",
        change: |settings| settings.training_rows = Some(70_000),
    },
    Reading {
        id: "pixels=standardised",
        change: |settings| settings.pixels = Pixels::Standardised,
    },
    Reading {
        id: "initial=fan-in",
        change: |settings| settings.initial = Initial::FanIn,
    },
    Reading {
        id: "initial=normal",
        change: |settings| settings.initial = Initial::Normal,
    },
];

/// Draws of the search at the `paper` profile.
const DRAWS_OF_PAPER: usize = 24;
/// The draw that the search chose at the `paper` profile: the lowest prototype error, on average over its seeds.
const CHOSEN: usize = 22;

/// The settings that the search chose, for Table 1; `None` if one of those that it chose has been changed from `usual`:
/// what is left is not what it found.
pub(super) fn chosen(base: &Settings, usual: &Settings) -> Option<Settings> {
    let mut parameters = PARAMETERS.iter();
    if parameters.any(|one| one.of(base).to_bits() != one.of(usual).to_bits()) {
        return None;
    }
    let mut draws = draws(&unpictured(base), DRAWS_OF_PAPER);
    Some(draws.swap_remove(CHOSEN))
}

/// Settings of a run that keeps nothing for pictures.
fn unpictured(settings: &Settings) -> Settings {
    Settings {
        pictured: 0,
        ..settings.clone()
    }
}

impl Parameter {
    /// The value at a place in its range, 0 to 1, to three digits.
    fn at(&self, place: f64) -> f64 {
        let (low, high) = self.range;
        let value = if self.log {
            low * (high / low).powf(place)
        } else {
            low + (high - low) * place
        };
        let digits = 10_f64.powf(value.abs().log10().floor() - 2.0);
        // The nearest number with three digits, as its decimal form reads.
        let rounded = format!("{:.6}", (value / digits).round() * digits);
        rounded.parse().unwrap_or(value)
    }

    /// Its value in settings.
    pub fn of(&self, settings: &Settings) -> f64 {
        *(self.field)(&mut settings.clone())
    }
}

const DRAWS: Setting = Setting {
    name: "draws",
    placeholder: "N",
    help: "Draws of the search",
    choices: &[],
    effect: Effect::Selects,
};

static SETTINGS: [Setting; SHARED.len() + 2] = {
    let mut all = [DRAWS; SHARED.len() + 2];
    let mut place = 0;
    while place < SHARED.len() {
        all[place] = SHARED[place];
        place += 1;
    }
    all[place] = ITERATIONS;
    all
};

/// The draws of the search: a Latin hypercube (`McKay`, Beckman & Conover 1979), every parameter once in each
/// of as many parts of its range as there are draws.
fn draws(base: &Settings, count: usize) -> Vec<Settings> {
    let mut draws = vec![base.clone(); count];
    for parameter in &PARAMETERS {
        let mut stream = random::stream(Seed(0), &format!("search {} {count}", parameter.name));
        let order = random::distinct_indices(&mut stream, count, count);
        for (draw, part) in draws.iter_mut().zip(order) {
            let within = f64::from(random::unit(&mut stream));
            *(parameter.field)(draw) = parameter.at((part as f64 + within) / count as f64);
        }
    }
    draws
}

impl Replication for Sensitivity {
    fn id(&self) -> &'static str {
        "dc-somrl-sensitivity"
    }

    fn summary(&self) -> &'static str {
        "DC-SOMRL's unreported hyper-parameters: a search without labels, and what each of them changes"
    }

    fn description(&self) -> &'static str {
        include_str!("sensitivity.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        &SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let mut base = settings(profile, changes)?;
        let quick = profile != Profile::Paper;
        if profile == Profile::Quick && changes.text("iterations").is_none() {
            base.iterations = 150;
        }
        let usual = if quick { 6 } else { DRAWS_OF_PAPER };
        let count = changes.count("draws", 1000)?;
        let count = count.map_or(usual, |count| count as usize);
        let data = data_set(profile);
        // What is not changed is a run of `dc-somrl`, which keeps something for pictures.
        let variant = |id: String, settings: &Settings| Variant {
            id,
            method: &DcSomrl,
            settings: if *settings == base {
                base.to_value()
            } else {
                unpictured(settings).to_value()
            },
            data,
        };
        let mut variants = Vec::new();
        for (number, draw) in draws(&base, count).iter().enumerate() {
            variants.push(variant(format!("search-{number:02}"), draw));
        }
        for parameter in &PARAMETERS {
            let usual = parameter.of(&base);
            for (place, &value) in parameter.values.iter().enumerate() {
                // The ends and the middle are enough for a first look; what is not changed costs nothing.
                if quick && place % 2 == 1 && value.total_cmp(&usual).is_ne() {
                    continue;
                }
                let mut settings = base.clone();
                *(parameter.field)(&mut settings) = value;
                variants.push(variant(format!("{}={value}", parameter.name), &settings));
            }
        }
        for nodes in NODES.into_iter().step_by(if quick { 2 } else { 1 }) {
            let mut settings = base.clone();
            settings.map.nodes = nodes;
            variants.push(variant(format!("nodes={nodes}"), &settings));
        }
        if !quick {
            for iterations in ITERATIONS_COMPARED {
                let mut settings = base.clone();
                settings.iterations = iterations;
                variants.push(variant(format!("iterations={iterations}"), &settings));
            }
            variants.push(variant(UNCHANGED.to_owned(), &base));
            for reading in &READINGS {
                let mut settings = base.clone();
                (reading.change)(&mut settings);
                variants.push(variant(reading.id.to_owned(), &settings));
            }
        }
        Ok(Protocol {
            variants,
            seeds: if quick { 1 } else { 3 },
        })
    }

    fn headline(&self, record: &Record) -> String {
        super::shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let mut figures = Vec::new();
        for (name, figure) in shown::figures(results) {
            figures.push((name, figure.draw()?));
        }
        if let Some(search) = shown::search(results) {
            figures.push(("search".to_owned(), search.draw()?));
        }
        let found = shown::effects(results);
        if !found.is_empty() {
            figures.push((
                "readings".to_owned(),
                shown::readings(results, &found).draw()?,
            ));
        }
        let rounded = shown::search_table(results, |mean| format!("{mean:.4}"));
        let search = shown::search_table(results, |mean| mean.to_string());
        Ok(Presentation {
            comparisons: shown::comparisons(results),
            caption: shown::caption(results),
            figures,
            tables: vec![("search.csv".to_owned(), search.to_csv()?)],
            further: [rounded, effects::table(&found)]
                .into_iter()
                .filter(|table| !table.rows.is_empty())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_parameter_is_drawn_once_in_every_part_of_its_range() {
        let draws = draws(&Settings::paper(), 24);
        for parameter in &PARAMETERS {
            let (low, high) = parameter.range;
            let mut parts: Vec<usize> = draws
                .iter()
                .map(|draw| {
                    let value = parameter.of(draw);
                    let place = if parameter.log {
                        (value / low).ln() / (high / low).ln()
                    } else {
                        (value - low) / (high - low)
                    };
                    // Three digits may fall short of a part's border by a little.
                    (place * 24.0).clamp(0.0, 23.999) as usize
                })
                .collect();
            parts.sort_unstable();
            parts.dedup();
            assert!(parts.len() >= 21, "{}: {parts:?}", parameter.name);
        }
        let again = super::draws(&Settings::paper(), 24);
        assert_eq!(draws, again);
    }

    #[test]
    fn drawn_values_have_three_digits() {
        assert_eq!(PARAMETERS[0].at(0.0), 0.85);
        assert_eq!(PARAMETERS[1].at(0.5), 0.00316);
        assert_eq!(PARAMETERS[4].at(1.0), 0.5);
    }

    #[test]
    fn all_five_parameters_are_compared_with_the_settings_of_table_1() {
        for profile in Profile::ALL {
            let base = settings(profile, &Changes::default()).unwrap();
            let variants = Sensitivity.protocol(profile, &Changes::default()).unwrap();
            let variants = variants.variants;
            for (name, usual) in [
                ("a_t", base.map.threshold),
                ("e_b", base.map.rate),
                ("beta", base.map.smoothing),
                ("s", base.map.slope),
                ("nodes", base.map.nodes as f64),
            ] {
                let prefix = format!("{name}=");
                let of_it: Vec<&str> = variants
                    .iter()
                    .filter_map(|variant| variant.id.strip_prefix(&prefix))
                    .collect();
                assert!(of_it.len() >= 2, "{name} {of_it:?}");
                assert!(of_it.contains(&usual.to_string().as_str()), "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_changed_is_a_run_of_table_1() {
        let none = Changes::default();
        let table = super::super::Table1
            .protocol(Profile::Paper, &none)
            .unwrap();
        let settings_of = |variants: &[Variant], id: &str| {
            let mut variants = variants.iter();
            let found = variants.find(|variant| variant.id == id);
            found.map(|variant| variant.settings.clone()).unwrap()
        };
        let ours = Sensitivity
            .protocol(Profile::Paper, &none)
            .unwrap()
            .variants;
        let unchanged = settings_of(&table.variants, "dc-somrl");
        for id in [
            UNCHANGED,
            "a_t=0.985",
            "beta=0.5",
            "nodes=64",
            "iterations=1000",
        ] {
            assert_eq!(settings_of(&ours, id), unchanged, "{id}");
        }
        for reading in &READINGS {
            assert_ne!(settings_of(&ours, reading.id)["map"], Value::Null);
            assert_ne!(settings_of(&ours, reading.id), unchanged, "{}", reading.id);
        }
        let searched = settings_of(&table.variants, "dc-somrl-searched");
        assert_eq!(settings_of(&ours, "search-22"), searched);
    }

    #[test]
    fn the_search_found_nothing_for_other_numbers_than_its_own() {
        let usual = settings(Profile::Paper, &Changes::default()).unwrap();
        let with = |name: &str, value: &str| {
            let changes: Changes = std::iter::once((name.to_owned(), value.to_owned())).collect();
            settings(Profile::Paper, &changes).unwrap()
        };
        assert!(chosen(&usual, &usual).is_some());
        assert!(chosen(&with("threshold", "0.9"), &usual).is_none());
        // What it did not choose is as it is asked for.
        let other = chosen(&with("alpha", "0.01"), &usual).unwrap();
        assert!((other.alpha - 0.01).abs() < 1e-12);
    }

    /// A reading's id is the option that makes it, so that users can make it too.
    #[test]
    fn readings_are_options_of_the_command_line() {
        let paper = settings(Profile::Paper, &Changes::default()).unwrap();
        for reading in &READINGS {
            let (name, value) = reading.id.split_once('=').unwrap();
            let changes: Changes = std::iter::once((name.to_owned(), value.to_owned())).collect();
            let mut changed = paper.clone();
            (reading.change)(&mut changed);
            let by_option = settings(Profile::Paper, &changes).unwrap();
            assert_eq!(by_option, changed, "{}", reading.id);
        }
    }

    #[test]
    fn every_variant_s_settings_are_understood_by_its_method() {
        for (profile, count) in [
            (Profile::Quick, 6 + 4 + 3 + 3 + 3 + 2),
            (Profile::Paper, 24 + 19 + 4 + 3 + 1 + 26),
        ] {
            let protocol = Sensitivity.protocol(profile, &Changes::default()).unwrap();
            assert_eq!(protocol.variants.len(), count);
            for variant in protocol.variants {
                assert!(
                    variant.method.shape(&variant.settings).is_ok(),
                    "{}",
                    variant.id
                );
            }
        }
    }
}
