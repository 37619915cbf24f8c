//! `desom-gamma`: the weight of the SOM loss, Fig. 1 of the additional material.

use super::{Desom, Settings, published};
use crate::baselines::{KMeansBaseline, KMeansSettings};
use crate::claims::{Published, Summary};
use crate::plot::{Baseline, Panel, Point, Scale, Sweep};
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::report::Comparison;
use crate::runs::{Outcome, Record};

/// The sweep over gamma.
#[derive(Debug)]
pub struct Gamma;

const GAMMAS: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// A metric of the figure: its title, its name in our records, and the baseline beside it.
struct Shown {
    title: &'static str,
    metric: &'static str,
    baseline: (&'static str, &'static str, &'static str),
}

/// Accuracy is measured after k-means on the prototypes, the others on the best matching units:
/// what the figure plots, whatever its text says (README.md).
const SHOWN: [Shown; 4] = [
    Shown {
        title: "accuracy",
        metric: "clustered.accuracy",
        baseline: (CLASSES_CLUSTERS, "accuracy", "our k-means, k = classes"),
    },
    Shown {
        title: "purity",
        metric: "bmu.purity",
        baseline: (MANY_CLUSTERS, "purity", "our k-means, k = 64"),
    },
    Shown {
        title: "NMI",
        metric: "bmu.nmi_geometric",
        baseline: (MANY_CLUSTERS, "nmi_geometric", "our k-means, k = 64"),
    },
    Shown {
        title: "ARI",
        metric: "bmu.ari",
        baseline: (MANY_CLUSTERS, "ari", "our k-means, k = 64"),
    },
];

/// The baseline with as many clusters as the map has units, and the one with as many as classes.
const MANY_CLUSTERS: &str = "k-means-64";
const CLASSES_CLUSTERS: &str = "k-means-classes";

const SETTINGS: &[Setting] = &[
    Setting {
        name: "gammas",
        placeholder: "LIST",
        help: "Weights of the SOM loss to run, e.g. 0.001,10",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "iterations",
        placeholder: "N",
        help: "Optimisation steps of each run (paper: 10000)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "map-distance",
        placeholder: "KIND",
        help: "Distance on the map: as the paper says, or as the authors' code computes it",
        choices: &["manhattan", "as-coded"],
        effect: Effect::Alters,
    },
    Setting {
        name: "neighbourhood",
        placeholder: "KIND",
        help: "Neighbourhood function",
        choices: &["gaussian", "window"],
        effect: Effect::Alters,
    },
    Setting {
        name: "decay",
        placeholder: "KIND",
        help: "How the temperature falls",
        choices: &["exponential", "linear", "constant"],
        effect: Effect::Alters,
    },
    Setting {
        name: "horizon",
        placeholder: "KIND",
        help: "What the schedule divides by: iterations - 1 (code) or iterations (paper)",
        choices: &["last-iteration", "iterations"],
        effect: Effect::Alters,
    },
    Setting {
        name: "gamma-scale",
        placeholder: "KIND",
        help: "Reconstruction loss that gamma stands beside: mean over features (code) or sum (paper)",
        choices: &["mean", "sum"],
        effect: Effect::Alters,
    },
    Setting {
        name: "post-clusters",
        placeholder: "KIND",
        help: "Groups of prototypes for the accuracy: classes (paper) or the largest label (code)",
        choices: &["classes", "largest-label"],
        effect: Effect::Alters,
    },
    Setting {
        name: "epsilon-form",
        placeholder: "KIND",
        help: "Where Adam adds epsilon: before (keras) or after (pytorch) bias correction",
        choices: &["keras", "pytorch"],
        effect: Effect::Alters,
    },
];

/// Adam's kernel counts its steps in a 32-bit float, which is exact up to here.
const MOST_ITERATIONS: u64 = 1 << 24;

fn variant_id(gamma: f64) -> String {
    format!("gamma={gamma}")
}

/// The settings of a profile, gamma aside.
fn settings(profile: Profile, changes: &Changes) -> Result<Settings, BadSetting> {
    let mut settings = Settings::paper();
    match profile {
        Profile::Paper => {}
        Profile::Quick => settings.iterations = 600,
        Profile::Smoke => {
            settings.hidden = vec![100, 100, 400];
            settings.batch = 128;
            settings.iterations = 400;
        }
    }
    let expected = "expected a whole number from 1 to 16777216";
    if let Some(iterations) = changes.parsed("iterations", expected)? {
        if !(1..=MOST_ITERATIONS).contains(&iterations) {
            return Err(BadSetting::new(
                "iterations",
                &iterations.to_string(),
                expected,
            ));
        }
        settings.iterations = iterations;
    }
    macro_rules! choose {
        ($name:literal, $field:expr) => {
            if let Some(choice) = changes.choice($name)? {
                $field = choice;
            }
        };
    }
    choose!("map-distance", settings.map_distance);
    choose!("neighbourhood", settings.neighbourhood);
    choose!("decay", settings.temperature.decay);
    choose!("horizon", settings.temperature.horizon);
    choose!("gamma-scale", settings.gamma_scale);
    choose!("post-clusters", settings.post_clusters);
    choose!("epsilon-form", settings.adam.epsilon_form);
    Ok(settings)
}

fn gammas(changes: &Changes) -> Result<Vec<f64>, BadSetting> {
    let expected = "expected positive numbers separated by commas, e.g. 0.001,10";
    let mut gammas = changes
        .list("gammas", expected)?
        .unwrap_or_else(|| GAMMAS.to_vec());
    if let Some(wrong) = gammas.iter().find(|gamma| !(1e-30..=1e30).contains(*gamma)) {
        // A logarithmic axis has no place for 0, DESOM without a SOM is another experiment, and
        // beyond these bounds a 32-bit float is 0 or infinite.
        return Err(BadSetting::new("gammas", &wrong.to_string(), expected));
    }
    gammas.sort_by(f64::total_cmp);
    gammas.dedup();
    Ok(gammas)
}

impl Replication for Gamma {
    fn id(&self) -> &'static str {
        "desom-gamma"
    }

