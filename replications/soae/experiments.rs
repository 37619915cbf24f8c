//! `soae`, the comparison, and `soae-figures`, its pictures: what is run.

use super::lattice::classic;
use super::settings::LEARNING_RATE;
use super::{LatticeSom, Settings, Soae, Space, Training, pictures, published, shown};
use crate::baselines::{KMeansBaseline, KMeansSettings};
use crate::claims::Published;
use crate::replication::{
    BadSetting, Changes, Effect, Pictures, Presentation, Profile, Protocol, Replication, Results,
    Setting, Variant,
};
use crate::runs::{Record, Store};

/// The experiments on the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// Autoencoder, VAE, SOAE in three spaces, k-means, online map; and SOAE with other kernels and steps.
    Comparison,
    /// Pictures of those with codes of two dimensions.
    Figures,
}

pub(super) const ITERATIONS: Setting = Setting {
    name: "iterations",
    placeholder: "N",
    help: "Iterations of each training (our protocol: 10000)",
    choices: &[],
    effect: Effect::Alters,
};

const SETTINGS: &[Setting] = &[
    ITERATIONS,
    Setting {
        name: "learning-rate",
        placeholder: "X",
        help: "Adam's step size for encoder and decoder (our protocol: 0.001)",
        choices: &[],
        effect: Effect::Alters,
    },
];

/// Final widths of the kernel, as in ids, besides [`MIDDLE`].
const WIDTHS: [(&str, f64); 4] = [("0.02", 0.02), ("0.1", 0.1), ("0.2", 0.2), ("0.4", 0.4)];

/// The final width of SOAE in the plane itself, and so a point of that sweep.
pub(super) const MIDDLE: f64 = 0.05;

/// SOAE with one step of each, the kernel from 1 to 0.05; on the sphere, which is smaller than the torus, from
/// 0.8 to 0.04: both a choice of ours.
fn alternating(space: Space) -> Training {
    Training::Alternating {
        encoder_steps: 1,
        decoder_steps: 1,
        sigma: match space {
            Space::Plane | Space::Torus => [1.0, MIDDLE],
            Space::Sphere => [0.8, 0.04],
        },
        importance: false,
    }
}

