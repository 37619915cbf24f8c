//! What a report says, whatever it is written as.
//!
//! The fields below are those of `report.json` (see [`json`](super::json)), name by name. Numbers carry
//! all their digits; an absent value is `null`. Nothing here depends on where or when a report is
//! made: the same store gives the same contents.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Comparison, Table};
pub use crate::claims::Counts;
use crate::claims::{Finding, Judgement, Paper, Verdict};
use crate::plot::Figure;
use crate::replication::{Coverage, Profile};

/// Everything a report says.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Papers, in the catalogue's order.
    pub papers: Vec<Chapter>,
    /// Records in the store that cannot be read, by their place in it; they are left out.
    pub unreadable: Vec<String>,
    /// Records in the store that the report is not made from.
    pub left_out: LeftOut,
}

/// Runs that are stored and belong to no unchanged protocol of the experiments that are reported on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Of fast precision.
    pub fast: usize,
    /// Of exact precision: of a changed protocol, an older version of a method, or an experiment that is
    /// not reported on.
    pub other: usize,
}

impl LeftOut {
    /// `2 runs of fast precision and 5 runs of changed protocols, ..`; nothing where none was left out.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.fast > 0 {
            let runs = super::numbers::count(self.fast, "run");
            parts.push(format!("{runs} of fast precision"));
        }
        if self.other > 0 {
            let runs = super::numbers::count(self.other, "run");
            parts.push(format!(
                "{runs} of changed protocols, older versions, chosen seeds or experiments not reported on"
            ));
        }
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

/// A paper.
#[derive(Debug, Serialize)]
pub struct Chapter {
    /// `id`, `title`, `authors`, `venue`, `year`, `url`.
    #[serde(with = "PaperFields")]
    pub paper: Paper,
    /// Its experiments.
    pub experiments: Vec<Experiment>,
    /// Claims that no experiment of the catalogue tests.
    pub without_experiment: Vec<Judgement>,
}

#[derive(Serialize)]
#[serde(remote = "Paper")]
struct PaperFields {
    id: String,
    title: String,
    authors: Vec<String>,
    venue: String,
    year: u16,
    url: String,
}

/// One experiment under one profile.
#[derive(Debug, Serialize)]
pub struct Experiment {
    /// The replication's name, e.g. `desom-gamma`.
    pub id: String,
    /// What it answers.
    pub summary: String,
    /// How much of the protocol was run.
    pub profile: Profile,
    /// Why there is no verdict; absent for the paper's own protocol.
    pub note: Option<String>,
    /// Claims with what they come to.
    pub claims: Vec<Entry>,
    /// Our values beside the published ones.
    pub values: Vec<Comparison>,
    /// What to know when reading the values.
    pub caption: String,
    /// What follows from the values, as tables; absent for most experiments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Table>,
    /// Figures.
    pub figures: Vec<FigurePair>,
    /// The data sets.
    pub data: Vec<DataSheet>,
    /// How much of what the profile asks for is stored.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// Stored runs, by variant in the protocol's order, then by seed.
    pub runs: Vec<RunLine>,
    /// What the runs were made with, the commonest first.
    pub environments: Vec<Environment>,
    /// What they cost, variant by variant and device by device; a run of several variants stands with the first.
    pub costs: Vec<Cost>,
}

/// A claim, judged.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Claim, verdict, explanation; see `replicate-verdicts` for its fields.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Why the margin or bound is what it is; fixed before there were results.
    pub reason: Option<String>,
    /// Its comparisons, as drawn and tabulated; where nothing was judged, what there is to look at.
    pub rows: Vec<Row>,
}

/// One comparison of a claim.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its numbers.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether `finding.verdict` is one: not under a profile that gives none.
    pub judged: bool,
    /// What is drawn.
    pub lanes: Vec<Lane>,
    /// What the axis of the lanes shows.
    pub axis: AxisKind,
    /// From here on what the axis shows (for argmax and trend: the difference) agrees with the claim;
    /// absent without a lower bound.
    pub agrees_from: Option<f64>,
    /// Up to here; absent without an upper bound.
    pub agrees_to: Option<f64>,
}

/// What the axis of a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AxisKind {
    /// Ours minus published, or first minus second.
    Difference,
    /// The metric itself.
    Value,
}

/// Runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lane {
    /// The variant's id.
    pub variant: String,
    /// Seed and value on the axis, in the order of seeds.
    pub seeds: Vec<(u64, f64)>,
}

/// A figure of ours, and the published numbers alone drawn the same way.
#[derive(Debug, Serialize)]
pub struct FigurePair {
    /// Its name, e.g. `fig1`.
    pub name: String,
    /// What it shows, in words.
    pub description: String,
    /// Ours.
    #[serde(skip)]
    pub ours: Figure,
    /// The paper's; absent where it prints nothing of the kind.
    #[serde(skip)]
    pub published: Option<Figure>,
}

/// A data set.
#[derive(Debug, Clone, Serialize)]
pub struct DataSheet {
    /// Its id.
    pub id: String,
    /// What it is.
    pub title: String,
    /// Whom to cite.
    pub citation: String,
    /// Terms of use.
    pub licence: String,
    /// Where it is described.
    pub homepage: String,
    /// SHA-256 over its decoded files, which is part of every run's key.
    pub sha256: String,
    /// Its files, decoded.
    pub files: Vec<DataFile>,
}

/// One file of a data set.
#[derive(Debug, Clone, Serialize)]
pub struct DataFile {
    /// Its name.
    pub name: String,
    /// Its size, if the manifest knows it.
    pub bytes: Option<u64>,
    /// SHA-256 of its bytes, if the manifest knows it.
    pub sha256: Option<String>,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct RunLine {
    /// The variant's id.
    pub variant: String,
    /// Its seed.
    pub seed: u64,
    /// The data set's id.
    pub data: String,
    /// SHA-256 over the data set's decoded files.
    pub data_sha256: String,
    /// All digits of its key; the first 16 name its folder.
    pub key: String,
    /// `completed`, `collapsed`, or `diverged at N`.
    pub outcome: String,
    /// Values by name; `null` where undefined.
    pub metrics: std::collections::BTreeMap<String, Option<f64>>,
    /// Exact or fast products.
    pub precision: crate::nn::Precision,
    /// The processor or GPU.
    pub device: String,
    /// Version of this program that made it.
    pub program: String,
    /// Seconds spent on training; a cohort's time is shared equally.
    pub training_seconds: f64,
    /// Seconds spent on evaluation.
    pub evaluation_seconds: f64,
}

impl RunLine {
    /// The name of its folder.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.key.get(..16).unwrap_or(&self.key)
    }
}

/// What runs were made with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Environment {
    /// How many runs.
    pub runs: usize,
    /// The processor or GPU.
    pub device_name: String,
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// Operating system and architecture.
    pub system: String,
    /// Version of this program.
    pub program: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Which of MKL's kernels were asked for.
    pub matrix_kernels: String,
    /// What training multiplied: `float32`, `bfloat16`, `tf32`.
    pub products: String,
    /// Threads of each run.
    pub threads: usize,
}

/// What the runs of a variant cost on a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The variant's id, or what kind of part runs begin with.
    pub variant: String,
    /// The processor or GPU; of a part that of a run that began with it.
    pub device_name: String,
    /// How many runs, or parts.
    pub runs: usize,
    /// Seconds of training, all runs together.
    pub training_seconds: f64,
    /// Seconds of evaluation, all runs together.
    pub evaluation_seconds: f64,
}

impl Entry {
    /// Whether a comparison decides by itself what the claim, corrected for the experiment's other claims (Holm),
    /// leaves undecided.
    #[must_use]
    pub fn is_alone(&self, finding: &Finding) -> bool {
        let mut findings = self.judgement.findings.iter();
        let agree = findings.all(|one| matches!(one.verdict, Verdict::Reproduced));
        matches!(self.judgement.verdict, Verdict::Inconclusive { .. })
            && (agree || finding.verdict.is_against())
    }
}

/// What the summary says before [`Report::late_claims`].
pub const LATE: &str = "Added or changed when runs behind their verdict were there:";
/// What the summary says before [`Report::undated_claims`].
pub const UNDATED: &str = "Decided in part by runs whose records do not say what these claims were, as those that \
                           another experiment made:";
/// What the summary says before [`Report::unrefutable_claims`].
pub const UNREFUTABLE: &str =
    "Reproduced on so few seeds that these could not have refuted it, whatever came out:";

