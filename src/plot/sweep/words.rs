//! The words of a sweep: what the caption adds, and the data for those who read instead of see.

use std::fmt::Write as _;

use super::super::axis::{Scale, number};
use super::super::frame::{sample_sizes, sentences};
use super::{Panel, Point, Run, Sweep};

impl Sweep {
    /// The caller's caption and what only the data can tell.
    pub(super) fn full_caption(&self) -> String {
        sentences([
            self.caption.clone(),
            self.runs(),
            self.endings("Diverged, no value (crosses)", Point::diverged),
            self.endings("Collapsed, counted in the means (rings)", Point::collapsed),
            self.undefined(),
            self.cut(),
        ])
    }

    /// A value of the parameter in words: `gamma = 0.001`, or the name of a category.
    fn place(&self, x: f64) -> String {
        match &self.scale {
            Scale::Category(names) if x >= 0.0 => names
                .get(x.round() as usize)
                .cloned()
                .unwrap_or_else(|| number(x)),
            _ => format!("{} = {}", self.symbol(), number(x)),
        }
    }

    /// The parameter's label without what stands in brackets.
    fn symbol(&self) -> &str {
        self.parameter.split(" (").next().unwrap_or(&self.parameter)
    }

    fn ours(&self) -> impl Iterator<Item = (&Panel, &Point)> {
        self.panels
            .iter()
            .flat_map(|panel| panel.ours.iter().map(move |point| (panel, point)))
    }

    fn published(&self) -> impl Iterator<Item = (&Panel, &Point)> {
        self.panels
            .iter()
            .flat_map(|panel| panel.published.iter().map(move |point| (panel, point)))
    }

    /// How many runs a point stands for, and what the bars are.
    fn runs(&self) -> String {
        if self.ours().next().is_none() {
            return if self.published().next().is_some() {
                "No runs yet: published values only".to_owned()
            } else {
                String::new()
            };
        }
        let counts = || {
            self.ours()
                .map(|(_, point)| point.valued())
                .filter(|&n| n > 0)
        };
        let mut text = match (counts().max(), sample_sizes(counts())) {
            (Some(1), _) => "One run per point".to_owned(),
            (_, Some(n)) => format!("{n} runs per point"),
            _ => String::new(),
        };
        let ours = self.ours().any(|(_, p)| p.finite_sd().is_some());
        let published = self.published().any(|(_, p)| p.finite_sd().is_some());
        let bars = match (ours, published) {
            (true, true) => "bars and grey bands are \u{b1} 1 standard deviation (sd)",
            (true, false) => "bars are \u{b1} 1 standard deviation (sd)",
            (false, true) => "grey bands are \u{b1} 1 standard deviation (sd)",
            (false, false) => "",
        };
        let lost = self.ours().any(|(_, p)| p.valued() < p.runs.len());
        if lost && !text.is_empty() {
            text.push_str(", those with a value only");
        }
        if !text.is_empty() && !bars.is_empty() {
            text.push_str("; ");
        }
        text + bars
    }

