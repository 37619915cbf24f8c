//! Whole figures: what they show, that nothing overlaps or runs off the page, and that bytes repeat.

// Sizes are whole or half pixels: exact.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::path::Path;

use resvg::tiny_skia::{Pixmap, Rect};
use resvg::usvg::{Group, Node, Options, Text, Tree};

use super::*;

mod lattice;

/// Published values of DESOM's Fig. 1 for accuracy and NMI, and means beside them as ours.
fn sweep() -> Sweep {
    let gammas = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];
    let panel = |metric: &str, published: [(f64, f64); 6]| Panel {
        metric: metric.to_owned(),
        higher_is_better: true,
        range: (0.0, 1.0),
        ours: gammas
            .iter()
            .zip(published)
            .map(|(&x, (mean, _))| point(x, &[mean - 0.02, mean, mean + 0.01]))
            .collect(),
        published: gammas
            .iter()
            .zip(published)
            .map(|(&x, (mean, sd))| Point {
                x,
                mean,
                sd: Some(sd),
                runs: Vec::new(),
            })
            .collect(),
        baselines: vec![Baseline {
            label: "k-means, k = 10".to_owned(),
            value: 0.534,
        }],
    };
    let accuracy = [
        (0.727, 0.065),
        (0.753, 0.039),
        (0.693, 0.041),
        (0.631, 0.042),
        (0.151, 0.115),
        (0.113, 0.0),
    ];
    let nmi = [
        (0.651, 0.004),
        (0.653, 0.005),
        (0.637, 0.009),
        (0.595, 0.009),
        (0.055, 0.156),
        (0.001, 0.002),
    ];
    Sweep {
        title: "Clustering of MNIST against \u{3b3}".to_owned(),
        parameter: "\u{3b3} (weight of the SOM loss)".to_owned(),
        scale: Scale::Log,
        panels: vec![panel("accuracy", accuracy), panel("NMI", nmi)],
        caption: "DESOM, 8 \u{d7} 8 map, 10\u{2009}000 iterations, all 70\u{a0}000 images"
            .to_owned(),
        note: Some("quick profile: no verdict".to_owned()),
    }
}

fn point(x: f64, seeds: &[f64]) -> Point {
    let n = seeds.len() as f64;
    let mean = seeds.iter().sum::<f64>() / n;
    let square = seeds.iter().map(|seed| (seed - mean).powi(2)).sum::<f64>();
    Point {
        x,
        mean,
        sd: (n > 1.0).then(|| (square / (n - 1.0)).sqrt()),
        runs: seeds.iter().copied().map(Run::Value).collect(),
    }
}

fn curves() -> Curves {
    let line = |scale: f64| {
        (0..100)
            .map(|i| (f64::from(i), scale * (-0.05 * f64::from(i)).exp()))
            .collect()
    };
    let panel = |log_y, names: &[&str]| CurvePanel {
        y_label: "loss".to_owned(),
        log_y,
        series: names
            .iter()
            .zip(1..)
            .map(|(name, i)| ((*name).to_owned(), line(f64::from(i))))
            .collect(),
    };
    Curves {
        title: "Losses".to_owned(),
        x_label: "iteration".to_owned(),
        panels: vec![
            panel(true, &["reconstruction", "\u{3b3}-weighted SOM"]),
            panel(false, &["total"; 9]),
        ],
        caption: String::new(),
        note: None,
    }
}

fn grid() -> ImageGrid {
    ImageGrid {
        title: "Decoded prototypes".to_owned(),
        rows: 2,
        columns: 2,
        tiles: vec![
            vec![0.0; 6],
            vec![1.0; 6],
            vec![0.5, f32::NAN, 2.0, -1.0, 0.0, 0.0],
        ],
        tile: (2, 3),
        gap: 1,
        caption: "A 2 \u{d7} 2 map".to_owned(),
        note: None,
        invert: false,
    }
}

fn texts(group: &Group) -> Vec<&Text> {
    let mut found = Vec::new();
    for node in group.children() {
        match node {
            Node::Group(group) => found.extend(texts(group)),
            Node::Text(text) => found.push(&**text),
            Node::Path(_) | Node::Image(_) => {}
        }
    }
    found
}

