//! `desom-gamma`: the weight of the SOM loss, Fig. 1 of the additional material.

use super::{Desom, Settings, published};
use crate::claims::{Published, Summary};
use crate::cluster::baseline::{BaselineSettings, KMeansBaseline};
use crate::plot::{Baseline, Panel, Point, Scale, Sweep};
use crate::replication::{
    BadSetting, Changes, Presentation, Profile, Protocol, Replication, Results, Setting, Variant,
};
use crate::report::Table;
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
        baseline: (CLASSES_CLUSTERS, "accuracy", "k-means, k = classes"),
    },
    Shown {
        title: "purity",
        metric: "bmu.purity",
        baseline: (MANY_CLUSTERS, "purity", "k-means, k = 64"),
    },
    Shown {
        title: "NMI",
        metric: "bmu.nmi_geometric",
        baseline: (MANY_CLUSTERS, "nmi_geometric", "k-means, k = 64"),
    },
    Shown {
        title: "ARI",
        metric: "bmu.ari",
        baseline: (MANY_CLUSTERS, "ari", "k-means, k = 64"),
    },
];

/// The baseline with as many clusters as the map has units, and the one with as many as classes.
const MANY_CLUSTERS: &str = "k-means-64";
const CLASSES_CLUSTERS: &str = "k-means-classes";

const SETTINGS: &[Setting] = &[
    Setting {
        name: "gammas",
        value: "LIST",
        help: "Weights of the SOM loss to run, e.g. 0.001,10",
        choices: &[],
    },
    Setting {
        name: "iterations",
        value: "N",
        help: "Optimisation steps of each run (paper: 10000)",
        choices: &[],
    },
    Setting {
        name: "map-distance",
        value: "KIND",
        help: "Distance on the map: as the paper says, or as the authors' code computes it",
        choices: &["manhattan", "as-coded"],
    },
    Setting {
        name: "neighbourhood",
        value: "KIND",
        help: "Neighbourhood function",
        choices: &["gaussian", "window"],
    },
    Setting {
        name: "decay",
        value: "KIND",
        help: "How the temperature falls",
        choices: &["exponential", "linear", "constant"],
    },
    Setting {
        name: "horizon",
        value: "KIND",
        help: "What the schedule divides by: iterations - 1 (code) or iterations (paper)",
        choices: &["last-iteration", "iterations"],
    },
    Setting {
        name: "gamma-scale",
        value: "KIND",
        help: "Reconstruction loss that gamma stands beside: mean over features (code) or sum (paper)",
        choices: &["mean", "sum"],
    },
    Setting {
        name: "post-clusters",
        value: "KIND",
        help: "Groups of prototypes for the accuracy: classes (paper) or the largest label (code)",
        choices: &["classes", "largest-label"],
    },
    Setting {
        name: "epsilon-form",
        value: "KIND",
        help: "Where Adam adds epsilon: before (keras) or after (pytorch) bias correction",
        choices: &["keras", "pytorch"],
    },
];

fn variant_id(gamma: f64) -> String {
    format!("gamma={gamma}")
}

/// The settings of a profile, gamma aside.
fn settings(profile: Profile, changes: &Changes) -> Result<Settings, BadSetting> {
    let mut settings = Settings::paper();
    match profile {
        Profile::Paper => {}
        Profile::Quick => settings.iterations = 700,
        Profile::Smoke => {
            settings.hidden = vec![100, 100, 400];
            settings.batch = 128;
            settings.iterations = 400;
        }
    }
    if let Some(iterations) = changes.parsed("iterations", "expected a whole number from 1 up")? {
        if iterations == 0 {
            return Err(BadSetting::new(
                "iterations",
                "0",
                "expected a whole number from 1 up",
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
    if let Some(wrong) = gammas
        .iter()
        .find(|gamma| !gamma.is_finite() || **gamma <= 0.0)
    {
        // A logarithmic axis has no place for 0; DESOM without a SOM is another experiment.
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
            let mut baseline = BaselineSettings::new(clusters);
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
        let parts = names.iter().filter_map(|(title, metrics)| {
            let value = metrics.iter().find_map(|metric| record.metric(metric))?;
            Some(format!("{title} {value:.3}"))
        });
        parts.collect::<Vec<_>>().join("  ")
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        Ok(Presentation {
            table: self.table(results, &published),
            figures: vec![("fig1".to_owned(), self.figure(results, &published).draw()?)],
        })
    }
}

fn summary(results: &Results, variant: &str, metric: &str) -> Summary {
    let records = results.records(variant).iter();
    Summary::of(records.map(|record| record.metric(metric)))
}

fn gamma_of(variant: &str) -> Option<f64> {
    variant.strip_prefix("gamma=")?.parse().ok()
}

impl Gamma {
    fn table(&self, results: &Results, published: &Published) -> Table {
        // The smoke profile has other data: nothing published compares with it.
        let comparable = results.profile != Profile::Smoke;
        let mut head = vec!["variant".to_owned(), "n".to_owned()];
        for shown in SHOWN {
            head.push(shown.title.to_owned());
            if comparable {
                head.push("published".to_owned());
            }
        }
        let mut rows = Vec::new();
        let mut collapsed = 0;
        let mut diverged = 0;
        for variant in &results.variants {
            let is_baseline = gamma_of(&variant.id).is_none();
            let mut row = vec![variant.id.clone(), variant.records.len().to_string()];
            for shown in SHOWN {
                let metric = if is_baseline {
                    shown
                        .metric
                        .split_once('.')
                        .map_or(shown.metric, |(_, metric)| metric)
                } else {
                    shown.metric
                };
                // With more clusters than classes most clusters stay unmatched: that accuracy is
                // another quantity.
                if variant.id == MANY_CLUSTERS && metric == "accuracy" {
                    row.extend(vec!["-".to_owned(); 1 + usize::from(comparable)]);
                    continue;
                }
                row.push(summary(results, &variant.id, metric).to_string());
                if comparable {
                    let value = published.value(self.id(), &variant.id, metric);
                    row.push(value.map_or("-".to_owned(), |value| match value.sd {
                        Some(sd) => format!("{:.3} \u{b1} {sd:.3}", value.mean),
                        None => format!("{:.3}", value.mean),
                    }));
                }
            }
            rows.push(row);
            for record in &variant.records {
                collapsed += u32::from(record.metric("units_used") == Some(1.0));
                diverged += u32::from(record.outcome != Outcome::Completed);
            }
        }
        let mut caption = format!(
            "{}; mean \u{b1} sample standard deviation over n runs. Accuracy after k-means on the \
             prototypes, the others on the best matching units; NMI with geometric normalisation.",
            results.data_title
        );
        if collapsed + diverged > 0 {
            caption +=
                &format!(" {collapsed} runs collapsed onto a single unit, {diverged} diverged.");
        }
        if let Some(note) = results.profile.note() {
            caption += &format!("\n{note}");
        }
        Table {
            caption,
            head,
            rows,
        }
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
                published: match results.profile {
                    // Other data.
                    Profile::Smoke => Vec::new(),
                    Profile::Quick | Profile::Paper => {
                        self.published_points(published, shown.metric)
                    }
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
            caption: "After Forest et al. (2019), additional material, Fig. 1 (MNIST). Accuracy \
                      after k-means on the prototypes; purity, NMI (geometric) and ARI on the best \
                      matching units."
                .to_owned(),
            note: results.profile.note(),
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
                    sd: value.sd,
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
