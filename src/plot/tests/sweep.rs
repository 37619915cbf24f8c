//! What sweeps show: crowded ones, missing values, runs that ended otherwise, ranges.

use super::*;

#[test]
fn crowded_sweeps_stay_legible() {
    let mut crowded = sweep();
    let long = "An exceedingly long label of a baseline that nobody should ever have written";
    crowded.panels[0].baselines = (0..14)
        .map(|i| Baseline {
            label: format!("{long} {i}"),
            value: 0.5 + 0.001 * f64::from(i),
        })
        .collect();
    crowded.panels[1].metric = long.to_owned();
    crowded.caption = long.repeat(12);
    crowded.title = long.repeat(3);
    crowded.parameter = long.repeat(2);
    crowded.note = Some(long.repeat(2));
    let kinds = crowded.panels.clone();
    for panels in 1..=7 {
        crowded.panels = (0..panels).map(|i| kinds[i % 2].clone()).collect();
        assert_legible(&crowded.draw().unwrap());
    }
}

#[test]
fn categories_stay_legible() {
    let names = [
        "not pretrained",
        "pretrained for 200 epochs, end to end",
        "Donaudampfschifffahrtsgesellschaft",
        "",
    ];
    let mut sweep = sweep();
    sweep.panels.push(sweep.panels[0].clone());
    for count in [1, 2, 4, 24] {
        sweep.scale = Scale::Category(
            names
                .iter()
                .cycle()
                .take(count)
                .map(|&name| name.to_owned())
                .collect(),
        );
        for panel in &mut sweep.panels {
            panel.ours = (0..count).map(|i| point(i as f64, &[0.7, 0.72])).collect();
            panel.published.clear();
        }
        assert_legible(&sweep.draw().unwrap());
    }
    // What is too much for two panels side by side in the usual width is not for a wider figure.
    let names = [
        "k-means", "minisom", "kerasom", "SOM-VAE", "DESOM", "AE+mini",
    ];
    sweep.scale = Scale::Category(names.map(str::to_owned).to_vec());
    let width = |sweep: &Sweep| {
        let figure = sweep.draw().unwrap();
        assert_legible(&figure);
        figure.width()
    };
    assert!(width(&sweep) > 760.0);
    sweep.panels.truncate(2);
    assert_eq!(width(&sweep), 760.0);
}

#[test]
fn missing_values_are_not_drawn_and_are_named() {
    let mut sweep = sweep();
    let ours = &mut sweep.panels[0].ours;
    ours.remove(2);
    ours[0] = Point {
        x: 1e-4,
        mean: f64::NAN,
        sd: None,
        runs: Vec::new(),
    };
    ours[4].runs[1] = Run::Undefined;
    sweep.panels[1].ours.truncate(1);
    sweep.panels[1].ours[0] = Point {
        x: 1e-4,
        mean: f64::NAN,
        sd: Some(f64::NAN),
        runs: Vec::new(),
    };
    sweep.panels[1].baselines[0].value = f64::NAN;
    let figure = sweep.draw().unwrap();
    assert_legible(&figure);
    assert_eq!(attribute(&figure, MEAN, "cx").len(), 1 + 4);
    let caption = figure.caption();
    assert!(
        caption.contains("accuracy, NMI at \u{3b3} = 0.0001;"),
        "{caption}"
    );
    assert!(
        caption.contains("accuracy at \u{3b3} = 10 (1 of 3 runs)"),
        "{caption}"
    );
    assert!(caption.contains("NMI of k-means, k = 10"), "{caption}");
    assert!(!figure.drawing.contains("NaN"));
}

/// A sweep with every way that a run can end, some places with none that has a value.
fn endings() -> Sweep {
    let mut sweep = sweep();
    for panel in &mut sweep.panels {
        let ours = &mut panel.ours;
        ours[1].runs[2] = Run::Diverged;
        ours[2].runs[1] = Run::Undefined;
        for run in &mut ours[3].runs {
            *run = Run::Collapsed(0.11);
        }
        (ours[3].mean, ours[3].sd) = (0.11, Some(0.0));
        ours[4].runs = vec![
            Run::Value(0.6),
            Run::Collapsed(0.1),
            Run::Diverged,
            Run::Diverged,
            Run::Undefined,
        ];
        (ours[4].mean, ours[4].sd) = (0.35, Some(0.354));
        ours[5].runs = vec![Run::Diverged; 10];
        (ours[5].mean, ours[5].sd) = (f64::NAN, None);
    }
    sweep
}