fn words(text: &Text) -> String {
    text.chunks()
        .iter()
        .map(resvg::usvg::TextChunk::text)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Fails when a letter is not in the face, a text leaves the page, or two texts overlap.
fn assert_legible(figure: &Figure) {
    let tree = figure.tree();
    let texts = texts(tree.root());
    assert!(!texts.is_empty());
    let mut boxes: Vec<(Rect, String)> = Vec::new();
    for text in texts {
        for span in text.layouted() {
            for glyph in &span.positioned_glyphs {
                assert_ne!(
                    glyph.id.0,
                    0,
                    "no glyph for {:?} in {:?}",
                    glyph.text,
                    words(text)
                );
            }
        }
        let r = text.abs_bounding_box();
        let inside = r.left() >= 0.0
            && r.top() >= 0.0
            && f64::from(r.right()) <= figure.width()
            && f64::from(r.bottom()) <= figure.height();
        assert!(inside, "{:?} leaves the page: {r:?}", words(text));
        // The box spans ascent to descent: letters fill its inner part.
        let quarter = r.height() / 5.0;
        let r =
            Rect::from_ltrb(r.left(), r.top() + quarter, r.right(), r.bottom() - quarter).unwrap();
        for (other, what) in &boxes {
            assert!(
                r.intersect(other).is_none(),
                "{:?} covers {what:?}",
                words(text)
            );
        }
        boxes.push((r, words(text)));
    }
}

/// Values of an attribute of all elements that contain `mark`, in pixels.
fn attribute(figure: &Figure, mark: &str, name: &str) -> Vec<f64> {
    let elements = figure.drawing.lines().filter(|line| line.contains(mark));
    let value = |line: &str| {
        line.split_once(&format!(" {name}=\""))
            .and_then(|(_, rest)| rest.split('"').next()?.parse().ok())
    };
    elements
        .filter_map(value)
        .map(|units: f64| units / canvas::UNITS)
        .collect()
}

/// Heights in pixels of the first points of all lines that contain `mark`.
fn heights_of_lines(figure: &Figure, mark: &str) -> Vec<f64> {
    let lines = figure.drawing.lines().filter(|line| line.contains(mark));
    let first = |line: &str| {
        line.split_once("points=\"")?
            .1
            .split([',', ' '])
            .nth(1)?
            .parse()
            .ok()
    };
    lines
        .filter_map(first)
        .map(|units: f64| units / canvas::UNITS)
        .collect()
}

/// Our means: the only dots of this radius; the key's comes first.
const MEAN: &str = "r=\"34\"";

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (sweep().draw().unwrap(), sweep().draw().unwrap());
    assert_eq!(one.svg(), two.svg());
    assert_eq!(one.png().unwrap(), two.png().unwrap());
    let mut other = sweep();
    other.panels[0].ours[0].mean = 0.5;
    assert_ne!(one.svg(), other.draw().unwrap().svg());
}

#[test]
fn points_stand_where_their_values_are() {
    let mut sweep = sweep();
    sweep.panels.truncate(1);
    let figure = sweep.draw().unwrap();
    let grid = heights_of_lines(&figure, "#E9E9E9");
    let (zero, one) = (grid[0], grid[5]);
    assert!(zero > one);
    let (xs, ys) = (
        attribute(&figure, MEAN, "cx"),
        attribute(&figure, MEAN, "cy"),
    );
    assert_eq!(xs.len(), 7);
    for (point, y) in sweep.panels[0].ours.iter().zip(&ys[1..]) {
        assert!(
            (zero + point.mean * (one - zero) - y).abs() <= 0.051,
            "{point:?} at {y}"
        );
    }
    let decade = xs[2] - xs[1];
    assert!(decade > 20.0);
    assert!(
        xs[1..]
            .windows(2)
            .all(|pair| (pair[1] - pair[0] - decade).abs() <= 0.11),
        "{xs:?}"
    );
    // Three seeds for each of six values, and three in the key.
    assert_eq!(attribute(&figure, "r=\"17\"", "cy").len(), 21);
}