/// The variants that have pictures: id without the data set, space, numbers of a code, training.
fn two_dimensional() -> [(&'static str, Space, i64, Training); 5] {
    use Space::{Plane, Sphere, Torus};
    [
        ("ae-2", Plane, 2, Training::Autoencoder),
        ("vae-2", Plane, 2, Training::Variational),
        ("soae-r2", Plane, 2, alternating(Plane)),
        ("soae-torus", Torus, 2, alternating(Torus)),
        ("soae-sphere", Sphere, 3, alternating(Sphere)),
    ]
}

fn ten_dimensional() -> [(&'static str, Space, i64, Training); 5] {
    use Space::{Plane, Sphere, Torus};
    [
        ("ae-10", Plane, 10, Training::Autoencoder),
        ("vae-10", Plane, 10, Training::Variational),
        ("soae-r10", Plane, 10, alternating(Plane)),
        ("soae-torus-10", Torus, 10, alternating(Torus)),
        ("soae-sphere-10", Sphere, 10, alternating(Sphere)),
    ]
}

/// SOAE in the plane with another kernel, other steps, or rows drawn by importance.
fn changed() -> Vec<(String, Training)> {
    let with = |end: f64, encoder_steps, decoder_steps, importance| Training::Alternating {
        encoder_steps,
        decoder_steps,
        sigma: [1.0, end],
        importance,
    };
    let widths = WIDTHS.map(|(name, end)| (format!("sigma={name}"), with(end, 1, 1, false)));
    let mut all = widths.to_vec();
    all.push(("steps=1:5".to_owned(), with(MIDDLE, 1, 5, false)));
    all.push(("steps=5:1".to_owned(), with(MIDDLE, 5, 1, false)));
    all.push(("importance".to_owned(), with(MIDDLE, 1, 1, true)));
    all
}

/// The settings of a profile with the user's changes: those of a plain autoencoder.
pub(super) fn base(profile: Profile, changes: &Changes) -> Result<Settings, BadSetting> {
    let mut settings = Settings {
        space: Space::Plane,
        latent: 2,
        hidden: vec![500, 500, 2000],
        batch: 256,
        iterations: match profile {
            Profile::Smoke => 300,
            Profile::Quick => 250,
            Profile::Paper => 10_000,
        },
        training: Training::Autoencoder,
        held_out: if profile == Profile::Smoke {
            297
        } else {
            10_000
        },
        learning_rate: LEARNING_RATE,
    };
    if profile == Profile::Smoke {
        settings.hidden = vec![64, 64];
        settings.batch = 64;
    }
    settings.iterations = changes
        .count("iterations", 1_000_000)?
        .unwrap_or(settings.iterations);
    if let Some(rate) = changes.parsed("learning-rate", "expected a number")? {
        settings.learning_rate = rate;
        let given = changes.text("learning-rate").unwrap_or_default();
        let bad = |reason: String| BadSetting::new("learning-rate", given, &reason);
        settings.adam().check().map_err(bad)?;
    }
    Ok(settings)
}

fn variant(id: &str, data: &'static str, settings: &Settings) -> Variant {
    Variant {
        id: format!("{data}/{id}"),
        method: &Soae,
        settings: settings.to_value(),
        data,
    }
}

/// The data sets of a profile.
pub(super) fn sets(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Smoke => &["digits"],
        Profile::Quick => &["mnist"],
        Profile::Paper => &["mnist", "fashion-mnist"],
    }
}

impl Replication for Experiment {
    fn id(&self) -> &'static str {
        match self {
            Self::Comparison => "soae",
            Self::Figures => "soae-figures",
        }
    }

    fn summary(&self) -> &'static str {
        match self {
            Self::Comparison => {
                "SOAE on plane, torus and sphere beside autoencoder, VAE, k-means and map"
            }
            Self::Figures => "SOAE's latent spaces: decoded manifolds, codes, samples, losses",
        }
    }

    fn description(&self) -> &'static str {
        include_str!("soae.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let base = base(profile, changes)?;
        let sets = sets(profile);
        let mut variants = Vec::new();
        for &data in sets {
            let mut rows = two_dimensional().to_vec();
            if *self == Self::Comparison && profile != Profile::Quick {
                rows.extend(ten_dimensional());
            }
            for (id, space, latent, training) in rows {
                let settings = Settings {
                    space,
                    latent,
                    training,
                    ..base.clone()
                };
                variants.push(variant(id, data, &settings));
            }
            if *self == Self::Figures {
                continue;
            }
            let mut kmeans = KMeansSettings::new(10);
            if profile == Profile::Quick {
                kmeans.restarts = 1;
            }
            variants.push(Variant {
                id: format!("{data}/k-means"),
                method: &KMeansBaseline,
                settings: kmeans.to_value(),
                data,
            });
            variants.push(Variant {
                id: format!("{data}/som-20x20"),
                method: &LatticeSom,
                settings: classic(&base).to_value(),
                data,
            });
        }
        if *self == Self::Comparison {
            let data = sets[0];
            for (id, training) in changed() {
                // The shortest and the longest kernel are enough for a first look.
                let ends = ["sigma=0.02", "sigma=0.4"];
                if profile == Profile::Quick && !ends.contains(&id.as_str()) {
                    continue;
                }
                let settings = Settings {
                    training,
                    ..base.clone()
                };
                variants.push(variant(&id, data, &settings));
            }
        }
        Ok(Protocol {
            variants,
            seeds: match (profile, self) {
                (Profile::Paper, _) => 10,
                (_, Self::Figures) => 1,
                _ => 2,
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
            figures: match self {
                Self::Comparison => shown::sensitivity(results)?,
                Self::Figures => shown::losses(results)?,
            },
            ..Presentation::default()
        })
    }

    fn pictures(&self, results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
        match self {
            Self::Comparison => Ok(Pictures::default()),
            Self::Figures => pictures::pictures(results, store),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_variant_s_settings_are_understood_and_no_two_are_one_run() {
        for profile in Profile::ALL {
            for experiment in [Experiment::Comparison, Experiment::Figures] {
                let protocol = experiment.protocol(profile, &Changes::default()).unwrap();
                for variant in &protocol.variants {
                    assert!(
                        variant.method.shape(&variant.settings).is_ok(),
                        "{}",
                        variant.id
                    );
                    let twins = protocol.variants.iter();
                    let twins = twins.filter(|other| {
                        other.settings == variant.settings && other.data == variant.data
                    });
                    assert_eq!(twins.count(), 1, "{}", variant.id);
                }
            }
        }
    }

    #[test]
    fn pictures_are_of_runs_of_the_comparison() {
        for profile in Profile::ALL {
            let of = |one: Experiment| one.protocol(profile, &Changes::default()).unwrap().variants;
            let comparison = of(Experiment::Comparison);
            for variant in of(Experiment::Figures) {
                let same = comparison.iter().find(|other| other.id == variant.id);
                assert_eq!(same.unwrap().settings, variant.settings);
            }
        }
    }

    #[test]
    fn iterations_have_to_be_some() {
        let changes: Changes = std::iter::once(("iterations".to_owned(), "0".to_owned())).collect();
        let error = Experiment::Comparison
            .protocol(Profile::Smoke, &changes)
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("--iterations 0: "));
    }

    #[test]
    fn another_learning_rate_is_another_run_of_the_encoders_alone() {
        let with = |rate: Option<&str>| {
            let pairs = rate.map(|rate| ("learning-rate".to_owned(), rate.to_owned()));
            let changes: Changes = pairs.into_iter().collect();
            Experiment::Comparison.protocol(Profile::Paper, &changes)
        };
        let usual = with(None).unwrap().variants;
        let same = with(Some("0.001")).unwrap().variants;
        let slower = with(Some("1e-4")).unwrap().variants;
        for ((usual, same), slower) in usual.iter().zip(&same).zip(&slower) {
            assert_eq!(usual.settings, same.settings, "{}", usual.id);
            // Keys of runs that were made before there was the option.
            assert!(usual.settings.get("learning_rate").is_none());
            let encodes = usual.method.id() == "soae";
            assert_eq!(usual.settings != slower.settings, encodes, "{}", usual.id);
        }
        for (rate, reason) in [
            ("0", "must be a positive number"),
            ("-1", "must be a positive number"),
            ("inf", "must be a positive number"),
            ("fast", "expected a number"),
        ] {
            let message = with(Some(rate)).err().unwrap().to_string();
            assert!(
                message.starts_with(&format!("--learning-rate {rate}: ")),
                "{message}"
            );
            assert!(message.contains(reason), "{message}");
        }
    }
}
