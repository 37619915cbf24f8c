//! The four experiments on DEC: what is run. What is shown of it is in `shown`.

use super::settings::{
    Descent, Length, Moved, Moves, Optimiser, Order, Pretraining, Rule, Settings, Sign,
};
use super::{Dec, published, shown};
use crate::baselines::{KMeansBaseline, KMeansSettings};
use crate::claims::Published;
use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::plot::Figure;
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::runs::{Record, Store};

/// One of the experiments. They share their runs where these are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// `dec`: with pretraining, beside its baselines, on all data sets.
    Dec,
    /// `dec-random-init`: from an encoder that is not trained.
    RandomInit,
    /// `dec-update-rules`: published gradients, explicit descent, the report's code with both signs.
    UpdateRules,
    /// `dec-curves`: divergence and accuracy on the way.
    Curves,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "data",
        placeholder: "LIST",
        help: "Data sets to run on: mnist, fashion-mnist, usps, reuters10k",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "first-input",
        placeholder: "KIND",
        help: "The first layer's input in layer-wise training: clean (code) or corrupted (paper)",
        choices: &["clean", "corrupted"],
        effect: Effect::Alters,
    },
];

/// Features of MNIST are bytes over 255, and the paper's code multiplies bytes by 0.02.
const MNIST_SCALE: f64 = 5.1;
/// Train images, which come first: the paper's autoencoder sees no others.
const TRAIN_ROWS: i64 = 60_000;

/// What the variants of a profile are made from.
struct Recipes {
    profile: Profile,
    corrupt_first: bool,
}

impl Recipes {
    fn new(profile: Profile, changes: &Changes) -> Self {
        Self {
            profile,
            corrupt_first: changes.text("first-input") == Some("corrupted"),
        }
    }

    /// Shortens what a profile does not run in full.
    fn fitted(&self, mut settings: Settings) -> Settings {
        let start = &mut settings.start;
        let untrained = start.pretraining.whole == Length::Epochs(0);
        match self.profile {
            Profile::Paper => {}
            Profile::Quick if untrained => {}
            Profile::Quick => {
                // A minute of Adam from end to end stands for hours.
                start.pretraining = Pretraining {
                    layer_wise: None,
                    whole: if start.per_class.is_some() {
                        Length::Epochs(40)
                    } else {
                        Length::Iterations(500)
                    },
                    optimiser: Optimiser::Adam(AdamOptions::keras()),
                    initial: Initial::Glorot,
                    order: Order::Shuffled,
                    ..start.pretraining
                };
                settings.restarts = 5;
            }
            Profile::Smoke => {
                start.hidden = vec![60, 60, 120];
                start.scale = 1.0;
                start.per_class = start.per_class.map(|_| 30);
                start.pretraining.rows = None;
                start.pretraining.batch = 64;
                if !untrained {
                    start.pretraining.initial = Initial::Glorot;
                    start.pretraining.optimiser = Optimiser::Adam(AdamOptions::keras());
                    start.pretraining.whole = Length::Iterations(300);
                    if let Some(layers) = &mut start.pretraining.layer_wise {
                        layers.length = Length::Iterations(60);
                    }
                }
                settings.restarts = 3;
            }
        }
        match (&mut settings.rule, self.profile) {
            (_, Profile::Paper) | (Rule::None, _) => {}
            (Rule::Descent(rule), Profile::Quick) => {
                rule.max_iterations = if rule.moved == Moved::Codes {
                    1500
                } else {
                    700
                };
            }
            (Rule::Moves(rule), Profile::Quick) => {
                let small = settings.start.per_class.is_some();
                (rule.epochs, rule.fits) = if small { (8, 5) } else { (3, 1) };
            }
            (Rule::Descent(rule), Profile::Smoke) => {
                rule.update_interval = 20;
                rule.max_iterations = 100;
                rule.batch = 64;
            }
            (Rule::Moves(rule), Profile::Smoke) => {
                (rule.epochs, rule.fits) = (5, 5);
            }
        }
        settings.pictured = match (settings.pictured, self.profile) {
            (0, _) => 0,
            (_, Profile::Paper) => 10_000,
            (_, Profile::Quick) => 2000,
            (_, Profile::Smoke) => 300,
        };
        settings
    }

    /// The paper's, for a data set.
    fn published(&self, data: &str) -> Settings {
        let mut settings = Settings::published();
        if let Some(layers) = &mut settings.start.pretraining.layer_wise {
            layers.corrupt_first = self.corrupt_first;
        }
        match data {
            "mnist" | "fashion-mnist" => {
                settings.start.scale = MNIST_SCALE;
                settings.start.pretraining.rows = Some(TRAIN_ROWS);
            }
            // Their squares are about 1 on average then, as the paper asks.
            "usps" => settings.start.scale = 2.5,
            _ => settings.start.scale = 1.0,
        }
        if data == "reuters10k" {
            settings.clusters = 4;
            settings.rule = Rule::Descent(Descent {
                update_interval: 20,
                ..Descent::published()
            });
        }
        settings
    }

