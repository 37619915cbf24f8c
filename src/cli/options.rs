//! The options that replications share, and how replications become subcommands.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use glob::Pattern;

use crate::catalogue::REPLICATIONS;
use crate::device::{self, Choice};
use crate::nn::Precision;
use crate::random::Seed;
use crate::replication::{BadSetting, Changes, Profile, Protocol, Replication, Setting};
use crate::words;

/// Options of every command that is about the runs of a replication.
#[derive(Args, Debug, Clone)]
pub struct RunArgs {
    /// How much of the protocol: smoke (embedded data, seconds), quick (real data, minutes) or
    /// paper (everything; hours on a CPU)
    #[arg(long, short, value_name = "PROFILE", default_value = "quick", value_parser = profile)]
    pub profile: Profile,
    /// How many seeds (5 for 0 to 4), or which (0,3,7 or 10-19; one alone: 5,) [default: the
    /// profile's number]
    #[arg(long, value_name = "N|LIST", value_parser = seeds)]
    pub seeds: Option<Seeds>,
    /// Variants to run, by their names in `replicate plan`; * stands for any text: desom,mnist/*
    /// [default: all]
    #[arg(long, value_name = "LIST", value_parser = variants)]
    pub variants: Option<Variants>,
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Choice,
    /// Accuracy of the products of training: exact (32-bit floats) or fast (bfloat16 on CPUs that have
    /// it, TF32 on GPUs); runs of either are kept apart
    #[arg(long, value_name = "PRECISION", default_value = "exact", value_parser = precision)]
    pub precision: Precision,
    /// CPU threads to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Runs to do at the same time on a CPU; they share the threads [default: what is fastest here]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Write the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// The defaults, for one profile, on the CPU: for what reads the store and trains nothing.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        Self {
            profile,
            seeds: None,
            variants: None,
            device: Choice::Cpu,
            precision: Precision::default(),
            threads: None,
            workers: None,
            json: false,
        }
    }

    /// The number of threads to use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
            .map_or_else(device::available_threads, usize::from)
    }
}

/// The seeds of each variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds {
    /// In ascending order.
    pub seeds: Vec<Seed>,
    /// As the user wrote them.
    pub text: String,
}

/// Which of a replication's variants are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variants {
    /// Names, with `*` for any text.
    patterns: Vec<Pattern>,
    /// As the user wrote them.
    pub text: String,
}

impl Variants {
    /// Leaves the wanted variants, in the protocol's order.
    ///
    /// # Errors
    /// If a name is that of none; the message lists what there is.
    pub fn choose(&self, protocol: &mut Protocol) -> Result<(), BadSetting> {
        let known = protocol.variants.iter();
        let known: Vec<String> = known.map(|variant| variant.id.clone()).collect();
        for pattern in &self.patterns {
            if !known.iter().any(|id| pattern.matches(id)) {
                let alike = words::alike(pattern.as_str(), known.iter().map(String::as_str));
                let meant = words::or_meant(&alike);
                let reason = format!("in this profile there are {}{meant}", known.join(", "));
                return Err(BadSetting::new("variants", pattern.as_str(), &reason));
            }
        }
        let wanted = |id: &str| self.patterns.iter().any(|pattern| pattern.matches(id));
        protocol.variants.retain(|variant| wanted(&variant.id));
        Ok(())
    }
}

/// Variants from names separated by commas.
pub(super) fn variants(text: &str) -> Result<Variants, String> {
    let pattern = |name: &str| {
        let mut name = name.trim().to_owned();
        if name.is_empty() {
            return Err("expected names separated by commas: desom,mnist/*".to_owned());
        }
        // Two stars have a meaning of their own in patterns of paths.
        while name.contains("**") {
            name = name.replace("**", "*");
        }
        // Of the pattern's signs only the star is ours: a name may hold brackets.
        let parts: Vec<String> = name.split('*').map(Pattern::escape).collect();
        Pattern::new(&parts.join("*")).map_err(|error| error.to_string())
    };
    Ok(Variants {
        patterns: text.split(',').map(pattern).collect::<Result<_, _>>()?,
        text: text.trim().to_owned(),
    })
}