    /// Says where runs ended in some way, and how many of how many. Panels show the same runs: each place counts once.
    fn endings(&self, what: &str, count: impl Fn(&Point) -> usize) -> String {
        let mut places: Vec<(f64, usize, usize)> = Vec::new();
        for (_, point) in self.ours().filter(|(_, point)| count(point) > 0) {
            let (ended, all) = (count(point), point.runs.len());
            match places
                .iter_mut()
                .find(|place| place.0.total_cmp(&point.x).is_eq())
            {
                Some(place) if place.1 < ended => (place.1, place.2) = (ended, all),
                Some(_) => {}
                None => places.push((point.x, ended, all)),
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let places: Vec<String> = places
            .into_iter()
            .map(|(x, ended, all)| format!("{} ({ended} of {all} runs)", self.place(x)))
            .collect();
        if places.is_empty() {
            String::new()
        } else {
            format!("{what}: {}", places.join("; "))
        }
    }

    /// Names every value that is not drawn because it does not exist, metrics with the same gap together.
    fn undefined(&self) -> String {
        let ours = self.ours().map(|(panel, point)| (panel, point, ""));
        let published = self
            .published()
            .map(|(panel, point)| (panel, point, ", published"));
        let points = ours.chain(published).filter_map(|(panel, point, kind)| {
            let place = if point.x.is_finite() {
                format!("at {}{kind}", self.place(point.x))
            } else {
                format!("without {}{kind}", self.symbol())
            };
            let drawn = point.mean.is_finite() && point.x.is_finite();
            match (point.undefined(), point.runs.len()) {
                (0, _) if drawn || point.diverged() > 0 => None,
                (0, _) => Some((panel, place)),
                (missing, all) => Some((panel, format!("{place} ({missing} of {all} runs)"))),
            }
        });
        let baselines = self.panels.iter().flat_map(|panel| {
            let undefined = panel
                .baselines
                .iter()
                .filter(|baseline| !baseline.value.is_finite());
            undefined.map(move |baseline| (panel, format!("of {}", baseline.label)))
        });
        let mut gaps: Vec<(String, Vec<&str>)> = Vec::new();
        for (panel, place) in points.chain(baselines) {
            match gaps.iter_mut().find(|(known, _)| *known == place) {
                Some((_, metrics)) => metrics.push(&panel.metric),
                None => gaps.push((place, vec![&panel.metric])),
            }
        }
        let gaps: Vec<String> = gaps
            .into_iter()
            .map(|(place, metrics)| format!("{} {place}", metrics.join(", ")))
            .collect();
        if gaps.is_empty() {
            String::new()
        } else {
            format!("Undefined and not drawn: {}", gaps.join("; "))
        }
    }

    /// Says so when a bar goes on beyond its panel.
    fn cut(&self) -> String {
        let leaves = |panel: &Panel, point: &Point| {
            let (low, high) = panel.y_range();
            point
                .finite_sd()
                .is_some_and(|sd| point.mean - sd < low || point.mean + sd > high)
        };
        if self
            .ours()
            .chain(self.published())
            .any(|(panel, point)| leaves(panel, point))
        {
            "Bars and bands that leave a panel are cut at its edge".to_owned()
        } else {
            String::new()
        }
    }

    /// Every number of the figure, panel by panel.
    pub(super) fn description(&self) -> String {
        let mut text = String::from("Data:");
        for panel in &self.panels {
            let better = if panel.higher_is_better {
                "higher"
            } else {
                "lower"
            };
            let _ = write!(text, "\n{} ({better} is better).", panel.metric);
            for (kind, points) in [("ours", &panel.ours), ("published", &panel.published)] {
                let mut points: Vec<_> = points.iter().collect();
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                let items: Vec<String> = points.iter().map(|point| self.in_words(point)).collect();
                if !items.is_empty() {
                    let _ = write!(text, " {kind}: {}.", items.join("; "));
                }
            }
            for baseline in &panel.baselines {
                let _ = write!(text, " {}: {}.", baseline.label, number(baseline.value));
            }
        }
        text
    }

    fn in_words(&self, point: &Point) -> String {
        let mut text = format!("{}: {}", self.place(point.x), number(point.mean));
        if let Some(sd) = point.finite_sd() {
            let _ = write!(text, " \u{b1} {}", number(sd));
        }
        if !point.runs.is_empty() {
            let runs: Vec<String> = point.runs.iter().map(|&run| in_words(run)).collect();
            let _ = write!(text, " (runs: {})", runs.join(", "));
        }
        text
    }
}

fn in_words(run: Run) -> String {
    match run {
        Run::Value(value) => number(value),
        Run::Collapsed(value) => format!("{} collapsed", number(value)),
        Run::Diverged => "diverged".to_owned(),
        Run::Undefined => "undefined".to_owned(),
    }
}