    /// The report's, at its own scale or on all rows, where a move of the centroids, a sum over the rows,
    /// is made as large as for 750.
    fn moves(&self, sign: Sign, full: bool) -> Settings {
        let report = Settings::report();
        let Rule::Moves(rule) = report.rule else {
            return report;
        };
        if !full {
            let rule = Rule::Moves(Moves { sign, ..rule });
            return Settings { rule, ..report };
        }
        let rule = Rule::Moves(Moves {
            sign,
            centroid_rate: 750.0 / 70_000.0,
            fits: 5,
            batch: 256,
            ..rule
        });
        Settings {
            rule,
            ..self.published("mnist")
        }
    }
}

fn descent(settings: Settings, rule: Descent) -> Settings {
    Settings {
        rule: Rule::Descent(rule),
        ..settings
    }
}

fn without(settings: Settings) -> Settings {
    Settings {
        rule: Rule::None,
        ..settings
    }
}

fn pictured(settings: Settings) -> Settings {
    Settings {
        pictured: 10_000,
        ..settings
    }
}

fn centroids_alone(settings: Settings) -> Settings {
    match settings.rule {
        Rule::Descent(rule) => descent(
            settings,
            Descent {
                moved: Moved::Centroids,
                ..rule
            },
        ),
        _ => settings,
    }
}

fn untrained(mut settings: Settings, initial: Initial) -> Settings {
    settings.start.pretraining = Pretraining::none(initial);
    settings
}

/// The 750 images, with a rule of the paper's.
fn at_scale(rule: Descent) -> Settings {
    descent(
        Settings::report(),
        Descent {
            max_iterations: 20 * rule.update_interval,
            tolerance: 0.0,
            ..rule
        },
    )
}

/// The variants of `dec`.
fn of_dec(recipes: &Recipes) -> Vec<(&'static str, Settings)> {
    let mnist = || recipes.published("mnist");
    let idec = |settings: Settings| descent(settings, Descent::idec());
    let keras = Settings::keras;
    let usps = || {
        let rule = Descent {
            update_interval: 30,
            ..Descent::keras()
        };
        descent(recipes.published("usps"), rule)
    };
    let keras_usps = || {
        let mut settings = keras();
        settings.start.pretraining = Pretraining::keras_adam();
        descent(
            settings,
            Descent {
                update_interval: 30,
                ..Descent::keras()
            },
        )
    };
    let reuters = || recipes.published("reuters10k");
    vec![
        ("mnist/ae+k-means", without(mnist())),
        ("mnist/dec-without-backprop", centroids_alone(mnist())),
        ("mnist/dec", pictured(mnist())),
        ("mnist/idec-dec", descent(mnist(), Descent::keras())),
        ("mnist/idec", idec(mnist())),
        ("mnist/keras-ae+k-means", without(keras())),
        ("mnist/keras-dec", keras()),
        ("fashion-mnist/keras-ae+k-means", without(keras())),
        ("fashion-mnist/keras-dec", keras()),
        ("usps/ae+k-means", without(usps())),
        ("usps/idec-dec", usps()),
        (
            "usps/idec",
            descent(
                usps(),
                Descent {
                    update_interval: 30,
                    optimiser: Optimiser::Sgd(crate::nn::sgd::SgdOptions::constant(0.1, 0.99)),
                    ..Descent::idec()
                },
            ),
        ),
        ("usps/keras-ae+k-means", without(keras_usps())),
        ("usps/keras-dec", keras_usps()),
        ("reuters10k/ae+k-means", without(reuters())),
        (
            "reuters10k/dec-without-backprop",
            centroids_alone(reuters()),
        ),
        ("reuters10k/dec", reuters()),
    ]
}

