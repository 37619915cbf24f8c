//! The settings that variants are made from: those published, and how shorter profiles shorten them.

use super::settings::{
    Descent, Length, Moved, Moves, Optimiser, Order, Pretraining, Rule, Settings, Sign,
};
use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::replication::{Changes, Profile};

/// Features of MNIST are bytes over 255, and the paper's code multiplies bytes by 0.02.
const MNIST_SCALE: f64 = 5.1;
/// Train images, which come first: the paper's autoencoder sees no others.
const TRAIN_ROWS: i64 = 60_000;

/// What the variants of a profile are made from.
pub(super) struct Recipes {
    profile: Profile,
    corrupt_first: bool,
}

impl Recipes {
    pub(super) fn new(profile: Profile, changes: &Changes) -> Self {
        Self {
            profile,
            corrupt_first: changes.text("first-input") == Some("corrupted"),
        }
    }

    /// Shortens what a profile does not run in full.
    pub(super) fn fitted(&self, mut settings: Settings) -> Settings {
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
    pub(super) fn published(&self, data: &str) -> Settings {
        let mut settings = Settings::published();
        if let Some(layers) = &mut settings.start.pretraining.layer_wise {
            layers.corrupt_first = self.corrupt_first;
        }
        match data {
            "mnist" | "fashion-mnist" => {
                settings.start.scale = MNIST_SCALE;
                settings.start.pretraining.rows = Some(TRAIN_ROWS);
            }
            // IDEC's loader takes the file's own values, which are 0 to 2; ours are halved.
            "usps" => settings.start.scale = 2.0,
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
    pub(super) fn moves(&self, sign: Sign, full: bool) -> Settings {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
