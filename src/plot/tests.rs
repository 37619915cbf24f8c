//! Whole figures: what they show, that nothing overlaps or runs off the page, and that bytes repeat.

// Sizes are whole or half pixels: exact.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::path::Path;

use resvg::tiny_skia::{Pixmap, Rect};
use resvg::usvg::{Group, Node, Options, Text, Tree};

use super::*;

mod bars;
mod lattice;
mod sweep;
mod tiles;

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