impl Experiment {
    /// Settings by the id of their variant; the part before the slash is the data set.
    fn variants(self, recipes: &Recipes) -> Vec<(&'static str, Settings)> {
        let mnist = || recipes.published("mnist");
        let keras = Settings::keras;
        let as_coded = |full| recipes.moves(Sign::AsCoded, full);
        let corrected = |full| recipes.moves(Sign::Corrected, full);
        match self {
            Self::Dec => of_dec(recipes),
            Self::RandomInit => vec![
                (
                    "mnist-750/untrained+as-coded",
                    pictured(untrained(as_coded(false), Initial::Glorot)),
                ),
                (
                    "mnist-750/untrained-normal+as-coded",
                    untrained(as_coded(false), Initial::Normal),
                ),
                (
                    "mnist-750/untrained+corrected",
                    untrained(corrected(false), Initial::Glorot),
                ),
                ("mnist-750/sae+as-coded", pictured(as_coded(false))),
                (
                    "mnist/untrained+dec",
                    pictured(untrained(mnist(), Initial::Glorot)),
                ),
                (
                    "mnist/untrained-normal+dec",
                    untrained(mnist(), Initial::Normal),
                ),
                ("mnist/dec", pictured(mnist())),
            ],
            Self::UpdateRules => vec![
                ("mnist-750/sae+published", at_scale(Descent::published())),
                ("mnist-750/sae+explicit", at_scale(Descent::explicit())),
                ("mnist-750/sae+as-coded", pictured(as_coded(false))),
                ("mnist-750/sae+corrected", corrected(false)),
                (
                    "mnist-750/untrained+as-coded",
                    pictured(untrained(as_coded(false), Initial::Glorot)),
                ),
                (
                    "mnist-750/untrained+corrected",
                    untrained(corrected(false), Initial::Glorot),
                ),
                ("mnist/dec", pictured(mnist())),
                ("mnist/dec-explicit", descent(mnist(), Descent::explicit())),
                ("mnist/sae+as-coded", as_coded(true)),
                ("mnist/sae+corrected", corrected(true)),
            ],
            Self::Curves => vec![
                ("mnist/dec", pictured(mnist())),
                ("mnist/keras-dec", keras()),
                (
                    "mnist/untrained+dec",
                    pictured(untrained(mnist(), Initial::Glorot)),
                ),
                ("mnist-750/sae+as-coded", pictured(as_coded(false))),
                (
                    "mnist-750/untrained+as-coded",
                    pictured(untrained(as_coded(false), Initial::Glorot)),
                ),
            ],
        }
    }
}

/// The data set that a variant is trained on.
fn data_of(id: &str, profile: Profile) -> &'static str {
    match (profile, id.split('/').next()) {
        (Profile::Smoke, _) => "digits",
        (_, Some("fashion-mnist")) => "fashion-mnist",
        (_, Some("usps")) => "usps",
        (_, Some("reuters10k")) => "reuters10k",
        _ => "mnist",
    }
}

/// The data sets that k-means on the features is run on beside DEC, with their classes.
const BASELINES: [(&str, usize); 3] = [
    ("mnist/k-means", 10),
    ("usps/k-means", 10),
    ("reuters10k/k-means", 4),
];

fn chosen_data(changes: &Changes) -> Result<Option<Vec<String>>, BadSetting> {
    let expected =
        "expected names out of mnist, fashion-mnist, usps, reuters10k, separated by commas";
    let Some(names) = changes.list::<String>("data", expected)? else {
        return Ok(None);
    };
    let known = ["mnist", "fashion-mnist", "usps", "reuters10k"];
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(wrong) => Err(BadSetting::new("data", wrong, expected)),
        None => Ok(Some(names)),
    }
}

