//! What surrounds every picture: title and note above it, caption below it, and the way to a finished [`Figure`].

use super::Error;
use super::canvas::{Canvas, Type};
use super::figure::{Figure, Parts, Raster};
use super::font::{self, Weight};
use super::palette;

/// White space around everything, in pixels.
pub(super) const MARGIN: f64 = 16.0;
/// Longest side of a figure, in pixels: keeps twice its square within memory.
const LIMIT: f64 = 8000.0;
const TITLE_LINE: f64 = 21.0;
const NOTE_LINE: f64 = 18.0;
const CAPTION_LINE: f64 = 17.0;
const GAP: f64 = 10.0;

/// The words around a picture and its width in pixels.
pub(super) struct Frame<'a> {
    pub title: &'a str,
    pub note: Option<&'a str>,
    pub caption: String,
    pub description: String,
    pub width: f64,
}

impl Frame<'_> {
    /// Draws the words, lets `body` draw the picture from the given `y` on in `height` pixels, and finishes.
    pub fn compose(
        self,
        height: f64,
        body: impl FnOnce(&Canvas, f64) -> Result<Option<Raster>, Error>,
    ) -> Result<Figure, Error> {
        font::register()?;
        let inner = self.width - 2.0 * MARGIN;
        let title = font::wrap(self.title, palette::TITLE, Weight::Bold, inner);
        let note = font::wrap(self.note.unwrap_or(""), palette::BODY, Weight::Bold, inner);
        let caption = font::wrap(&self.caption, palette::BODY, Weight::Regular, inner);
        let lines = |count: usize, line: f64| count as f64 * line;
        let top = MARGIN + lines(title.len(), TITLE_LINE) + lines(note.len(), NOTE_LINE) + GAP;
        let foot = top + height + if caption.is_empty() { 0.0 } else { GAP };
        let total = foot + lines(caption.len(), CAPTION_LINE) + MARGIN;
        if self.width > LIMIT || total > LIMIT {
            return Err(Error::Size {
                title: self.title.to_owned(),
                width: self.width,
                height: total,
                limit: LIMIT,
            });
        }

        let mut svg = String::new();
        let canvas = Canvas::new(&mut svg, self.title, self.width, total)?;
        let write = |lines: &[String], top: f64, line: f64, face: Type| {
            let middle = |i: usize| top + (i as f64 + 0.5) * line;
            lines
                .iter()
                .enumerate()
                .try_for_each(|(i, text)| canvas.text((MARGIN, middle(i)), text, face))
        };
        let mut y = MARGIN;
        write(
            &title,
            y,
            TITLE_LINE,
            Type::new(palette::TITLE, palette::TEXT).bold(),
        )?;
        y += lines(title.len(), TITLE_LINE);
        write(
            &note,
            y,
            NOTE_LINE,
            Type::new(palette::BODY, palette::ink(palette::WARNING)).bold(),
        )?;
        write(
            &caption,
            foot,
            CAPTION_LINE,
            Type::new(palette::BODY, palette::TEXT),
        )?;
        let raster = body(&canvas, top)?;
        canvas.finish()?;

        let note = self
            .note
            .map_or_else(String::new, |note| format!("{note}. "));
        Figure::new(Parts {
            drawing: svg,
            width: self.width,
            height: total,
            title: self.title.to_owned(),
            caption: self.caption,
            description: format!("{note}{}", self.description),
            raster,
        })
    }
}

/// How many runs means are of: `n = 8`, `n = 5–8` where they differ, `None` where there are none.
#[must_use]
pub fn sample_sizes(counts: impl Iterator<Item = usize>) -> Option<String> {
    let range = counts.map(|count| (count, count));
    let (least, most) = range.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    Some(if least == most {
        format!("n = {least}")
    } else {
        format!("n = {least}\u{2013}{most}")
    })
}

/// Joins the non-empty sentences of a caption.
pub(super) fn sentences<S: AsRef<str>>(parts: impl IntoIterator<Item = S>) -> String {
    let mut text = String::new();
    for part in parts {
        let part = part.as_ref().trim();
        if part.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
        if !part.ends_with(['.', '!', '?']) {
            text.push('.');
        }
    }
    text
}
