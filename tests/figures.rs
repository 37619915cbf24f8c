//! What each replication's figures show, as their SVG files say in words: compared with texts that were
//! read and kept. The runs are made up, ten for each variant with a published value, spread around it.
//!
//! After a change that is meant, `REPLICATE_BLESS=1 cargo test --test figures` writes the texts anew; read
//! the difference before it is kept.

#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "report/scripted.rs"]
mod scripted;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use replicate::catalogue::REPLICATIONS;
use replicate::replication::{Changes, Profile, Replication, Results, VariantRecords};
use scripted::{record, values};

/// Results as published, but for a small shift.
fn results(replication: &dyn Replication) -> Results {
    let published = replication.published().unwrap();
    let protocol = replication
        .protocol(Profile::Paper, &Changes::default())
        .unwrap();
    let variants = protocol.variants.iter().map(|variant| {
        let mut runs = vec![BTreeMap::new(); 10];
        for value in &published.values {
            if value.replication != replication.id() || value.variant != variant.id {
                continue;
            }
            let sd = value.sd.unwrap_or(0.004).max(0.0005);
            for (seed, ours) in values(value.mean + 0.003, sd) {
                runs[seed as usize].insert(value.metric.clone(), Some(ours.max(0.0)));
            }
        }
        let records = (0..).zip(&runs).filter(|(_, metrics)| !metrics.is_empty());
        VariantRecords {
            id: variant.id.clone(),
            planned: 10,
            records: records
                .map(|(seed, metrics)| {
                    record(replication, Profile::Paper, &variant.id, seed, metrics)
                })
                .collect(),
        }
    });
    Results {
        profile: Profile::Paper,
        altered: Vec::new(),
        data_title: protocol.data_title().unwrap(),
        variants: variants.collect(),
    }
}

#[test]
fn the_data_in_each_figure_are_those_that_were_kept() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/figures");
    let bless = std::env::var_os("REPLICATE_BLESS").is_some();
    let mut figures = 0;
    for &replication in REPLICATIONS {
        let presentation = replication.present(&results(replication)).unwrap();
        for (name, figure) in &presentation.figures {
            figures += 1;
            let path = folder.join(format!("{}-{name}.txt", replication.id()));
            let text = format!("{}\n", figure.description());
            assert!(
                figure.svg().contains("<desc>"),
                "{}: no data",
                path.display()
            );
            if bless {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, text).unwrap();
                continue;
            }
            assert!(
                path.exists(),
                "{} is not there: look at the figure (replicate figures), then REPLICATE_BLESS=1 writes it",
                path.display()
            );
            let kept = fs::read_to_string(&path).unwrap();
            let differing = text
                .lines()
                .zip(kept.lines())
                .find(|(now, then)| now != then);
            assert!(
                text == kept,
                "{} differs, first in\n{differing:?}\nIf that is meant: REPLICATE_BLESS=1",
                path.display()
            );
        }
    }
    assert!(figures > 0);
}