    fn summary(&self) -> &'static str {
        "DESOM on MNIST: how the weight gamma of the SOM loss changes accuracy, purity, NMI and ARI"
    }

    fn description(&self) -> &'static str {
        include_str!("gamma.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let shared = settings(profile, changes)?;
        let mut variants = Vec::new();
        for gamma in gammas(changes)? {
            let settings = Settings {
                gamma,
                ..shared.clone()
            };
            variants.push(Variant {
                id: variant_id(gamma),
                method: &Desom,
                settings: settings.to_value(),
            });
        }
        let (data, classes) = match profile {
            Profile::Smoke => ("digits", 10),
            Profile::Quick | Profile::Paper => ("mnist", 10),
        };
        for (id, clusters) in [
            (MANY_CLUSTERS, shared.map.units()),
            (CLASSES_CLUSTERS, classes),
        ] {
            let mut baseline = KMeansSettings::new(clusters);
            if profile == Profile::Quick {
                baseline.restarts = 2;
            }
            variants.push(Variant {
                id: id.to_owned(),
                method: &KMeansBaseline,
                settings: baseline.to_value(),
            });
        }
        let seeds = match profile {
            Profile::Smoke => 3,
            Profile::Quick => 2,
            Profile::Paper => 10,
        };
        Ok(Protocol {
            data,
            variants,
            seeds,
        })
    }

    fn headline(&self, record: &Record) -> String {
        if let Outcome::Diverged { iteration } = record.outcome {
            return format!("diverged at iteration {iteration}");
        }
        let names = [
            ("purity", ["bmu.purity", "purity"]),
            ("NMI", ["bmu.nmi_geometric", "nmi_geometric"]),
            ("accuracy", ["clustered.accuracy", "accuracy"]),
        ];
        // See `comparisons`: another quantity.
        let shown = names
            .iter()
            .filter(|(title, _)| !(record.variant == MANY_CLUSTERS && *title == "accuracy"));
        let parts = shown.filter_map(|(title, metrics)| {
            let value = metrics.iter().find_map(|metric| record.metric(metric))?;
            Some(format!("{title} {value:.3}"))
        });
        parts.collect::<Vec<_>>().join("  ")
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        Ok(Presentation {
            comparisons: self.comparisons(results, &published),
            caption: Self::caption(results),
            figures: vec![("fig1".to_owned(), self.figure(results, &published).draw()?)],
        })
    }
}

