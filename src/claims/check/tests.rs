#![allow(clippy::unwrap_used)]
use super::super::Published;
use super::*;

const PAPER: &str = r#"[paper]
id = "x"
title = "On X"
authors = []
venue = "X"
year = 2020
url = "u"

[[value]]
replication = "r"
variant = "a"
metric = "m"
mean = 0.5
source = "Table 1"
"#;

fn claim(id: &str, test: &str) -> String {
    format!(
        "\n[[claim]]\nid = \"{id}\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"It is.\"\n{test}\n"
    )
}

/// The message for the paper with this added, and the line of the first place where `marked` stands.
#[track_caller]
fn complaint(added: &str, marked: &str, words: &str) {
    let text = format!("{PAPER}{added}");
    let message = Published::parse("p.toml", &text).unwrap_err().to_string();
    let place = PAPER.len() + added.find(marked).unwrap();
    let line = line(&text, place);
    assert!(
        message.contains(&format!("line {line}")),
        "line {line}: {message}"
    );
    assert!(message.starts_with("p.toml"), "{message}");
    assert!(message.contains(words), "{message}");
}

const MARGIN: &str = "margin = { size = 0.1, reason = \"r\" }";

#[test]
fn numbers_that_make_no_sense() {
    let value = |more: &str| {
        format!(
            "[[value]]\nreplication = \"r\"\nvariant = \"b\"\nmetric = \"m\"\nmean = 0.5\nsource = \"s\"\n{more}"
        )
    };
    complaint(&value("sd = 0.1\n"), "0.1", "sd: without n");
    complaint(
        &value("sd = -0.1\nn = 5\n"),
        "-0.1",
        "sd: a standard deviation",
    );
    complaint(&value("sd = 0.1\nn = 1\n"), "n = 1\n", "n: 1 runs");
    complaint(
        &value("read = { digitised = 0.0 }\n"),
        "0.5",
        "read: digitised",
    );
    complaint(
        &value("").replace("\"b\"", "\"a\""),
        "\"r\"",
        "already in line 10",
    );
    // A percentage where a share belongs.
    let accuracy = value("").replace("\"m\"", "\"clustered.accuracy\"");
    complaint(
        &accuracy.replace("0.5", "75.3"),
        "75.3",
        "mean: 75.3 is no value of clustered.accuracy",
    );
    complaint(
        &(value("sd = 2.5\nn = 5\n").replace("\"m\"", "\"purity\"")),
        "2.5",
        "sd: 2.5 is the whole range of purity",
    );
    complaint(&value("sdd = 1\n"), "sdd", "unknown field `sdd`");
}

#[test]
fn claims_that_make_no_sense() {
    let order = "[claim.test.order]\nmetrics = [\"m\"]\ndescending = [{ variant = \"a\" }]";
    complaint(&claim("c", order), "\"c\"", "at least 2");
    let order = "[claim.test.order]\ndescending = [{ variant = \"a\" }, { variant = \"b\" }]";
    complaint(&claim("c", order), "\"a\"", "which metric?");
    let twice = "[claim.test.qualitative]\nlook = \"l\"";
    let both = claim("c", twice) + &claim("c", twice);
    let second = both.rfind("\"c\"").unwrap();
    let message = Published::parse("p.toml", &format!("{PAPER}{both}"))
        .unwrap_err()
        .to_string();
    let first = line(PAPER, PAPER.len()) + 2;
    assert!(
        message.contains(&format!("another claim \"c\" in line {first}")),
        "{message}"
    );
    assert!(second > 0);
    let value = "[claim.test.value]\nmetrics = [\"m\"]\nvariants = [\"a\"]\n";
    complaint(
        &claim(
            "c",
            &format!("{value}margin = {{ size = -0.25, reason = \"r\" }}"),
        ),
        "-0.25",
        "not above 0",
    );
    complaint(
        &claim(
            "c",
            &format!("{value}margin = {{ size = 0.0004, reason = \"r\" }}"),
        ),
        "0.0004",
        "nothing could be within it",
    );
    complaint(
        &claim("c", &format!("{}{MARGIN}", value.replace("\"a\"", "\"b\""))),
        "\"b\"",
        "no [[value]] of m",
    );
    complaint(
        &claim(
            "c",
            "[claim.test.argmax]\nmetric = \"m\"\nbest = \"z\"\namong = [\"a\", \"b\"]",
        ),
        "\"z\"",
        "not in `among`",
    );
    complaint(
        &claim(
            "c",
            "[claim.test.trend]\nmetrics = [\"m\"]\nalong = \"x\"\nchange = \"falls\"\nvariants = [\"a\", \"b\"]",
        ),
        "\"c\"",
        "2 given, at least 3",
    );
    complaint(
        &claim(
            "c",
            &format!(
                "[claim.test.equivalence]\nmetrics = [\"m\"]\nreference = \"q\"\nvariants = [\"a\", \"q\"]\n{MARGIN}"
            ),
        ),
        "\"q\"",
        "always like itself",
    );
    let bound = "[claim.test.bound]\nmetrics = [\"m\"]\nvariants = [\"a\"]\nreason = \"r\"\n";
    complaint(&claim("c", bound), "\"c\"", "no bound");
    complaint(
        &claim("c", &format!("{bound}at_least = 0.75\nat_most = 0.7")),
        "0.75",
        "not below at_most",
    );
    let share = "[claim.test.share]\nmetric = \"m\"\nvariants = [\"a\"]\nreason = \"r\"\n";
    complaint(
        &claim("c", &format!("{share}share = 0.7")),
        "\"m\"",
        "which runs count?",
    );
    complaint(
        &claim("c", &format!("{share}at_least = 3.0\nshare = 1.0")),
        "1.0",
        "below 1",
    );
    complaint(
        &claim("c", "[claim.test.guess]\n"),
        "guess",
        "unknown variant `guess`",
    );
    complaint(
        &claim(
            "c",
            &format!("[claim.test.value]\nmetrics = [\"m\", \"m\"]\nvariants = [\"a\"]\n{MARGIN}"),
        ),
        "\"m\"",
        "twice",
    );
}