#[test]
fn figures_are_legible() {
    assert_legible(&sweep().draw().unwrap());
    assert_legible(&curves().draw().unwrap());
    assert_legible(&grid().draw().unwrap());
}

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

#[test]
fn outlines_need_no_font_and_keep_the_words() {
    let figure = sweep().draw().unwrap();
    assert!(!figure.svg().contains("<text"));
    assert!(
        figure
            .svg()
            .contains("<title>Clustering of MNIST against \u{3b3}</title>")
    );
    assert!(
        figure
            .svg()
            .contains("published: \u{3b3} = 0.0001: 0.727 \u{b1} 0.065"),
        "{}",
        figure.description()
    );
    let tree = Tree::from_str(figure.svg(), &Options::default()).unwrap();
    assert_eq!(f64::from(tree.size().width()), figure.width());
    assert!(texts(tree.root()).is_empty());
}

#[test]
fn markup_and_control_characters_in_words_do_no_harm() {
    let mut sweep = sweep();
    sweep.title = "a < b & \"c\" </title>\u{1}\n".to_owned();
    let figure = sweep.draw().unwrap();
    assert!(figure.svg().contains("a &lt; b &amp; \"c\" &lt;/title&gt;"));
    assert!(Tree::from_str(figure.svg(), &Options::default()).is_ok());
}

#[test]
fn measured_widths_are_those_of_the_outlines() {
    let figure = sweep().draw().unwrap();
    for text in texts(figure.tree().root()) {
        let span = &text.chunks()[0].spans()[0];
        let bold = span.font().weight() > 400;
        let weight = if bold {
            font::Weight::Bold
        } else {
            font::Weight::Regular
        };
        let size = f64::from(span.font_size().get()) / canvas::UNITS;
        let (measured, drawn) = (
            font::width(&words(text), size, weight),
            f64::from(text.abs_bounding_box().width()),
        );
        assert!(
            (measured - drawn).abs() <= 0.5 + 0.03 * drawn,
            "{:?}: {measured} against {drawn}",
            words(text)
        );
    }
}

#[test]
fn the_png_has_twice_the_pixels() {
    let figure = sweep().draw().unwrap();
    let png = Pixmap::decode_png(&figure.png().unwrap()).unwrap();
    assert_eq!(f64::from(png.width()), 2.0 * figure.width());
    assert_eq!(f64::from(png.height()), (2.0 * figure.height()).round());
    let inked = png
        .pixels()
        .iter()
        .filter(|pixel| pixel.red() < 128)
        .count();
    assert!(inked > 2000, "{inked} dark pixels");
}

#[test]
fn tiles_have_hard_edges_and_exact_greys() {
    let figure = grid().draw().unwrap();
    let caption = figure.caption();
    assert!(
        caption.contains("Orange: 1 undefined pixel in 1 tile. The last cell is empty."),
        "{caption}"
    );
    assert!(figure.svg().contains("data:image/png;base64,i"));
    let page = figure.page_svg();
    assert!(page.contains("data:image/png;base64,i") && !page.contains("\"raster\""));
    // Nothing that drawings side by side in a page could share.
    assert!(!page.contains(" id=") && !page.contains("url("));
    assert!(page.contains("<text") && page.contains("<title>") && page.contains("Orange: 1"));
    let png = Pixmap::decode_png(&figure.png().unwrap()).unwrap();
    // Seven pixels of a tile across 600: a factor of 85, twice that in the PNG; the grid ends 33 pixels above the foot.
    let (cell, left) = (170, 32);
    let top = (0..png.height()).find(|&y| {
        let pixel = png.pixel(left + cell * 3 / 2, y).unwrap();
        (pixel.red(), pixel.green()) == (0, 0)
    });
    let top = top.unwrap();
    let at = |x: u32, y: u32| {
        let pixel = png.pixel(x, y).unwrap();
        (pixel.red(), pixel.green(), pixel.blue())
    };
    let middle =
        |column: u32, row: u32| at(left + column * cell + cell / 2, top + row * cell + cell / 2);
    assert_eq!(middle(0, 0), (0, 0, 0));
    assert_eq!(middle(3, 0), (200, 200, 200));
    assert_eq!(middle(4, 0), (255, 255, 255));
    assert_eq!(middle(0, 3), (128, 128, 128));
    assert_eq!(middle(1, 3), (0xD5, 0x5E, 0x00));
    assert_eq!(middle(2, 3), (255, 255, 255));
    assert_eq!(middle(0, 4), (0, 0, 0));
    let edge = left + 3 * cell;
    assert_eq!(
        (at(edge - 1, top + 5), at(edge, top + 5)),
        ((0, 0, 0), (200, 200, 200))
    );
    let inverted = ImageGrid {
        invert: true,
        ..grid()
    }
    .draw()
    .unwrap();
    assert_ne!(inverted.svg(), figure.svg());
}