/// A profile by its name.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    let found = Profile::ALL
        .into_iter()
        .find(|profile| profile.name() == text);
    found.ok_or_else(|| "expected smoke, quick or paper".to_owned())
}

/// A precision by its name.
pub(super) fn precision(text: &str) -> Result<Precision, String> {
    let found = Precision::ALL
        .into_iter()
        .find(|precision| precision.name() == text);
    found.ok_or_else(|| "expected exact or fast".to_owned())
}

/// Seeds at most: a typing slip should not plan a million runs.
const MOST_SEEDS: u64 = 10_000;

/// Seeds from a number, a list or a range.
pub(super) fn seeds(text: &str) -> Result<Seeds, String> {
    let wrong = || {
        "expected a number (5 for 0 to 4), a list (0,3,7) or a range (10-19; 10..20 is the same)"
            .to_owned()
    };
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let range = |start: u64, end: u64| {
        if start >= end || end - start > MOST_SEEDS {
            return Err(format!(
                "expected between 1 and {MOST_SEEDS} seeds; 10-19 and 10..20 are 10 to 19"
            ));
        }
        Ok((start..end).collect())
    };
    let mut seeds: Vec<u64> = if let Some((start, end)) = text.split_once("..") {
        range(number(start)?, number(end)?)?
    } else if let Some((first, last)) = text.split_once('-') {
        range(number(first)?, number(last)?.saturating_add(1))?
    } else if text.contains(',') {
        text.trim_end_matches(',')
            .split(',')
            .map(number)
            .collect::<Result<_, _>>()?
    } else {
        range(0, number(text)?)?
    };
    seeds.sort_unstable();
    seeds.dedup();
    if seeds.len() as u64 > MOST_SEEDS {
        return Err(format!("expected between 1 and {MOST_SEEDS} seeds"));
    }
    Ok(Seeds {
        seeds: seeds.into_iter().map(Seed).collect(),
        text: text.trim().to_owned(),
    })
}

/// Gives `command` one subcommand for each replication, with the shared options and its own.
#[must_use]
pub fn with_replications(command: Command, own: fn(Command) -> Command) -> Command {
    REPLICATIONS.iter().fold(command, |command, replication| {
        command.subcommand(described(own(subcommand(*replication)), *replication))
    })
}

/// After all arguments: adding an argument struct would put its own documentation here.
fn described(command: Command, replication: &dyn Replication) -> Command {
    let long = format!(
        "{}\n\n{}",
        replication.summary(),
        flowing(replication.description().trim_end())
    );
    command.about(replication.summary()).long_about(long)
}

/// Lines that belong together as one, for a terminal to break: paragraphs and items of lists.
fn flowing(text: &str) -> String {
    let mut flowing = String::with_capacity(text.len());
    for line in text.lines() {
        let is_new = line.is_empty() || line.starts_with(['-', ' ', '|']);
        let goes_on = line.starts_with("  ") && !line.trim_start().starts_with('-');
        if (!is_new || goes_on) && !flowing.is_empty() && !flowing.ends_with('\n') {
            flowing.push(' ');
            flowing.push_str(line.trim_start());
        } else if goes_on || flowing.is_empty() {
            flowing.push_str(line);
        } else {
            flowing.push('\n');
            flowing.push_str(line);
        }
    }
    flowing
}

fn subcommand(replication: &dyn Replication) -> Command {
    let command = RunArgs::augment_args(Command::new(replication.id()));
    let settings = replication.settings().iter();
    settings.fold(command, |command, setting| {
        let mut arg = Arg::new(setting.name)
            .long(setting.name)
            .value_name(setting.placeholder)
            .help(help(setting))
            .allow_negative_numbers(true)
            .help_heading("Settings of the experiment");
        if !setting.choices.is_empty() {
            arg = arg.value_parser(PossibleValuesParser::new(setting.choices));
        }
        command.arg(arg)
    })
}

/// What a setting does, and what it is if nobody says.
#[must_use]
pub fn help(setting: &Setting) -> String {
    match setting.choices.first() {
        Some(default) => format!("{} [default: {default}]", setting.help),
        None => setting.help.to_owned(),
    }
}

