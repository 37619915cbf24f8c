//! The embedded face: its registration with the drawing library, its database for outlines, and text widths.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use resvg::usvg::fontdb::{Database, Source};

use super::Error;
use super::canvas::UNITS;

/// Name of the face in SVG text.
pub(super) const FAMILY: &str = "Replicate Sans";

static REGULAR: &[u8] = include_bytes!("../../assets/fonts/ReplicateSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../assets/fonts/ReplicateSans-Bold.ttf");

/// plotters divides a font size by this to get the em of the SVG text. The embedded face is made so that its widths
/// agree: see `assets/fonts/subset.py`.
const PLOTTERS_EM: f64 = 1.24;

/// Rules of a style sheet that bring the face, for a page with [`Figure::page_svg`](super::Figure::page_svg) in it.
#[must_use]
pub fn page_fonts() -> String {
    [(REGULAR, 400), (BOLD, 700)]
        .map(|(face, weight)| {
            let face = STANDARD.encode(face);
            format!(
                "@font-face {{ font-family: \"{FAMILY}\"; font-weight: {weight}; \
                 src: url(data:font/ttf;base64,{face}); }}\n"
            )
        })
        .concat()
}

/// Weight of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

static REGISTERED: LazyLock<Result<(), &'static str>> = LazyLock::new(|| {
    register_font(FAMILY, FontStyle::Normal, REGULAR).map_err(|_| "ReplicateSans-Regular.ttf")?;
    register_font(FAMILY, FontStyle::Bold, BOLD).map_err(|_| "ReplicateSans-Bold.ttf")
});

/// Makes the face known to the drawing library; every figure calls it first.
pub(super) fn register() -> Result<(), Error> {
    LazyLock::force(&REGISTERED).map_err(Error::Font)
}

/// A database with the embedded face and no other.
pub(super) fn database() -> Arc<Database> {
    static DATABASE: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut database = Database::new();
        database.load_font_source(Source::Binary(Arc::new(REGULAR)));
        database.load_font_source(Source::Binary(Arc::new(BOLD)));
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    });
    Arc::clone(&DATABASE)
}

/// The face in the drawing library's terms; `size` is the em in pixels.
pub(super) fn description(size: f64, weight: Weight) -> FontDesc<'static> {
    let style = match weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    FontDesc::new(FontFamily::Name(FAMILY), size * UNITS * PLOTTERS_EM, style)
}

/// Width in pixels of one line of text whose em is `size` pixels.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    // Measuring fails only before `register`, which every figure calls first; half an em a letter is close enough.
    description(size, weight).box_size(text).map_or_else(
        |_| 0.5 * size * text.chars().count() as f64,
        |(w, _)| f64::from(w) / UNITS,
    )
}

/// Breaks text into lines of at most `limit` pixels, at white space where possible, else inside a word; never
/// around the sign of a formula such as `n = 10` or `8 x 8`, unless it is wider than a line.
pub(super) fn wrap(text: &str, size: f64, weight: Weight, limit: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut text = text.to_owned();
    for sign in ['=', '\u{b1}', '\u{d7}'] {
        text = text.replace(&format!(" {sign} "), &format!("\u{a0}{sign}\u{a0}"));
    }
    for word in text.split_ascii_whitespace() {
        let joined = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if width(&joined, size, weight) <= limit {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if width(&line, size, weight) > limit && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text, its end replaced by an ellipsis when it is wider than the room.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    let wide = |text: &str| width(text, size, Weight::Bold) > room;
    if !wide(text) {
        return text.to_owned();
    }
    let mut letters: Vec<char> = text.chars().collect();
    while letters.pop().is_some() {
        let shorter: String = letters
            .iter()
            .collect::<String>()
            .trim_end_matches(['\u{2026}', ' '])
            .to_owned()
            + "\u{2026}";
        if !wide(&shorter) {
            return shorter;
        }
    }
    "\u{2026}".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lines_keep_every_word_and_stay_within_the_limit() {
        register().unwrap();
        let text =
            "mean \u{b1} sd over ten runs of Donaudampfschifffahrtsgesellschaft on a narrow page";
        let lines = wrap(text, 12.0, Weight::Regular, 90.0);
        assert!(lines.len() > 4);
        assert!(
            lines
                .iter()
                .all(|line| width(line, 12.0, Weight::Regular) <= 90.0),
            "{lines:?}"
        );
        assert_eq!(
            lines.concat().replace([' ', '\u{a0}'], ""),
            text.replace(' ', "")
        );
        assert_eq!(
            wrap("codes, k = 10", 12.0, Weight::Regular, 60.0),
            ["codes,", "k\u{a0}=\u{a0}10"]
        );
        assert!(wrap("  ", 12.0, Weight::Regular, 90.0).is_empty());
    }

    #[test]
    fn a_limit_below_one_letter_still_ends() {
        register().unwrap();
        assert_eq!(wrap("abc", 12.0, Weight::Bold, 1.0), ["a", "b", "c"]);
    }

    #[test]
    fn bold_is_a_face_of_its_own() {
        register().unwrap();
        assert_eq!(database().faces().count(), 2);
        assert!(width("accuracy", 12.0, Weight::Bold) > width("accuracy", 12.0, Weight::Regular));
    }

    #[test]
    fn long_labels_end_in_an_ellipsis() {
        register().unwrap();
        assert_eq!(fitted("NMI", 12.0, 100.0), "NMI");
        let cut = fitted("a very long label indeed", 12.0, 60.0);
        assert!(
            cut.ends_with('\u{2026}') && width(&cut, 12.0, Weight::Bold) <= 60.0,
            "{cut}"
        );
    }
}