#[test]
fn wrong_tiles_are_refused() {
    let mut short = grid();
    short.tiles[1].pop();
    let message = short.draw().unwrap_err().to_string();
    assert!(
        message.contains("tile 1 has 5 values, but 2 x 3 pixels need 6"),
        "{message}"
    );
    let many = ImageGrid { rows: 1, ..grid() };
    assert!(matches!(many.draw(), Err(Error::Tiles { tiles: 3, .. })));
    let flat = ImageGrid {
        tile: (0, 3),
        ..grid()
    };
    assert!(matches!(
        flat.draw(),
        Err(Error::Empty {
            what: "pixels in a tile",
            ..
        })
    ));
    let huge = ImageGrid {
        rows: 5000,
        columns: 5000,
        tiles: Vec::new(),
        ..grid()
    };
    assert!(matches!(huge.draw(), Err(Error::Size { .. })));
}

#[test]
fn gaps_break_lines_and_are_named() {
    let mut curves = curves();
    curves.panels.truncate(1);
    let whole = curves.draw().unwrap();
    let lines = |figure: &Figure| {
        figure
            .drawing
            .matches("stroke=\"#D55E00\" stroke-width=\"13\"")
            .count()
    };
    assert_eq!(lines(&whole), 1);
    curves.panels[0].series[1].1[50].1 = f64::NAN;
    curves.panels[0].series[1].1[51].1 = -1.0;
    curves.panels[0]
        .series
        .push(("never run".to_owned(), Vec::new()));
    let broken = curves.draw().unwrap();
    assert_legible(&broken);
    assert_eq!(lines(&broken), 2);
    let caption = broken.caption();
    assert!(
        caption.contains("(2 of 100 values undefined or not positive); never run (no values)."),
        "{caption}"
    );
}

#[test]
fn curves_without_values_say_so() {
    let mut curves = curves();
    for panel in &mut curves.panels {
        panel.series.clear();
    }
    let figure = curves.draw().unwrap();
    assert_legible(&figure);
    assert_eq!(figure.drawing.matches("no data").count(), 2);
    curves.panels.clear();
    assert!(matches!(curves.draw(), Err(Error::Empty { .. })));
}

#[test]
fn saving_writes_both_files_and_leaves_no_part() {
    let folder = tempfile::tempdir().unwrap();
    let figure = grid().draw().unwrap();
    let [svg, png] = figure.save(&folder.path().join("new/fig.1")).unwrap();
    assert_eq!(svg.file_name().unwrap(), "fig.1.svg");
    assert_eq!(std::fs::read_to_string(&svg).unwrap(), figure.svg());
    assert_eq!(std::fs::read(&png).unwrap(), figure.png().unwrap());
    assert_eq!(std::fs::read_dir(svg.parent().unwrap()).unwrap().count(), 2);
    let blocked = figure.save(&svg.join("below a file")).unwrap_err();
    assert!(matches!(&blocked, Error::Write { .. }), "{blocked}");
    assert!(
        blocked
            .to_string()
            .contains(&Path::new("below a file.svg").display().to_string())
    );
}

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
