//! `dc-somrl-sensitivity`: the search for hyper-parameters that the paper does not report, and what becomes of
//! the results when one of them is changed.

use super::changes::{ITERATIONS, SHARED, settings};
use super::{DcSomrl, Settings, published, sensitivity_shown as shown};
use crate::claims::Published;
use crate::random::{self, Seed};
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
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
pub(super) const NODES: [i64; 4] = [16, 32, 64, 128];

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
        base.pictured = 0;
        let quick = profile != Profile::Paper;
        if profile == Profile::Quick && changes.text("iterations").is_none() {
            base.iterations = 150;
        }
        let usual = if quick { 6 } else { 24 };
        let count: Option<usize> =
            changes.parsed("draws", "expected a whole number from 1 to 1000")?;
        let count = match count {
            Some(count) if !(1..=1000).contains(&count) => {
                let expected = "expected a whole number from 1 to 1000";
                return Err(BadSetting::new("draws", &count.to_string(), expected));
            }
            count => count.unwrap_or(usual),
        };
        let data = if profile == Profile::Smoke {
            "digits"
        } else {
            "mnist"
        };
        let variant = |id: String, settings: &Settings| Variant {
            id,
            method: &DcSomrl,
            settings: settings.to_value(),
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
        Ok(Presentation {
            comparisons: shown::comparisons(results),
            caption: shown::caption(results),
            figures,
            tables: vec![("search.csv".to_owned(), shown::table(results)?)],
            ..Presentation::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

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
    fn every_variant_s_settings_are_understood_by_its_method() {
        for (profile, count) in [
            (Profile::Quick, 6 + 4 + 3 + 3 + 3 + 2),
            (Profile::Paper, 24 + 19 + 4),
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
