//! The options that both experiments have, and the settings they come to.

use super::{Neighbours, Removal, Settings};
use crate::data::{self, Entry};
use crate::nn::adam::{EpsilonForm, MAX_STEPS};
use crate::replication::{BadSetting, Changes, Effect, Profile, Setting};

const fn choice(
    name: &'static str,
    help: &'static str,
    choices: &'static [&'static str],
) -> Setting {
    Setting {
        name,
        placeholder: "KIND",
        help,
        choices,
        effect: Effect::Alters,
    }
}

const fn number(name: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        placeholder: "X",
        help,
        choices: &[],
        effect: Effect::Alters,
    }
}

/// Options about the model.
pub(super) const SHARED: [Setting; 27] = [
    choice(
        "relevance",
        "The weighted distance: relevance by relevance (paper), or their mean times the plain one (code)",
        &["per-dimension", "as-coded"],
    ),
    choice(
        "distance",
        "The activation is made from the weighted sum of squares (code), or from its root",
        &["squared", "root"],
    ),
    choice(
        "neighbours",
        "How far a sample reaches beyond its winner: by activation, by rank, or not at all",
        &["activation", "rank", "none"],
    ),
    choice(
        "insertion",
        "New nodes: means of winners' distant samples, of the most distant first or as the code takes them, or sample after sample",
        &["means", "as-coded", "farthest-first"],
    ),
    choice(
        "winners",
        "A winner moves towards the samples that it wins, or towards all that reach it",
        &["own", "reached"],
    ),
    choice(
        "removal",
        "Nodes are removed when their life has run out (code), or when they won too few samples in a pass",
        &["life", "wins"],
    ),
    number(
        "least-wins",
        "By --removal wins, the part of a pass's rows that a node has to win, lp (default: 0.003)",
    ),
    choice(
        "reconstruction",
        "Reconstruction loss: mean squared error, or the error's length as printed",
        &["mean", "norm"],
    ),
    choice(
        "map-loss",
        "The map's loss: weighted squared distances of samples, unsquared as printed, to winners alone, or of each winner's mean (code)",
        &["samples", "norm", "winners", "means"],
    ),
    number("alpha", "Weight of the map's loss (paper: 0.001)"),
    number(
        "threshold",
        "Activation from which on a sample trains its winner, a_t (default: 0.985)",
    ),
    number(
        "rate",
        "Part of its way that a winner goes in a step, e_b (default: 0.1)",
    ),
    number("smoothing", "How fast averages follow, beta (default: 0.5)"),
    number("slope", "How gently relevance falls, s (default: 1)"),
    number(
        "life-decay",
        "By --removal life, what a node loses in a step, ld; 0: none is removed (default: 0.1)",
    ),
    number(
        "epsilon",
        "Added to the activation's denominator, e (default: 0.001)",
    ),
    number(
        "neighbour-rate",
        "Rate of nodes that are reached but win nothing, e_n, as a part of e_b (default: 1)",
    ),
    number(
        "width-start",
        "Width of the neighbourhood at the first iteration (default: 0.1 activations, or 2 ranks)",
    ),
    number(
        "width-end",
        "Width of the neighbourhood at the last iteration (default: 0.001 activations, or 0.1 ranks)",
    ),
    choice(
        "pixels",
        "What the network sees: values from 0 to 1, or standardised ones (code)",
        &["unit", "standardised"],
    ),
    choice(
        "initial",
        "Initial weights: Glorot's, uniform within 1 / sqrt(inputs) of 0, or normal with deviation 0.01",
        &["glorot", "fan-in", "normal"],
    ),
    number("learning-rate", "Step size of Adam (default: 0.001)"),
    choice(
        "adam",
        "Adam's small constant: that of Keras (1e-7), or of PyTorch (1e-8)",
        &["keras", "pytorch"],
    ),
    choice(
        "batch-order",
        "Rows in the order of the file, or in another one every pass",
        &["file", "shuffled"],
    ),
    Setting {
        name: "training-rows",
        placeholder: "N",
        help: "Train on the first N rows and hold the others out (default: 60000)",
        choices: &[],
        effect: Effect::Alters,
    },
    number(
        "connection",
        "Nodes are connected whose relevances differ by less than this times the root of the features (default: 0.5)",
    ),
    Setting {
        name: "nodes",
        placeholder: "N",
        help: "Most nodes of the map (paper: 64)",
        choices: &[],
        effect: Effect::Alters,
    },
];

/// The iterations' option.
pub(super) const ITERATIONS: Setting = Setting {
    name: "iterations",
    placeholder: "N",
    help: "Optimisation steps (paper: 1000)",
    choices: &[],
    effect: Effect::Alters,
};