struct One;

impl Vocabulary for One {
    fn variants(&self, replication: &str) -> Option<Vec<String>> {
        (replication == "r").then(|| vec!["a".to_owned(), "b".to_owned()])
    }

    fn metrics(&self, _: &str) -> Option<Vec<String>> {
        Some(vec!["m".to_owned()])
    }
}

/// Percentages where shares belong, wherever a claim has a number.
#[test]
fn percentages_are_refused_in_claims_too() {
    let names = "metrics = [\"latent.purity\"]\nvariants = [\"a\"]\n";
    for key in ["at_least", "at_most", "worst"] {
        let other = if key == "worst" {
            "at_least = 0.5\n"
        } else {
            ""
        };
        let bound = format!("[claim.test.bound]\n{names}{other}{key} = 25\nreason = \"r\"");
        complaint(
            &claim("c", &bound),
            "25",
            "test.bound: 25 is no value of latent.purity",
        );
    }
    let share = "[claim.test.share]\nmetric = \"purity\"\nvariants = [\"a\"]\nat_least = 20.5\nshare = 0.7\nreason = \"r\"";
    complaint(&claim("c", share), "20.5", "test.share: 20.5 is no value");
    let wide = "margin = { size = 2.25, reason = \"r\" }";
    for test in [
        format!("[claim.test.equivalence]\n{names}reference = \"b\"\n{wide}"),
        format!(
            "[claim.test.order]\nmetrics = [\"purity\"]\ndescending = [{{ variant = \"a\" }}, {{ variant = \"b\" }}]\n{wide}"
        ),
        format!(
            "[claim.test.argmax]\nmetric = \"nmi_geometric\"\nbest = \"a\"\namong = [\"a\", \"b\"]\n{wide}"
        ),
    ] {
        complaint(
            &claim("c", &test),
            "2.25",
            "margin.size: 2.25 is the whole range of",
        );
    }
    // Other quantities may be as large as they are.
    let nodes = "[claim.test.bound]\nmetrics = [\"nodes\"]\nvariants = [\"a\"]\nat_least = 25\nreason = \"r\"";
    assert!(Published::parse("p.toml", &format!("{PAPER}{}", claim("c", nodes))).is_ok());
}

#[test]
fn the_best_of_several_is_the_highest() {
    let test = "better = \"lower\"\n[claim.test.argmax]\nmetric = \"loss\"\nbest = \"a\"\namong = [\"a\", \"b\"]";
    complaint(&claim("c", test), "\"c\"", "argmax asks for the highest");
}

#[test]
fn names_are_compared_with_what_there_is() {
    let order = |metric: &str| {
        claim(
            "c",
            &format!(
                "[claim.test.order]\ndescending = [{{ variant = \"a\", metric = \"m\" }}, {{ variant = \"b\", metric = \"{metric}\" }}]"
            ),
        )
    };
    let check = |added: &str| {
        let text = format!("{PAPER}{added}");
        let published = Published::parse("p.toml", &text).unwrap();
        published.check_names("p.toml", &text, &One)
    };
    check(&order("m")).unwrap();
    let message = check(&order("k")).unwrap_err().to_string();
    assert_eq!(message, "p.toml, line 22: metric: r has no \"k\"; it has m");
    // Another experiment does not exist yet: nothing to compare with.
    check(&order("k").replace("replication = \"r\"", "replication = \"later\"")).unwrap();
    let text = format!("{PAPER}{}", order("k"));
    let published = Published::parse("p.toml", &text).unwrap();
    published.check_names("p.toml", &text, &Anything).unwrap();
}