/// The shared options and the changed settings of a replication's subcommand.
///
/// # Errors
/// Never for matches of [`with_replications`]'s commands.
pub fn read(
    replication: &dyn Replication,
    matches: &ArgMatches,
) -> Result<(RunArgs, Changes), clap::Error> {
    let args = RunArgs::from_arg_matches(matches)?;
    let given = replication.settings().iter().filter_map(|setting| {
        let value = matches.get_one::<String>(setting.name)?;
        Some((setting.name.to_owned(), value.clone()))
    });
    Ok((args, given.collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_that_belong_together_flow() {
        let text = "A sentence\nthat goes on.\n\nAnother:\n- an item\n  of two lines\n- one";
        let flowing = flowing(text);
        assert_eq!(
            flowing,
            "A sentence that goes on.\n\nAnother:\n- an item of two lines\n- one"
        );
        assert_eq!(super::flowing(&flowing), flowing);
        // No word is lost or joined to another.
        for replication in REPLICATIONS {
            let text = replication.description();
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            assert_eq!(
                words(&super::flowing(text)),
                words(text),
                "{}",
                replication.id()
            );
        }
    }

    #[test]
    fn seeds_are_a_number_a_list_or_a_range() {
        let parsed = |text| {
            seeds(text)
                .unwrap()
                .seeds
                .iter()
                .map(|seed| seed.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(parsed("3"), [0, 1, 2]);
        assert_eq!(parsed("7,1,7"), [1, 7]);
        assert_eq!(parsed("10..12"), [10, 11]);
        assert_eq!(parsed("10-12"), [10, 11, 12]);
        assert_eq!(parsed("5-5"), [5]);
        assert_eq!(parsed("5,"), [5]);
        for wrong in [
            "",
            ",",
            "0",
            "-1",
            "1-",
            "x",
            "5..5",
            "6-5",
            "1-2-3",
            "1,,2",
            "0..99999999999",
            "0-18446744073709551615",
        ] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    fn chosen(text: &str, protocol: &Protocol) -> Vec<String> {
        let mut part = protocol.clone();
        variants(text).unwrap().choose(&mut part).unwrap();
        part.variants.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn every_variant_of_every_replication_can_be_chosen_alone() {
        for replication in REPLICATIONS {
            for profile in Profile::ALL {
                let protocol = replication.protocol(profile, &Changes::default()).unwrap();
                let ids = protocol.variants.iter().map(|variant| variant.id.clone());
                let ids: Vec<String> = ids.collect();
                for id in &ids {
                    assert_eq!(&chosen(id, &protocol), std::slice::from_ref(id));
                }
                assert_eq!(chosen("*", &protocol), ids);
                // In the protocol's order, each once.
                let backwards: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
                assert_eq!(chosen(&(backwards.join(", ") + ",*"), &protocol), ids);
            }
        }
    }

    #[test]
    fn stars_stand_for_any_text_and_nothing_else_does() {
        let replication = crate::catalogue::find("desom-benchmark").unwrap();
        let protocol = replication
            .protocol(Profile::Paper, &Changes::default())
            .unwrap();
        assert_eq!(
            chosen("usps/*som", &protocol),
            [
                "usps/minisom",
                "usps/kerasom",
                "usps/ae+minisom",
                "usps/ae+kerasom",
                "usps/desom"
            ]
        );
        assert_eq!(chosen("***", &protocol), chosen("*", &protocol));
        assert_eq!(chosen("usps/**-64", &protocol), ["usps/k-means-64"]);
        assert_eq!(
            chosen("usps/desom**", &protocol),
            chosen("usps/desom*", &protocol)
        );
        for nothing in [
            "usps",
            "usps/des?m",
            "usps/[a-d]esom",
            "mnist/desom,usps/nothing",
        ] {
            let error = variants(nothing).unwrap().choose(&mut protocol.clone());
            let message = error.unwrap_err().to_string();
            assert!(
                message.contains("there are mnist/k-means-64, "),
                "{message}"
            );
        }
        for wrong in ["", " ", "desom,", ",desom"] {
            assert!(variants(wrong).is_err(), "{wrong}");
        }
    }
}