#[test]
fn runs_without_a_value_stand_above_the_panel_and_are_counted() {
    let figure = endings().draw().unwrap();
    assert_legible(&figure);
    // Crosses are drawn as two strokes: at three places of two panels, and in the key.
    let crosses = heights_of_lines(&figure, "stroke=\"#D55E00\"");
    assert_eq!(crosses.len(), 2 * (3 * 2 + 1));
    // None is as low as the top of the panels, where the value 1 is.
    let one = heights_of_lines(&figure, "#E9E9E9")
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    assert!(crosses.iter().all(|&y| y < one - 2.0), "{crosses:?} {one}");
    // The means of five places in two panels, and the key's.
    assert_eq!(attribute(&figure, MEAN, "cx").len(), 2 * 5 + 1);
    let caption = figure.caption();
    for words in [
        "n = 2\u{2013}3 runs per point, those with a value only; bars",
        "Diverged, no value (crosses): \u{3b3} = 0.001 (1 of 3 runs); \u{3b3} = 1 (2 of 5 runs); \
         \u{3b3} = 10 (10 of 10 runs).",
        "Collapsed, counted in the means (rings): \u{3b3} = 0.1 (3 of 3 runs); \u{3b3} = 1 (1 of 5 \
         runs).",
        "Undefined and not drawn: accuracy, NMI at \u{3b3} = 0.01 (1 of 3 runs); accuracy, NMI at \
         \u{3b3} = 1 (1 of 5 runs).",
    ] {
        assert!(caption.contains(words), "{words}\n{caption}");
    }
    assert!(
        figure.description().contains(
            "\u{3b3} = 1: 0.35 \u{b1} 0.354 (runs: 0.6, 0.1 collapsed, diverged, diverged, undefined)"
        ),
        "{}",
        figure.description()
    );
    // Nothing of this is in a figure without such runs.
    let plain = sweep().draw().unwrap();
    assert!(heights_of_lines(&plain, "stroke=\"#D55E00\"").is_empty());
    assert!(plain.height() < figure.height());
}

#[test]
fn crowded_endings_stay_legible() {
    let mut sweep = endings();
    let kinds = sweep.panels.clone();
    for panels in 1..=6 {
        sweep.panels = (0..panels).map(|i| kinds[i % 2].clone()).collect();
        for point in sweep.panels.iter_mut().flat_map(|panel| &mut panel.ours) {
            point
                .runs
                .extend([[Run::Diverged; 120], [Run::Undefined; 120]].as_flattened());
        }
        assert_legible(&sweep.draw().unwrap());
    }
}

#[test]
fn values_that_are_no_numbers_count_as_undefined() {
    let mut sweep = sweep();
    sweep.panels[0].ours[0].runs = vec![Run::Value(f64::NAN), Run::Value(f64::INFINITY)];
    sweep.panels[0].ours[0].mean = f64::NAN;
    sweep.panels[0].ours[1].sd = Some(f64::INFINITY);
    let figure = sweep.draw().unwrap();
    assert_legible(&figure);
    assert!(
        figure
            .caption()
            .contains("accuracy at \u{3b3} = 0.0001 (2 of 2 runs)"),
        "{}",
        figure.caption()
    );
    assert!(!figure.drawing.contains("NaN") && !figure.drawing.contains("inf"));
}

#[test]
fn one_run_has_no_bar_and_says_so() {
    let mut sweep = sweep();
    sweep.panels.truncate(1);
    sweep.panels[0].ours = vec![point(0.001, &[0.75])];
    sweep.panels[0].published.clear();
    let figure = sweep.draw().unwrap();
    assert_legible(&figure);
    assert!(
        figure.caption().contains("One run per point."),
        "{}",
        figure.caption()
    );
    assert!(!figure.caption().contains("sd"), "{}", figure.caption());
    assert_eq!(attribute(&figure, MEAN, "cx").len(), 2);
}

#[test]
fn nothing_of_ours_shows_what_was_published() {
    let mut sweep = sweep();
    for panel in &mut sweep.panels {
        panel.ours.clear();
    }
    let figure = sweep.draw().unwrap();
    assert!(
        figure.caption().contains("No runs yet"),
        "{}",
        figure.caption()
    );
    assert!(attribute(&figure, MEAN, "cx").is_empty());
    for panel in &mut sweep.panels {
        panel.published.clear();
        panel.baselines.clear();
    }
    let figure = sweep.draw().unwrap();
    assert_legible(&figure);
    assert_eq!(figure.drawing.matches("no data").count(), 2);
}

#[test]
fn values_beyond_the_range_widen_it_and_cut_bars_are_named() {
    let mut sweep = sweep();
    sweep.panels.truncate(1);
    sweep.panels[0].ours[0] = Point {
        x: 1e-4,
        mean: -0.3,
        sd: None,
        runs: Vec::new(),
    };
    let figure = sweep.draw().unwrap();
    assert_legible(&figure);
    assert!(figure.drawing.contains("\u{2212}0.5"));
    assert!(!figure.caption().contains("cut"), "{}", figure.caption());
    sweep.panels[0].ours[0] = Point {
        x: 1e-4,
        mean: 0.9,
        sd: Some(0.2),
        runs: Vec::new(),
    };
    assert!(
        sweep
            .draw()
            .unwrap()
            .caption()
            .contains("are cut at its edge")
    );
}

#[test]
fn impossible_sweeps_are_refused() {
    let mut zero = sweep();
    zero.panels[0].ours[0].x = 0.0;
    let message = zero.draw().unwrap_err().to_string();
    assert!(
        message.contains("= 0 cannot stand on a logarithmic axis"),
        "{message}"
    );
    let mut range = sweep();
    range.panels[0].range = (1.0, f64::NAN);
    assert!(matches!(range.draw(), Err(Error::Range { .. })));
    let none = Sweep {
        panels: Vec::new(),
        ..sweep()
    };
    assert!(matches!(
        none.draw(),
        Err(Error::Empty { what: "panels", .. })
    ));
}
