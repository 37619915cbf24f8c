//! A difference with its interval against a margin, every run a dot: small pictures for the rows of a
//! table.
//!
//! Unlike a [`Figure`](super::Figure) a strip belongs into a page: it takes the page's text colour and
//! font, so it follows a dark background and needs no other file. Its classes (`dots`, `band`, ..) let
//! the page choose further colours.

use maud::{Markup, html};

/// One or more lanes of runs over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// What it shows, for those who cannot see it.
    pub description: String,
    /// Lanes from top to bottom; several have their labels beside them.
    pub lanes: Vec<StripLane>,
    /// The 90 % interval, drawn thick; below a single lane only.
    pub inner: Option<(f64, f64)>,
    /// The 95 % interval, drawn thin.
    pub outer: Option<(f64, f64)>,
    /// From and to where values agree with a claim, shaded; absent ends reach the edge.
    pub agrees: (Option<f64>, Option<f64>),
    /// Whether the axis shows differences: then it has a line at 0, and its numbers have signs.
    pub is_difference: bool,
}

/// Runs of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct StripLane {
    /// Set beside the lane where there are several.
    pub label: String,
    /// A dot each.
    pub values: Vec<f64>,
    /// The mean, drawn as a mark.
    pub mean: Option<f64>,
}

const WIDTH: f64 = 280.0;
/// Room for half a tick label at either end.
const EDGE: f64 = 16.0;
/// The column of lane labels, and what fits into it.
const LABELS: f64 = 96.0;
const LABEL_LETTERS: usize = 16;
const TOP: f64 = 4.0;
const DOT: f64 = 2.4;
/// Width of a digit of the tick labels.
const DIGIT: f64 = 5.8;

impl Strip {
    /// The picture as an SVG element, or nothing if no number is finite.
    #[must_use]
    pub fn svg(&self) -> Option<Markup> {
        let (low, high) = self.range()?;
        let left = if self.lanes.len() > 1 { LABELS } else { EDGE };
        let scale = (WIDTH - EDGE - left) / (high - low);
        let x = |value: f64| left + (value - low) * scale;
        let height = if self.lanes.len() > 1 { 15.0 } else { 22.0 };
        let lanes_end = TOP + height * self.lanes.len() as f64;
        let has_interval = self.outer.is_some() || self.inner.is_some();
        let below = lanes_end + 5.0;
        let axis = lanes_end + if has_interval { 13.0 } else { 3.0 };
        let bottom = axis + 15.0;
        let clip =
            |end: Option<f64>, edge: f64| end.map_or(edge, x).clamp(left - 6.0, WIDTH - 10.0);
        let band = (
            clip(self.agrees.0, left - 6.0),
            clip(self.agrees.1, WIDTH - 10.0),
        );
        Some(html! {
            svg.strip viewBox=(format!("0 0 {WIDTH} {}", rounded(bottom))) width=(WIDTH)
                height=(rounded(bottom)) role="img" aria-label=(self.description) {
                @if self.agrees != (None, None) {
                    rect.band x=(rounded(band.0)) y=(TOP) width=(rounded((band.1 - band.0).max(0.5)))
                        height=(rounded(axis - TOP)) fill="currentColor" fill-opacity="0.09" {}
                    @for edge in [self.agrees.0, self.agrees.1].into_iter().flatten() {
                        (line("edge", (x(edge), TOP), (x(edge), axis), 1.0))
                    }
                }
                @if self.is_difference {
                    (line("zero", (x(0.0), TOP - 2.0), (x(0.0), axis + 3.0), 1.0))
                }
                @for (row, lane) in self.lanes.iter().enumerate() {
                    @let middle = TOP + height * (row as f64 + 0.5);
                    (lane.svg(middle, height / 2.0 - DOT, self.lanes.len() > 1, &x))
                }
                @if let Some((from, to)) = self.outer {
                    (line("outer", (x(from), below), (x(to), below), 1.4))
                    @for end in [from, to] {
                        (line("outer", (x(end), below - 3.0), (x(end), below + 3.0), 1.4))
                    }
                }
                @if let Some((from, to)) = self.inner {
                    (line("inner", (x(from), below), (x(to), below), 4.0))
                }
                @if let (true, [lane]) = (has_interval, self.lanes.as_slice()) {
                    @if let Some(mean) = lane.mean.filter(|mean| mean.is_finite()) {
                        (diamond(x(mean), below))
                    }
                }
                (line("axis", (left - 6.0, axis), (WIDTH - 10.0, axis), 1.0))
                @for (at, text) in self.ticks(&x) {
                    (line("axis", (at, axis), (at, axis + 3.0), 1.0))
                    text x=(rounded(at)) y=(rounded(axis + 13.0)) text-anchor="middle" font-size="10"
                        fill="currentColor" { (text) }
                }
            }
        })
    }

