//! How often whole claims are judged wrongly, by drawing runs whose truth is known. The tests behind
//! them are simulated in `statistics::simulation`; here it is about several variants at once.

#![allow(clippy::unwrap_used)]

use rand_chacha::rand_core::Rng;

use super::*;
use crate::claims::Run;
use crate::random::{Seed, stream};

const DRAWS: u32 = 300;

/// A paper with one claim of this test about variants `v0`, `v1`, ..
fn paper(test: &str) -> Published {
    let text = format!(
        "[paper]\nid = \"x\"\ntitle = \"X\"\nauthors = []\nvenue = \"\"\nyear = 2020\nurl = \"\"\n\
         [[claim]]\nid = \"c\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"s\"\n{test}"
    );
    Published::parse("x", &text).unwrap()
}

/// Ten runs of each mean; a tenth of them collapse if so wanted.
fn draw(means: &[f64], collapse: bool, rng: &mut impl Rng) -> Results {
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let mut results = Results::default();
    for (variant, mean) in means.iter().enumerate() {
        for seed in 0..10 {
            let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            let value = if collapse && uniform() < 0.1 {
                0.1125
            } else {
                mean + 0.02 * normal
            };
            let mut run = Run {
                variant: format!("v{variant}"),
                seed,
                ..Run::default()
            };
            run.values.insert("m".to_owned(), Some(value));
            results.runs.push(run);
        }
    }
    results
}

/// Shares of reproduced and not reproduced.
fn shares(test: &str, means: &[f64], collapse: bool) -> (f64, f64) {
    let published = paper(test);
    let mut rng = stream(Seed(7), test);
    let (mut yes, mut no) = (0, 0);
    for _ in 0..DRAWS {
        let results = draw(means, collapse, &mut rng);
        let verdict = judge_one(&published, &published.claims[0], &results).verdict;
        yes += u32::from(verdict == Verdict::Reproduced);
        no += u32::from(verdict == Verdict::NotReproduced);
    }
    (
        f64::from(yes) / f64::from(DRAWS),
        f64::from(no) / f64::from(DRAWS),
    )
}

fn bound() -> f64 {
    0.05 + 3.0 * (0.05 * 0.95 / f64::from(DRAWS)).sqrt()
}

#[test]
fn argmax_is_rarely_wrong_and_often_right() {
    let test = "[claim.test.argmax]\nmetric = \"m\"\nbest = \"v0\"\namong = [\"v0\", \"v1\", \"v2\", \"v3\"]\n";
    for collapse in [false, true] {
        let (yes, no) = shares(test, &[0.75; 4], collapse);
        assert!(
            yes <= bound() && no <= bound(),
            "all equal, {collapse}: {yes} {no}"
        );
    }
    assert!(shares(test, &[0.79, 0.75, 0.75, 0.75], false).0 > 0.8);
    assert!(shares(test, &[0.75, 0.75, 0.75, 0.8], false).1 > 0.8);
}

#[test]
fn trend_is_rarely_wrong_and_often_right() {
    let test = "[claim.test.trend]\nmetrics = [\"m\"]\nalong = \"x\"\nchange = \"falls\"\n\
                variants = [\"v0\", \"v1\", \"v2\", \"v3\"]\n";
    for collapse in [false, true] {
        let (yes, no) = shares(test, &[0.75; 4], collapse);
        assert!(
            yes <= bound() && no <= bound(),
            "flat, {collapse}: {yes} {no}"
        );
    }
    assert!(shares(test, &[0.78, 0.76, 0.74, 0.7], false).0 > 0.8);
    assert!(shares(test, &[0.7, 0.74, 0.76, 0.78], false).1 > 0.8);
}

#[test]
fn equivalence_is_rarely_wrong_and_often_right() {
    let test = "[claim.test.equivalence]\nmetrics = [\"m\"]\nreference = \"v0\"\nvariants = [\"v1\"]\n\
                margin = { size = 0.03, reason = \"r\" }\n";
    for collapse in [false, true] {
        let (yes, no) = shares(test, &[0.75, 0.78], collapse);
        assert!(
            yes <= bound() && no <= bound(),
            "at the margin, {collapse}: {yes} {no}"
        );
    }
    assert!(shares(test, &[0.75, 0.75], false).0 > 0.8);
    assert!(shares(test, &[0.75, 0.82], false).1 > 0.8);
}
