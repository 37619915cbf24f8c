//! The formats of the data sets that the program knows, its manifest, and papers' files.

use replicate::claims::Published;
use replicate::data::rcv1::{self, Text};
use replicate::data::{Manifest, idx, table};

use crate::campaign::{Campaign, as_it_is};

fn text(result: Result<(), impl std::fmt::Display>) -> Result<(), String> {
    result.map_err(|error| error.to_string())
}

#[test]
fn strict_idx() {
    let mut images = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
    images.extend(0..12);
    let campaign = Campaign {
        name: "strict-idx",
        files: vec![images],
        tokens: None,
        prepare: as_it_is,
        file: "images",
        places: &[", byte "],
        placeless: &[],
        memory: (1, 4 << 10),
    };
    campaign.run(|bytes| text(idx::images("images", bytes, 2, (2, 3)).map(|_| ())));
}

#[test]
fn strict_idx_labels() {
    let campaign = Campaign {
        name: "strict-idx-labels",
        files: vec![vec![0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 1]],
        tokens: None,
        prepare: as_it_is,
        file: "labels",
        places: &[", byte "],
        placeless: &[],
        memory: (1, 4 << 10),
    };
    campaign.run(|bytes| text(idx::labels("labels", bytes, 4, 3).map(|_| ())));
}

#[test]
fn table_of_digits() {
    let campaign = Campaign {
        name: "table",
        files: vec![b"0,1,16,9\n2,3,4,0\n".to_vec()],
        tokens: Some(&[",", "\r\n", "\"\"", "16", "9"]),
        prepare: as_it_is,
        file: "digits",
        places: &[", byte "],
        placeless: &[],
        memory: (40, 32 << 10),
    };
    campaign.run(|bytes| text(table::parse("digits", bytes, 2, 3, 16, 10).map(|_| ())));
}

#[test]
fn documents() {
    let tokens = b".I 1\n.W\nab cd ef\nab\n\n.I 2\n.W\nab gh_1\n".to_vec();
    let topics = b"CCAT 1 1\nGCAT 2 1\nC15 2 1\n".to_vec();
    let campaign = |name, files, tokens| Campaign {
        name,
        files,
        tokens: Some(tokens),
        prepare: as_it_is,
        file: name,
        places: &[", byte "],
        placeless: &[],
        memory: (200, 64 << 10),
    };
    let read = |tokens: &[u8], topics: &[u8]| {
        let text_of = |name, bytes| [Text { name, bytes }];
        let tokens = text_of("tokens", tokens);
        text(rcv1::weights(&tokens, &text_of("topics", topics), 2, 2).map(|_| ()))
    };
    let words: &[&str] = &[".I", ".W", "\n", " ", "_", "3", "18446744073709551616"];
    campaign("tokens", vec![tokens.clone()], words).run(|bytes| read(bytes, &topics));
    let words: &[&str] = &["CCAT", "MCAT", "\n", " ", "3", "-1"];
    // What is wrong with the topics may show in the tokens only: their file is named then.
    let campaign = Campaign {
        file: "to",
        ..campaign("topics", vec![topics.clone()], words)
    };
    campaign.run(|bytes| read(&tokens, bytes));
}

#[test]
fn manifest() {
    let whole = include_str!("../../data/datasets.toml");
    // Its first entry: more of the same would only take longer.
    let second = whole.match_indices("[[dataset]]").nth(1);
    let end = second.map_or(whole.len(), |(end, _)| end);
    let campaign = Campaign {
        name: "manifest",
        files: vec![whole.as_bytes()[..end].to_vec()],
        tokens: Some(&[
            "=",
            "[[dataset]]",
            "[[dataset.file]]",
            "rows",
            "bytes",
            "id",
            "http",
            "embedded",
            "\"train-images\"",
            "{",
            "#",
            "\"\"\"",
            "1979-05-27",
        ]),
        prepare: as_it_is,
        file: "data/datasets.toml",
        places: &[", line "],
        placeless: &[],
        memory: (200, 64 << 10),
    };
    campaign.run(|bytes| text(Manifest::parse(&String::from_utf8_lossy(bytes)).map(|_| ())));
}

#[test]
fn paper() {
    let whole = include_str!("../../replications/desom/paper.toml");
    let fourth = whole.match_indices("[[value]]").nth(3);
    let end = fourth.map_or(whole.len(), |(end, _)| end);
    let campaign = Campaign {
        name: "paper",
        files: vec![whole.as_bytes()[..end].to_vec()],
        tokens: Some(&[
            "=",
            "[[value]]",
            "[paper]",
            "mean",
            "sd",
            "n",
            "year",
            "#",
            "\"\"\"",
            "''",
        ]),
        prepare: as_it_is,
        file: "replications/x/paper.toml",
        places: &["line "],
        placeless: &[],
        memory: (200, 64 << 10),
    };
    campaign.run(|bytes| {
        let published =
            Published::parse("replications/x/paper.toml", &String::from_utf8_lossy(bytes));
        text(published.map(|published| {
            for value in &published.values {
                let found = published.value(&value.replication, &value.variant, &value.metric);
                assert!(found.is_some());
                let _ = value.sample_sd();
            }
        }))
    });
}