fn summary(results: &Results, variant: &str, metric: &str) -> Summary {
    let records = results.records(variant).iter();
    Summary::of(records.map(|record| record.metric(metric)))
}

/// Whether the published values stand beside ours: not for other data, nor for another meaning of
/// gamma.
fn comparable(results: &Results) -> bool {
    results.profile != Profile::Smoke && !results.is_altered("gamma-scale")
}

fn gamma_of(variant: &str) -> Option<f64> {
    variant.strip_prefix("gamma=")?.parse().ok()
}

impl Gamma {
    /// Metric by metric, variant by variant.
    fn comparisons(&self, results: &Results, published: &Published) -> Vec<Comparison> {
        let mut rows = Vec::new();
        for shown in SHOWN {
            for variant in &results.variants {
                let metric = match gamma_of(&variant.id) {
                    Some(_) => shown.metric,
                    None => shown.metric.rsplit('.').next().unwrap_or(shown.metric),
                };
                // With more clusters than classes most clusters stay unmatched: that accuracy is
                // another quantity.
                if variant.id == MANY_CLUSTERS && metric == "accuracy" {
                    continue;
                }
                let value = published.value(self.id(), &variant.id, metric);
                rows.push(Comparison {
                    title: shown.title.to_owned(),
                    variant: variant.id.clone(),
                    metric: metric.to_owned(),
                    ours: summary(results, &variant.id, metric),
                    published: value.filter(|_| comparable(results)).cloned(),
                });
            }
        }
        rows
    }

    fn caption(results: &Results) -> String {
        let mut caption = format!(
            "{}; mean \u{b1} standard deviation (divisor n - 1) over n runs.\n\
             Accuracy (best one-to-one matching of clusters to classes) after k-means on the \
             prototypes;\npurity, NMI (geometric normalisation) and ARI of the best matching units. \
             k-means: on pixels.",
            results.data_title
        );
        if comparable(results) {
            caption += "\nPublished: 10 runs each; figures digitised to about 0.002, their standard \
                        deviations\nconverted to the same divisor.";
        }
        for variant in &results.variants {
            let runs = variant.records.len();
            let collapsed = variant.records.iter();
            let collapsed = collapsed
                .filter(|run| run.metric("units_used") == Some(1.0))
                .count();
            let diverged = variant.records.iter();
            let diverged = diverged
                .filter(|run| run.outcome != Outcome::Completed)
                .count();
            for (count, what) in [
                (collapsed, "collapsed onto a single unit"),
                (diverged, "diverged"),
            ] {
                if count > 0 {
                    caption += &format!("\n{}: {count} of {runs} runs {what}.", variant.id);
                }
            }
        }
        if results
            .variants
            .iter()
            .any(|variant| variant.records.len() < 3)
        {
            caption += "\nWith fewer than 3 runs the spread is unknown: nothing can be concluded.";
        }
        if let Some(note) = results.note() {
            caption += &format!("\n{note}");
        }
        caption
    }