impl Replication for Experiment {
    fn id(&self) -> &'static str {
        match self {
            Self::Dec => "dec",
            Self::RandomInit => "dec-random-init",
            Self::UpdateRules => "dec-update-rules",
            Self::Curves => "dec-curves",
        }
    }

    fn summary(&self) -> &'static str {
        match self {
            Self::Dec => {
                "DEC and IDEC from a stacked autoencoder, beside k-means and DEC-keras' recipe"
            }
            Self::RandomInit => {
                "DEC from an encoder that was not trained: does accuracy stay near 20 %?"
            }
            Self::UpdateRules => {
                "DEC by published gradients, by explicit descent, and as a report coded it, with both signs"
            }
            Self::Curves => "DEC: divergence and accuracy from refresh to refresh",
        }
    }

    fn description(&self) -> &'static str {
        match self {
            Self::Dec => include_str!("dec.md"),
            Self::RandomInit => include_str!("random_init.md"),
            Self::UpdateRules => include_str!("update_rules.md"),
            Self::Curves => include_str!("curves.md"),
        }
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let recipes = Recipes::new(profile, changes);
        let wanted = chosen_data(changes)?;
        let is_wanted = |id: &str| {
            let data = data_of(id, Profile::Paper);
            let chosen = wanted.as_ref();
            let shown = profile == Profile::Paper || data == "mnist";
            chosen.map_or(shown, |names| names.iter().any(|name| name == data))
        };
        let mut variants = Vec::new();
        if *self == Self::Dec {
            for (id, clusters) in BASELINES.into_iter().filter(|(id, _)| is_wanted(id)) {
                let mut settings = KMeansSettings::new(clusters);
                settings.restarts = match profile {
                    Profile::Paper => 20,
                    Profile::Quick => 2,
                    Profile::Smoke => 5,
                };
                variants.push(Variant {
                    id: id.to_owned(),
                    method: &KMeansBaseline,
                    settings: settings.to_value(),
                    data: data_of(id, profile),
                });
            }
        }
        let own = self.variants(&recipes).into_iter();
        variants.extend(
            own.filter(|(id, _)| is_wanted(id))
                .map(|(id, settings)| Variant {
                    id: id.to_owned(),
                    method: &Dec,
                    settings: recipes.fitted(settings).to_value(),
                    data: data_of(id, profile),
                }),
        );
        Ok(Protocol {
            variants,
            seeds: match profile {
                Profile::Smoke => 2,
                Profile::Quick => 1,
                Profile::Paper => 10,
            },
        })
    }

    fn headline(&self, record: &Record) -> String {
        shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        let comparisons = shown::comparisons(self.id(), results, &published);
        let mut figures = Vec::new();
        for (name, bars) in shown::bars(self.id(), results, &published) {
            figures.push((name, bars.draw()?));
        }
        if let Some(curves) = shown::curves(self.summary(), results) {
            figures.push(("curves".to_owned(), curves.draw()?));
        }
        Ok(Presentation {
            caption: shown::caption(results),
            comparisons,
            figures,
            tables: Vec::new(),
        })
    }

    fn pictures(
        &self,
        results: &Results,
        store: &Store,
    ) -> Result<Vec<(String, Figure)>, crate::Error> {
        shown::pictures(results, store)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    const ALL: [Experiment; 4] = [
        Experiment::Dec,
        Experiment::RandomInit,
        Experiment::UpdateRules,
        Experiment::Curves,
    ];

    #[test]
    fn every_profile_has_settings_that_can_be_read() {
        for experiment in ALL {
            for profile in Profile::ALL {
                let protocol = experiment.protocol(profile, &Changes::default()).unwrap();
                let ids: BTreeSet<&String> = protocol.variants.iter().map(|one| &one.id).collect();
                assert_eq!(ids.len(), protocol.variants.len());
                for variant in &protocol.variants {
                    assert!(
                        variant.method.shape(&variant.settings).is_ok(),
                        "{}",
                        variant.id
                    );
                }
            }
        }
    }

    #[test]
    fn every_published_value_and_claim_has_its_variant() {
        let published = published().unwrap();
        for value in &published.values {
            let experiment = ALL
                .iter()
                .find(|one| one.id() == value.replication)
                .unwrap();
            let protocol = experiment
                .protocol(Profile::Paper, &Changes::default())
                .unwrap();
            let mut variants = protocol.variants.iter();
            assert!(
                variants.any(|variant| variant.id == value.variant),
                "{value:?}"
            );
        }
    }

    /// One pretraining for all variants of the paper's recipe, another for DEC-keras'.
    #[test]
    fn variants_share_their_pretraining() {
        let protocol = Experiment::Dec
            .protocol(Profile::Paper, &Changes::default())
            .unwrap();
        let mut parts = BTreeSet::new();
        for variant in protocol
            .variants
            .iter()
            .filter(|one| one.id.starts_with("mnist/"))
        {
            for need in variant.method.needs(&variant.settings).unwrap() {
                parts.insert(need.settings.to_string());
            }
        }
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn experiments_share_runs() {
        let identity = |experiment: Experiment, id: &str| {
            let protocol = experiment
                .protocol(Profile::Paper, &Changes::default())
                .unwrap();
            let found = protocol
                .variants
                .into_iter()
                .find(|one| one.id == id)
                .unwrap();
            found.settings
        };
        let expected = identity(Experiment::Dec, "mnist/dec");
        for other in [
            Experiment::RandomInit,
            Experiment::UpdateRules,
            Experiment::Curves,
        ] {
            assert_eq!(identity(other, "mnist/dec"), expected);
        }
    }

    #[test]
    fn a_data_set_that_there_is_not_is_refused_by_name() {
        let changes: Changes =
            std::iter::once(("data".to_owned(), "mnist,cifar".to_owned())).collect();
        let error = Experiment::Dec
            .protocol(Profile::Paper, &changes)
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("--data cifar"), "{error}");
    }

    #[test]
    fn the_paper_s_first_input_is_corrupted_when_asked_for() {
        let changes: Changes =
            std::iter::once(("first-input".to_owned(), "corrupted".to_owned())).collect();
        let recipes = Recipes::new(Profile::Paper, &changes);
        let layers = recipes
            .published("mnist")
            .start
            .pretraining
            .layer_wise
            .unwrap();
        assert!(layers.corrupt_first && !layers.corrupt_code);
    }
}