    /// All that has to be seen, with a little room; `None` without a finite number.
    fn range(&self) -> Option<(f64, f64)> {
        let ends = [self.inner, self.outer].into_iter().flatten();
        let ends = ends.flat_map(|(from, to)| [from, to]);
        let lanes = self.lanes.iter();
        let seen = lanes.flat_map(|lane| lane.values.iter().copied().chain(lane.mean));
        let seen: Vec<f64> = seen.chain(ends).filter(|value| value.is_finite()).collect();
        if seen.is_empty() {
            return None;
        }
        let zero = self.is_difference.then_some(0.0);
        let bounds = [self.agrees.0, self.agrees.1, zero];
        let all = seen.into_iter().chain(bounds.into_iter().flatten());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let room = if high > low {
            0.04 * (high - low)
        } else {
            0.05 * high.abs().max(0.01)
        };
        Some((low - room, high + room))
    }

    /// Numbers below the axis and where they stand: the most telling first, the others where there is
    /// room.
    fn ticks(&self, x: &impl Fn(f64) -> f64) -> Vec<(f64, String)> {
        let (low, high) = self.range().unwrap_or((0.0, 1.0));
        let room = 0.04 / 1.08 * (high - low);
        let mut wanted: Vec<f64> = Vec::new();
        wanted.extend(self.is_difference.then_some(0.0));
        wanted.extend([self.agrees.0, self.agrees.1].into_iter().flatten());
        wanted.extend([low + room, high - room]);
        let mut placed: Vec<(f64, String)> = Vec::new();
        for value in wanted {
            let (at, text) = (x(value), self.label(value, high - low));
            let width = |text: &str| DIGIT * text.chars().count() as f64;
            let is_free = placed.iter().all(|(other, known)| {
                (at - other).abs() > f64::midpoint(width(&text), width(known)) + 4.0
            });
            if is_free {
                placed.push((at, text));
            }
        }
        placed
    }

    /// A number below an axis of that length.
    fn label(&self, value: f64, length: f64) -> String {
        let digits = if value.abs() >= 10.0 {
            1
        } else if length >= 0.005 {
            3
        } else {
            (1.0 - length.log10()).ceil().clamp(3.0, 12.0) as usize
        };
        let text = format!("{:.digits$}", value.abs());
        let text = text.trim_end_matches('0').trim_end_matches('.');
        match (text, value < 0.0) {
            ("0", _) => "0".to_owned(),
            (text, true) => format!("\u{2212}{text}"),
            (text, false) if self.is_difference => format!("+{text}"),
            (text, false) => text.to_owned(),
        }
    }
}

impl StripLane {
    fn svg(
        &self,
        middle: f64,
        reach: f64,
        is_one_of_many: bool,
        x: &impl Fn(f64) -> f64,
    ) -> Markup {
        let finite = self
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite());
        let mut places: Vec<f64> = finite.map(x).collect();
        places.sort_by(f64::total_cmp);
        let mean = self.mean.filter(|mean| is_one_of_many && mean.is_finite());
        html! {
            @if is_one_of_many {
                text x=(rounded(LABELS - 12.0)) y=(rounded(middle + 3.4)) text-anchor="end" font-size="10"
                    fill="currentColor" { (shortened(&self.label)) }
            }
            g.dots fill="currentColor" fill-opacity="0.72" {
                @for (across, down) in swarm(&places, reach) {
                    circle cx=(rounded(across)) cy=(rounded(middle + down)) r=(DOT) {}
                }
            }
            @if let Some(mean) = mean {
                (line("mean", (x(mean), middle - 6.0), (x(mean), middle + 6.0), 2.0))
            }
        }
    }
}