/// The data set of a profile.
pub(super) fn data_set(profile: Profile) -> &'static str {
    match profile {
        Profile::Smoke => "digits",
        Profile::Quick | Profile::Paper => "mnist",
    }
}

/// The settings of a profile with the user's changes.
pub(super) fn settings(profile: Profile, changes: &Changes) -> Result<Settings, BadSetting> {
    let mut settings = Settings::paper();
    if profile == Profile::Smoke {
        settings.hidden = vec![100, 100, 400];
        settings.batch = 128;
        settings.iterations = 300;
        settings.training_rows = Some(1400);
        settings.pictured = 300;
    }
    changes.choose("relevance", &mut settings.map.distance)?;
    changes.choose("distance", &mut settings.map.measure)?;
    changes.choose("batch-order", &mut settings.batch_order)?;
    if let Some(EpsilonForm::Pytorch) = changes.choice("adam")? {
        settings.adam = settings.adam.with_pytorch_epsilon();
    }
    if let Some(choice) = changes.choice("neighbours")? {
        settings.map = settings.map.with_neighbours(choice);
    }
    changes.choose("insertion", &mut settings.map.insertion)?;
    changes.choose("winners", &mut settings.map.winners)?;
    changes.choose("removal", &mut settings.map.removal)?;
    changes.choose("pixels", &mut settings.pixels)?;
    changes.choose("initial", &mut settings.initial)?;
    changes.choose("reconstruction", &mut settings.reconstruction)?;
    changes.choose("map-loss", &mut settings.map_loss)?;
    for (name, field) in [
        ("alpha", &mut settings.alpha),
        ("threshold", &mut settings.map.threshold),
        ("rate", &mut settings.map.rate),
        ("smoothing", &mut settings.map.smoothing),
        ("slope", &mut settings.map.slope),
        ("life-decay", &mut settings.map.life_decay),
        ("least-wins", &mut settings.map.least_wins),
        ("epsilon", &mut settings.map.epsilon),
        ("neighbour-rate", &mut settings.map.neighbour_rate),
        ("connection", &mut settings.connection),
        ("width-start", &mut settings.map.width_start),
        ("width-end", &mut settings.map.width_end),
        ("learning-rate", &mut settings.adam.learning_rate),
    ] {
        if let Some(value) = changes.parsed(name, "expected a number")? {
            *field = value;
        }
    }
    let map = &settings.map;
    let by_life = map.removal == Removal::Life;
    let has_neighbours = map.neighbours != Neighbours::None;
    for (name, is_looked_at, by) in [
        ("life-decay", by_life, "--removal life"),
        ("least-wins", !by_life, "--removal wins"),
        ("neighbour-rate", has_neighbours, "a neighbourhood"),
        ("width-start", has_neighbours, "a neighbourhood"),
        ("width-end", has_neighbours, "a neighbourhood"),
    ] {
        if let Some(value) = changes.text(name).filter(|_| !is_looked_at) {
            let reason = format!("changes nothing without {by}: leave it out");
            return Err(BadSetting::new(name, value, &reason));
        }
    }
    let whole = "expected a whole number";
    settings.map.nodes = changes
        .parsed("nodes", whole)?
        .unwrap_or(settings.map.nodes);
    if let Some(rows) = changes.parsed::<i64>("training-rows", whole)? {
        let data = data_set(profile);
        let refused = |reason: &str| BadSetting::new("training-rows", &rows.to_string(), reason);
        let there = data::catalogue().and_then(|all| all.entry(data).map(Entry::rows));
        let there = there.map_err(|error| refused(&error.to_string()))?;
        if rows > there as i64 {
            return Err(refused(&format!("{data} has {there} rows")));
        }
        settings.training_rows = Some(rows);
    }
    settings.iterations = iterations(changes)?.unwrap_or(settings.iterations);
    // Which option is wrong, the message says.
    Settings::read(&settings.to_value()).map_err(|error| {
        let altered = changes.with_effect(Effect::Alters, &SHARED);
        let names: Vec<&str> = altered.iter().map(|(name, _)| name.as_str()).collect();
        BadSetting::new(&names.join(", --"), "", &error.to_string())
    })?;
    Ok(settings)
}