impl Report {
    /// Claims that were added or changed when some of the runs behind their verdict were there, by experiment.
    #[must_use]
    pub fn late_claims(&self) -> Vec<(&str, &str)> {
        let late = self.experiments().flat_map(|experiment| {
            let late = experiment.claims.iter().map(|entry| &entry.judgement);
            let late = late.filter(|one| one.late);
            late.map(|one| (experiment.id.as_str(), one.claim.as_str()))
        });
        late.collect()
    }

    /// Decided claims of which some runs do not say what the claim was when they were made, by experiment.
    #[must_use]
    pub fn undated_claims(&self) -> Vec<(&str, &str)> {
        let undated = self.experiments().flat_map(|experiment| {
            let claims = experiment.claims.iter().map(|entry| &entry.judgement);
            let undated =
                claims.filter(|one| one.is_decided() && one.undated_runs > 0 && !one.late);
            undated.map(|one| (experiment.id.as_str(), one.claim.as_str()))
        });
        undated.collect()
    }

    /// Claims that are reproduced on fewer seeds than could have refuted them, by experiment.
    #[must_use]
    pub fn unrefutable_claims(&self) -> Vec<(&str, &str)> {
        let found = self.experiments().flat_map(|experiment| {
            let claims = experiment.claims.iter().map(|entry| &entry.judgement);
            let found = claims.filter(|one| one.verdict.is_for() && one.refutable_from.is_some());
            found.map(|one| (experiment.id.as_str(), one.claim.as_str()))
        });
        found.collect()
    }

    /// All experiments.
    pub fn experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.papers.iter().flat_map(|chapter| &chapter.experiments)
    }

    /// How often each verdict was given.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(self.papers.iter().flat_map(Chapter::verdicts))
    }

    /// `13 claims: 2 reproduced, ..`
    #[must_use]
    pub fn headline(&self) -> String {
        let counts = self.counts();
        format!(
            "{}: {}",
            super::numbers::count(counts.total(), "claim"),
            counts.words()
        )
    }
}

impl Chapter {
    /// The verdicts of all its claims.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        let tested = self.experiments.iter().flat_map(Experiment::verdicts);
        tested.chain(self.without_experiment.iter().map(|one| &one.verdict))
    }
}

impl Experiment {
    /// The data sets' titles, separated by commas.
    #[must_use]
    pub fn data_titles(&self) -> String {
        let titles = self.data.iter().map(|sheet| sheet.title.as_str());
        titles.collect::<Vec<_>>().join(", ")
    }

    /// The verdicts of its claims.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.claims.iter().map(|entry| &entry.judgement.verdict)
    }

    /// Claims with what explains their results, where somebody has looked into it.
    pub fn causes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.claims.iter().filter_map(|entry| {
            let cause = entry.judgement.cause.as_deref()?;
            Some((entry.judgement.claim.as_str(), cause))
        })
    }

    /// Where it differs from the paper's, each with the claims that it concerns.
    #[must_use]
    pub fn deviations(&self) -> Vec<(&str, Vec<&str>)> {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for entry in &self.claims {
            let claim = entry.judgement.claim.as_str();
            for deviation in &entry.judgement.deviations {
                match found.iter_mut().find(|(known, _)| known == deviation) {
                    Some((_, claims)) => claims.push(claim),
                    None => found.push((deviation, vec![claim])),
                }
            }
        }
        found
    }

    /// What a table or figure of it has to say: `caption` with the note, if there is one.
    #[must_use]
    pub fn noted(&self, caption: &str) -> String {
        match &self.note {
            Some(note) => format!("{caption} [{note}]"),
            None => caption.to_owned(),
        }
    }

    fn distinct(&self, which: impl Fn(&RunLine) -> bool) -> usize {
        let runs = self.runs.iter().filter(|run| which(run));
        runs.map(|run| &run.key).collect::<BTreeSet<_>>().len()
    }

    /// `78 of 80 planned runs are stored; 1 diverged, 2 collapsed`.
    #[must_use]
    pub fn state(&self) -> String {
        let with = |word: &str| self.distinct(|run| run.outcome.starts_with(word));
        let mut text = self.coverage.to_string();
        let parts = [
            (with("diverged"), "diverged"),
            (with("collapsed"), "collapsed"),
        ];
        for (runs, what) in parts.into_iter().filter(|(runs, _)| *runs > 0) {
            text += &format!(", {runs} {what}");
        }
        text
    }
}