/// Moves dots that would hide each other apart, up and down by turns, within `reach`.
fn swarm(sorted: &[f64], reach: f64) -> Vec<(f64, f64)> {
    let mut placed: Vec<(f64, f64)> = Vec::new();
    let step = 2.0 * DOT;
    let levels = (reach / step).floor().max(0.0) as i32;
    for &across in sorted {
        let mut free = (0..=levels)
            .flat_map(|level| [level, -level])
            .map(|level| step * f64::from(level));
        let clear = |down: &f64| {
            let near = placed
                .iter()
                .rev()
                .take_while(|(other, _)| across - other < step);
            near.clone()
                .all(|(other, height)| (across - other).hypot(down - height) >= step - 0.3)
        };
        // No place left: the dots are many and alike, and shine through.
        let crowded = placed.len() as i32 % (2 * levels + 1) - levels;
        let down = free.find(clear).unwrap_or(step * f64::from(crowded));
        placed.push((across, down));
    }
    placed
}

fn line(class: &str, from: (f64, f64), to: (f64, f64), width: f64) -> Markup {
    html! {
        line class=(class) x1=(rounded(from.0)) y1=(rounded(from.1)) x2=(rounded(to.0))
            y2=(rounded(to.1)) stroke="currentColor" stroke-width=(width) {}
    }
}

fn diamond(x: f64, y: f64) -> Markup {
    let (x, y) = (rounded(x), rounded(y));
    html! { path.mean d=(format!("M{x} {y}m-4.5 0 4.5-4.5 4.5 4.5-4.5 4.5z")) fill="currentColor" {} }
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_LETTERS {
        return label.to_owned();
    }
    let kept: String = label.chars().take(LABEL_LETTERS - 1).collect();
    format!("{kept}\u{2026}")
}

/// A tenth of a pixel is enough, and shorter.
fn rounded(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn strip(values: &[f64]) -> Strip {
        Strip {
            description: "<ours> & theirs".into(),
            lanes: vec![StripLane {
                label: "a".into(),
                values: values.to_vec(),
                mean: Some(0.01),
            }],
            inner: Some((-0.01, 0.03)),
            outer: Some((-0.02, 0.04)),
            agrees: (Some(-0.06), Some(0.06)),
            is_difference: true,
        }
    }

    #[test]
    fn every_run_is_a_dot_even_equal_ones() {
        let values = [0.01, 0.01, 0.01, -0.5, f64::NAN, 0.010_000_1];
        let svg = strip(&values).svg().unwrap().into_string();
        assert_eq!(svg.matches("<circle").count(), 5);
        let places = swarm(&[100.0, 100.0, 100.0], 8.6);
        assert_eq!(places, [(100.0, 0.0), (100.0, 4.8), (100.0, -4.8)]);
    }

    #[test]
    fn zero_and_margins_are_labelled_and_labels_do_not_touch() {
        let svg = strip(&[0.0, 0.02]).svg().unwrap().into_string();
        for label in [">0<", ">+0.06<", ">\u{2212}0.06<"] {
            assert!(svg.contains(label), "{svg}");
        }
        // On a short axis they are not all 0.
        let short = Strip {
            agrees: (None, Some(1e-5)),
            inner: None,
            outer: None,
            lanes: Vec::new(),
            ..strip(&[])
        };
        assert_eq!(short.label(1e-5, 2e-5), "+0.00001");
        assert_eq!(short.label(0.012, 0.1), "+0.012");
        // An outlier leaves no room for the margins.
        let svg = strip(&[0.0, -5.0]).svg().unwrap().into_string();
        assert!(
            !svg.contains(">+0.06<") && svg.contains(">\u{2212}5<"),
            "{svg}"
        );
    }

    #[test]
    fn words_are_escaped_and_nothing_finite_is_nothing() {
        let svg = strip(&[0.0]).svg().unwrap().into_string();
        assert!(
            svg.contains("aria-label=\"&lt;ours&gt; &amp; theirs\""),
            "{svg}"
        );
        let mut none = strip(&[f64::NAN]);
        (none.inner, none.outer, none.lanes[0].mean) = (None, None, None);
        assert!(none.svg().is_none());
    }
}