/// The iterations that the user asks for.
pub(super) fn iterations(changes: &Changes) -> Result<Option<u64>, BadSetting> {
    changes.count(ITERATIONS.name, MAX_STEPS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    /// The places in two settings' JSON at which they differ.
    fn differences(one: &Value, other: &Value, place: &str, found: &mut Vec<String>) {
        let (Value::Object(a), Value::Object(b)) = (one, other) else {
            if one != other {
                found.push(place.to_owned());
            }
            return;
        };
        let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for name in names {
            let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned();
            let (a, b) = (of(a).unwrap_or_default(), of(b).unwrap_or_default());
            differences(&a, &b, &format!("{place}/{name}"), found);
        }
    }

    #[test]
    fn every_option_changes_its_own_setting_alone() {
        let all = [
            ("relevance", json!("as-coded"), "/map/distance"),
            ("distance", json!("root"), "/map/measure"),
            ("neighbours", json!("none"), "/map/neighbours"),
            ("insertion", json!("as-coded"), "/map/insertion"),
            ("winners", json!("reached"), "/map/winners"),
            ("removal", json!("wins"), "/map/removal"),
            ("least-wins", json!(0.001), "/map/least_wins"),
            ("reconstruction", json!("norm"), "/reconstruction"),
            ("map-loss", json!("winners"), "/map_loss"),
            ("alpha", json!(0.5), "/alpha"),
            ("threshold", json!(0.5), "/map/threshold"),
            ("rate", json!(0.25), "/map/rate"),
            ("smoothing", json!(0.25), "/map/smoothing"),
            ("slope", json!(0.25), "/map/slope"),
            ("life-decay", json!(0.25), "/map/life_decay"),
            ("epsilon", json!(0.25), "/map/epsilon"),
            ("neighbour-rate", json!(0.25), "/map/neighbour_rate"),
            ("width-start", json!(0.25), "/map/width_start"),
            ("width-end", json!(0.25), "/map/width_end"),
            ("pixels", json!("standardised"), "/pixels"),
            ("initial", json!("fan-in"), "/initial"),
            ("learning-rate", json!(0.25), "/adam/learning_rate"),
            ("adam", json!("pytorch"), "/adam/epsilon_form"),
            ("batch-order", json!("shuffled"), "/batch_order"),
            ("training-rows", json!(100), "/training_rows"),
            ("connection", json!(0.25), "/connection"),
            ("nodes", json!(9), "/map/nodes"),
        ];
        let names: Vec<&str> = all.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(names.len(), SHARED.len());
        for setting in &SHARED {
            let (name, value, place) = all.iter().find(|one| one.0 == setting.name).unwrap();
            let text = value.as_str().map_or(value.to_string(), str::to_owned);
            // Wins are looked at where they decide.
            let before = (*name == "least-wins").then(|| ("removal".to_owned(), "wins".to_owned()));
            let of = |option: Option<(String, String)>| {
                let changes = before.clone().into_iter().chain(option);
                settings(Profile::Paper, &changes.collect())
                    .unwrap()
                    .to_value()
            };
            let (usual, changed) = (of(None), of(Some(((*name).to_owned(), text))));
            assert_eq!(changed.pointer(place), Some(value), "{name}");
            let mut found = Vec::new();
            differences(&usual, &changed, "", &mut found);
            // PyTorch's epsilon is another number too.
            found.retain(|place| place != "/adam/epsilon");
            assert_eq!(found, [*place], "{name}");
        }
    }

    #[test]
    fn the_numbers_in_help_texts_are_those_that_are_used() {
        let usual = settings(Profile::Paper, &Changes::default()).unwrap();
        for option in SHARED.iter().filter(|option| option.choices.is_empty()) {
            let said = ["(default: ", "(paper: "];
            let said = said.iter().find_map(|words| option.help.split_once(words));
            let number = |c: char| !c.is_ascii_digit() && c != '.';
            let value = said.unwrap().1.split(number).next().unwrap().to_owned();
            let mut pairs = vec![(option.name.to_owned(), value)];
            // What nothing looks at otherwise.
            let needed = (option.name == "least-wins").then_some(("removal", "wins"));
            pairs.extend(needed.map(|(name, choice)| (name.to_owned(), choice.to_owned())));
            let mut same = settings(Profile::Paper, &pairs.into_iter().collect()).unwrap();
            if needed.is_some() {
                same.map.removal = usual.map.removal;
            }
            assert_eq!(same, usual, "{}: {}", option.name, option.help);
        }
    }

    #[test]
    fn numbers_that_nothing_looks_at_are_refused() {
        for (name, option, choice) in [
            ("least-wins", "removal", "life"),
            ("life-decay", "removal", "wins"),
            ("neighbour-rate", "neighbours", "none"),
            ("width-start", "neighbours", "none"),
            ("width-end", "neighbours", "none"),
        ] {
            let pairs = [(name, "0.01"), (option, choice)];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let error = settings(Profile::Paper, &pairs.into_iter().collect()).unwrap_err();
            assert_eq!((error.name.as_str(), error.value.as_str()), (name, "0.01"));
            assert!(error.reason.contains("changes nothing without"), "{error}");
        }
    }
}
