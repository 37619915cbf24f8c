//! The options that both experiments have, and the settings they come to.

use super::Settings;
use crate::nn::adam::{AdamOptions, EpsilonForm};
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
pub(super) const SHARED: [Setting; 22] = [
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
        "New nodes: the mean of a winner's distant samples (code), or the most distant one",
        &["means", "farthest"],
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
        "Activation from which on a sample trains its winner, a_t",
    ),
    number("rate", "Part of its way that a winner goes in a step, e_b"),
    number("smoothing", "How fast averages follow, beta"),
    number("slope", "How gently relevance falls, s"),
    number(
        "life-decay",
        "Life that a node loses in a step; 0: none is removed",
    ),
    number("epsilon", "Added to the activation's denominator, e"),
    number(
        "neighbour-rate",
        "Rate of nodes that are reached but win nothing, e_n, as a part of e_b",
    ),
    number(
        "width-start",
        "Width of the neighbourhood at the first iteration: 0.1 activations, or 2 ranks",
    ),
    number(
        "width-end",
        "Width of the neighbourhood at the last iteration: 0.001 activations, or 0.1 ranks",
    ),
    number("learning-rate", "Step size of Adam"),
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
        help: "Train on the first N rows and hold the others out",
        choices: &[],
        effect: Effect::Alters,
    },
    number(
        "connection",
        "Nodes are connected whose relevances differ by less than this times the root of the features",
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
    if let Some(choice) = changes.choice("relevance")? {
        settings.map.distance = choice;
    }
    if let Some(choice) = changes.choice("distance")? {
        settings.map.measure = choice;
    }
    if let Some(choice) = changes.choice("batch-order")? {
        settings.batch_order = choice;
    }
    if let Some(EpsilonForm::Pytorch) = changes.choice("adam")? {
        settings.adam = AdamOptions {
            epsilon: 1e-8,
            epsilon_form: EpsilonForm::Pytorch,
            ..settings.adam
        };
    }
    if let Some(choice) = changes.choice("neighbours")? {
        settings.map = settings.map.with_neighbours(choice);
    }
    if let Some(choice) = changes.choice("insertion")? {
        settings.map.insertion = choice;
    }
    if let Some(choice) = changes.choice("reconstruction")? {
        settings.reconstruction = choice;
    }
    if let Some(choice) = changes.choice("map-loss")? {
        settings.map_loss = choice;
    }
    for (name, field) in [
        ("alpha", &mut settings.alpha),
        ("threshold", &mut settings.map.threshold),
        ("rate", &mut settings.map.rate),
        ("smoothing", &mut settings.map.smoothing),
        ("slope", &mut settings.map.slope),
        ("life-decay", &mut settings.map.life_decay),
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
    let whole = "expected a whole number";
    settings.map.nodes = changes
        .parsed("nodes", whole)?
        .unwrap_or(settings.map.nodes);
    settings.training_rows = changes
        .parsed("training-rows", whole)?
        .or(settings.training_rows);
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
    let expected = "expected a whole number from 1 to 16777216";
    match changes.parsed("iterations", expected)? {
        // Adam's kernel counts its steps in a 32-bit float, which is exact up to here.
        Some(number) if !(1..=1_u64 << 24).contains(&number) => {
            Err(BadSetting::new("iterations", &number.to_string(), expected))
        }
        value => Ok(value),
    }
}