    fn figure(&self, results: &Results, published: &Published) -> Sweep {
        let panels = SHOWN.iter().map(|shown| {
            let (variant, metric, label) = shown.baseline;
            let baseline = summary(results, variant, metric).mean;
            Panel {
                metric: shown.title.to_owned(),
                higher_is_better: true,
                range: (0.0, 1.0),
                ours: our_points(results, shown.metric),
                published: if comparable(results) {
                    self.published_points(published, shown.metric)
                } else {
                    Vec::new()
                },
                baselines: baseline
                    .map(|value| Baseline {
                        label: label.to_owned(),
                        value,
                    })
                    .into_iter()
                    .collect(),
            }
        });
        let data = &results.data_title;
        Sweep {
            title: format!("DESOM on {data}: the weight of the SOM loss"),
            parameter: "\u{3b3}".to_owned(),
            scale: Scale::Log,
            panels: panels.collect(),
            caption: format!(
                "{}Accuracy after k-means on the prototypes; purity, NMI (geometric) and ARI of the \
                 best matching units.{}",
                if comparable(results) {
                    "After Forest et al. (2019), additional material, Fig. 1. "
                } else {
                    ""
                },
                if comparable(results) {
                    " Published: 10 runs."
                } else {
                    ""
                }
            ),
            note: results.note(),
        }
    }

    fn published_points(&self, published: &Published, metric: &str) -> Vec<Point> {
        let values = published.values.iter();
        values
            .filter(|value| value.replication == self.id() && value.metric == metric)
            .filter_map(|value| {
                Some(Point {
                    x: gamma_of(&value.variant)?,
                    mean: value.mean,
                    sd: value.sample_sd(),
                    seeds: Vec::new(),
                })
            })
            .collect()
    }
}

fn our_points(results: &Results, metric: &str) -> Vec<Point> {
    let variants = results.variants.iter();
    variants
        .filter_map(|variant| {
            let x = gamma_of(&variant.id)?;
            if variant.records.is_empty() {
                return None;
            }
            let summary = summary(results, &variant.id, metric);
            Some(Point {
                x,
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                seeds: summary.values,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::Metric;

    #[test]
    fn every_published_value_belongs_to_a_variant_and_a_metric() {
        let variants = Gamma
            .protocol(Profile::Paper, &Changes::default())
            .unwrap()
            .variants;
        for value in published().unwrap().values {
            assert_eq!(value.replication, Gamma.id());
            assert!(
                variants.iter().any(|variant| variant.id == value.variant),
                "{value:?}"
            );
            let metric = value.metric.rsplit('.').next().unwrap();
            assert!(Metric::from_id(metric).is_some(), "{value:?}");
            assert_eq!(
                value.metric.contains('.'),
                gamma_of(&value.variant).is_some()
            );
        }
    }

    #[test]
    fn every_choice_is_understood_and_the_first_is_the_protocol() {
        let plain = settings(Profile::Paper, &Changes::default()).unwrap();
        for setting in SETTINGS {
            for (index, choice) in setting.choices.iter().enumerate() {
                let changes: Changes =
                    std::iter::once((setting.name.to_owned(), (*choice).to_owned())).collect();
                let changed = settings(Profile::Paper, &changes).unwrap();
                assert_eq!(changed == plain, index == 0, "{} {choice}", setting.name);
                assert_eq!(
                    changes.with_effect(Effect::Alters, SETTINGS).is_empty(),
                    index == 0
                );
            }
        }
    }

    #[test]
    fn the_paper_profile_is_the_paper_s_protocol() {
        let protocol = Gamma.protocol(Profile::Paper, &Changes::default()).unwrap();
        assert_eq!((protocol.data, protocol.seeds), ("mnist", 10));
        let ids: Vec<&str> = protocol
            .variants
            .iter()
            .map(|variant| variant.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "gamma=0.0001",
                "gamma=0.001",
                "gamma=0.01",
                "gamma=0.1",
                "gamma=1",
                "gamma=10",
                "k-means-64",
                "k-means-classes"
            ]
        );
        let settings = Settings::read(&protocol.variants[1].settings).unwrap();
        assert_eq!(settings, Settings::paper());
    }
}
