//! `desom-audit`: what each known difference between the paper and its authors' code does to the results.
//! What is run; what is shown of it is in `audit_shown`.

use super::audit_shown as shown;
use super::{
    BatchOrder, Desom, GammaScale, PrototypeStart, Settings, gamma, gamma_shown, published,
};
use crate::claims::Published;
use crate::nn::adam::EpsilonForm;
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::report::effects;
use crate::runs::Record;
use crate::som::{Horizon, MapDistance};

/// One switch at a time.
#[derive(Debug)]
pub struct Audit;

/// The settings that all others are compared with: those of `desom-gamma` at gamma = 0.001.
pub(super) const BASELINE: &str = "baseline";

/// A change of the training: a variant of its own.
pub(super) struct Switch {
    /// The variant's id.
    pub id: &'static str,
    /// What is changed, in a few words.
    pub label: &'static str,
    change: fn(&mut Settings),
}

/// The changes, in the order in which they are shown.
pub(super) const SWITCHES: [Switch; 7] = [
    Switch {
        id: "map-distance=as-coded",
        label: "map distance of the code",
        change: |settings| settings.map_distance = MapDistance::AsCoded,
    },
    Switch {
        id: "horizon=iterations",
        label: "schedule of the paper, t / iterations",
        change: |settings| settings.temperature.horizon = Horizon::Iterations,
    },
    Switch {
        id: "batch-order=shuffled",
        label: "batches shuffled",
        change: |settings| settings.batch_order = BatchOrder::Shuffled,
    },
    Switch {
        id: "epsilon=1e-8",
        label: "Adam's epsilon 1e-8",
        change: |settings| settings.adam.epsilon = 1e-8,
    },
    Switch {
        id: "epsilon-form=pytorch",
        label: "Adam's epsilon as in PyTorch",
        change: |settings| settings.adam.epsilon_form = EpsilonForm::Pytorch,
    },
    Switch {
        id: "gamma-scale=sum",
        label: "gamma beside a sum over features",
        change: |settings| settings.gamma_scale = GammaScale::Sum,
    },
    Switch {
        id: "prototype-start=glorot",
        label: "prototypes start at random values",
        change: |settings| settings.prototype_start = PrototypeStart::Glorot,
    },
];

const SETTINGS: &[Setting] = &[Setting {
    name: "iterations",
    placeholder: "N",
    help: "Optimisation steps of each run (paper: 10000)",
    choices: &[],
    effect: Effect::Alters,
}];

impl Replication for Audit {
    fn id(&self) -> &'static str {
        "desom-audit"
    }

    fn summary(&self) -> &'static str {
        "DESOM on MNIST: what each difference between the paper and its code changes"
    }

    fn description(&self) -> &'static str {
        include_str!("audit.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let baseline = gamma::settings(profile, changes)?;
        let data = match profile {
            Profile::Smoke => "digits",
            Profile::Quick | Profile::Paper => "mnist",
        };
        let variant = |id: &str, settings: &Settings| Variant {
            id: id.to_owned(),
            method: &Desom,
            settings: settings.to_value(),
            data,
        };
        let mut variants = vec![variant(BASELINE, &baseline)];
        for switch in &SWITCHES {
            let mut settings = baseline.clone();
            (switch.change)(&mut settings);
            variants.push(variant(switch.id, &settings));
        }
        let seeds = match profile {
            Profile::Smoke => 3,
            Profile::Quick => 2,
            Profile::Paper => 10,
        };
        Ok(Protocol { variants, seeds })
    }

    fn headline(&self, record: &Record) -> String {
        gamma_shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let found = shown::effects(results);
        Ok(Presentation {
            comparisons: shown::comparisons(results),
            caption: shown::caption(results),
            figures: vec![("effects".to_owned(), shown::figure(results, &found).draw()?)],
            further: vec![effects::table(&found)],
            tables: vec![("audit.csv".to_owned(), effects::csv(results, &found)?)],
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn each_variant_differs_from_the_baseline_in_one_setting() {
        for profile in Profile::ALL {
            let none = Changes::default();
            let variants = Audit.protocol(profile, &none).unwrap().variants;
            let sweep = super::super::Gamma.protocol(profile, &none).unwrap();
            let mut of_sweep = sweep.variants.iter();
            let of_sweep = of_sweep.find(|one| one.id == "gamma=0.001").unwrap();
            assert_eq!(variants[0].settings, of_sweep.settings);
            for variant in &variants[1..] {
                let mut same = Settings::read(&variant.settings).unwrap();
                let base = Settings::read(&variants[0].settings).unwrap();
                let mut differing = 0;
                macro_rules! put_back {
                    ($($field:tt).+) => {
                        if same.$($field).+ != base.$($field).+ {
                            differing += 1;
                            same.$($field).+ = base.$($field).+;
                        }
                    };
                }
                put_back!(map_distance);
                put_back!(temperature.horizon);
                put_back!(batch_order);
                put_back!(adam.epsilon);
                put_back!(adam.epsilon_form);
                put_back!(gamma_scale);
                put_back!(prototype_start);
                assert_eq!((differing, &same), (1, &base), "{}", variant.id);
            }
        }
    }
}
