//! Colours and sizes: Okabe and Ito's colour-blind-safe set, and the greys around it.
//!
//! Source: M. Okabe, K. Ito, "Color Universal Design", 2008.

use plotters::style::RGBColor;

/// Our own results.
pub(super) const OURS: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Warnings: the note line, undefined pixels.
pub(super) const WARNING: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Titles and captions.
pub(super) const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Tick labels and side remarks.
pub(super) const MUTED: RGBColor = RGBColor(0x5A, 0x5A, 0x5A);
/// Axis lines.
pub(super) const AXIS: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xE9, 0xE9, 0xE9);
/// A published mean.
pub(super) const PUBLISHED: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// A published standard deviation, behind everything.
pub(super) const PUBLISHED_BAND: RGBColor = RGBColor(0xD9, 0xD9, 0xD9);
/// Paper.
pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Colours of series in their order, repeated when there are more.
pub(super) const SERIES: [RGBColor; 7] = [
    OURS,
    WARNING,
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x00, 0x00),
];

/// Font sizes in pixels.
pub(super) const TITLE: f64 = 16.0;
/// Panel headings.
pub(super) const HEADING: f64 = 13.5;
/// Captions, axis labels, the key.
pub(super) const BODY: f64 = 12.5;
/// Tick labels and labels of lines.
pub(super) const SMALL: f64 = 11.5;

/// Relative luminance of a colour, 0 (black) to 1 (white).
///
/// Source: WCAG 2.2, "relative luminance".
fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// The colour, darkened until text in it reads on white: a contrast of 4.5 to 1 at least (WCAG 2.2, level AA).
pub(super) fn ink(mut colour: RGBColor) -> RGBColor {
    while 1.05 / (luminance(colour) + 0.05) < 4.5 {
        let darker = |channel: u8| (f64::from(channel) * 0.95) as u8;
        colour = RGBColor(darker(colour.0), darker(colour.1), darker(colour.2));
    }
    colour
}

/// Dark or white, whichever reads better on `background`.
pub(super) fn on(background: RGBColor) -> RGBColor {
    let level = luminance(background) + 0.05;
    if 1.05 / level > level / (luminance(TEXT) + 0.05) {
        PAPER
    } else {
        TEXT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_on_white_and_dark_colours_stay() {
        for colour in SERIES {
            assert!(1.05 / (luminance(ink(colour)) + 0.05) >= 4.5, "{colour:?}");
        }
        assert_eq!(ink(OURS), OURS);
        assert_ne!(ink(SERIES[4]), SERIES[4]);
    }
}
