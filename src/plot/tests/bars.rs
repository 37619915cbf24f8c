//! Bars.

use super::*;

fn bars() -> Bars {
    let bar = |mean, sd| Bar {
        mean,
        sd: Some(sd),
        n: 10,
    };
    let group = |metric: &str, ours: [(f64, f64); 2], published: [(f64, f64); 2]| BarGroup {
        metric: metric.to_owned(),
        ours: ours.map(|(mean, sd)| bar(mean, sd)).into(),
        published: published.map(|(mean, sd)| Some(bar(mean, sd))).into(),
    };
    Bars {
        title: "Pretraining".to_owned(),
        settings: vec!["not pretrained".to_owned(), "pretrained".to_owned()],
        groups: vec![
            group(
                "accuracy",
                [(0.75, 0.02), (0.76, 0.03)],
                [(0.753, 0.005), (0.754, 0.004)],
            ),
            group(
                "ARI",
                [(0.24, 0.01), (0.25, 0.01)],
                [(0.234, 0.005), (0.248, 0.01)],
            ),
        ],
        top: 1.0,
        caption: "DESOM on MNIST".to_owned(),
        note: None,
    }
}

#[test]
fn bars_are_as_long_as_their_values_and_told_in_words() {
    let figure = bars().draw().unwrap();
    assert_legible(&figure);
    let grid = heights_of_lines(&figure, "#E9E9E9");
    let (zero, one) = (grid[0], grid[5]);
    for (colour, values) in [
        ("fill=\"#0072B2\"", [0.75, 0.24]),
        ("fill=\"#D55E00\"", [0.76, 0.25]),
    ] {
        let mark = |figure: &Figure, name| -> Vec<f64> {
            let rectangles = figure.drawing.lines().filter(|line| line.contains("<rect"));
            let own: Vec<&str> = rectangles.filter(|line| line.contains(colour)).collect();
            let text = own.join("\n");
            let value = |line: &str| -> Option<f64> {
                let (_, rest) = line.split_once(&format!(" {name}=\""))?;
                rest.split('"').next()?.parse().ok()
            };
            text.lines()
                .filter_map(value)
                .map(|units| units / canvas::UNITS)
                .collect()
        };
        // The first of each colour is the key's.
        let heights = mark(&figure, "height");
        assert_eq!(heights.len(), 3, "{colour}");
        for (height, value) in heights[1..].iter().zip(values) {
            assert!(
                (height - value * (zero - one)).abs() < 0.21,
                "{height} {value}"
            );
        }
    }
    assert_eq!(
        figure.caption(),
        "DESOM on MNIST. Ours: n = 10; published: n = 10; whiskers are \u{b1} 1 standard deviation over runs."
    );
    assert_eq!(
        figure.description(),
        "Data:\n\
         accuracy. not pretrained: 0.75 \u{b1} 0.02 (n = 10), published 0.753 \u{b1} 0.005 (n = 10). \
         pretrained: 0.76 \u{b1} 0.03 (n = 10), published 0.754 \u{b1} 0.004 (n = 10).\n\
         ARI. not pretrained: 0.24 \u{b1} 0.01 (n = 10), published 0.234 \u{b1} 0.005 (n = 10). \
         pretrained: 0.25 \u{b1} 0.01 (n = 10), published 0.248 \u{b1} 0.01 (n = 10)."
    );
    assert_eq!(figure.svg(), bars().draw().unwrap().svg());
}

#[test]
fn bars_without_values_are_named_and_crowded_ones_stay_legible() {
    let mut bars = bars();
    bars.groups[1].ours[1] = Bar {
        mean: f64::NAN,
        sd: None,
        n: 0,
    };
    bars.groups[0].ours[0].n = 9;
    bars.groups[0].published = vec![None, None];
    let figure = bars.draw().unwrap();
    let caption = figure.caption();
    assert!(
        caption.contains("Not drawn, without a value: ARI of pretrained."),
        "{caption}"
    );
    assert!(caption.contains("Ours: n = 9\u{2013}10"), "{caption}");
    assert!(!figure.drawing.contains("NaN"));
    let long = "An exceedingly long name that nobody should ever have written";
    bars.settings[1] = long.to_owned();
    bars.groups[0].metric = long.to_owned();
    bars.groups = bars.groups.iter().cycle().take(6).cloned().collect();
    assert_legible(&bars.draw().unwrap());
    bars.settings.clear();
    assert!(bars.draw().unwrap_err().to_string().contains("no settings"));
}

#[test]
fn published_numbers_of_runs_are_a_range_and_said_where_they_are_given() {
    let mut bars = bars();
    let caption = |bars: &Bars| bars.draw().unwrap().caption().to_owned();
    if let Some(bar) = &mut bars.groups[0].published[0] {
        bar.n = 5;
    }
    assert!(caption(&bars).contains("; published: n = 5\u{2013}10;"));
    if let Some(bar) = &mut bars.groups[0].published[0] {
        bar.n = 0;
    }
    let found = caption(&bars);
    assert!(
        found.contains("; published: n = 10 where it is given;"),
        "{found}"
    );
    assert!(
        bars.draw()
            .unwrap()
            .description()
            .contains("published 0.753 \u{b1} 0.005. pretrained")
    );
}
