//! The variants of each experiment, in the order in which they are shown.

use super::Experiment;
use super::recipes::Recipes;
use super::settings::{Descent, Moved, Optimiser, Pretraining, Rule, Settings, Sign};
use crate::nn::Initial;
use crate::nn::sgd::SgdOptions;

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
                    optimiser: Optimiser::Sgd(SgdOptions::constant(0.1, 0.99)),
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
    pub(super) fn variants(self, recipes: &Recipes) -> Vec<(&'static str, Settings)> {
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
