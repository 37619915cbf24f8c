//! Grids of small grey images: decoded prototypes of a map, in the map's order.

use resvg::tiny_skia::{ColorU8, Pixmap};

use super::Error;
use super::figure::{Figure, Raster};
use super::frame::{Frame, MARGIN, sentences};
use super::palette;

/// Images of equal size in rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageGrid {
    /// One line above everything.
    pub title: String,
    /// Rows of tiles.
    pub rows: usize,
    /// Columns of tiles.
    pub columns: usize,
    /// Row by row from the top left, each `h * w` values in row-major order; 0 is black and 1 is white, values beyond
    /// are clamped, NaN shows in orange. Cells without a tile stay empty.
    pub tiles: Vec<Vec<f32>>,
    /// Height and width of a tile in its own pixels.
    pub tile: (usize, usize),
    /// Space between tiles, in pixels of a tile.
    pub gap: usize,
    /// Sentences below the grid; undefined pixels and empty cells are added.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
    /// Swaps black and white: ink on paper.
    pub invert: bool,
}

/// Wanted width of the grid in pixels of the figure.
const TARGET: f64 = 600.0;
/// Narrowest figure: leaves the caption room.
const NARROWEST: f64 = 420.0;
/// Between tiles: neither the black nor the white of a tile.
const GAP_GREY: u8 = 0xC8;

impl ImageGrid {
    /// Draws the grid, enlarged by a whole factor to at most 600 pixels wide where it is smaller.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, columns or pixels, [`Error::Tiles`] for more tiles than cells, [`Error::Tile`]
    /// for a tile of the wrong size, [`Error::Size`] for a grid beyond all pages.
    pub fn draw(&self) -> Result<Figure, Error> {
        let (h, w) = self.tile;
        for (count, what) in [
            (self.rows, "rows"),
            (self.columns, "columns"),
            (h.min(w), "pixels in a tile"),
        ] {
            if count == 0 {
                return Err(Error::Empty {
                    title: self.title.clone(),
                    what,
                });
            }
        }
        if self.tiles.len() > self.rows.saturating_mul(self.columns) {
            return Err(Error::Tiles {
                title: self.title.clone(),
                tiles: self.tiles.len(),
                rows: self.rows,
                columns: self.columns,
            });
        }
        if let Some((index, tile)) = self
            .tiles
            .iter()
            .enumerate()
            .find(|(_, tile)| tile.len() != h * w)
        {
            return Err(Error::Tile {
                title: self.title.clone(),
                index,
                got: tile.len(),
                height: h,
                width: w,
            });
        }
        let side = |count: usize, tile: usize| {
            count as f64 * tile as f64 + (count - 1) as f64 * self.gap as f64
        };
        let (width, height) = (side(self.columns, w), side(self.rows, h));
        // Narrow grids are not enlarged until they are higher than any page.
        let factor = (TARGET / width.max(height / 4.0)).floor().max(1.0);
        let size = (width * factor, height * factor);
        let caption = sentences([self.caption.clone(), self.undefined(), self.vacant()]);
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption,
            description: format!(
                "{} images of {h} by {w} pixels in {} rows and {} columns.",
                self.tiles.len(),
                self.rows,
                self.columns
            ),
            width: size.0.max(NARROWEST) + 2.0 * MARGIN,
        };
        frame.compose(size.1, |_, top| {
            let png = self
                .bitmap(width as u32, height as u32)
                .ok_or_else(|| Error::Draw {
                    title: self.title.clone(),
                    reason: format!("no bitmap of {width} x {height} pixels"),
                })?;
            Ok(Some(Raster {
                corner: (MARGIN, top),
                size,
                png,
            }))
        })
    }

    /// The grid as a PNG file, one pixel a pixel.
    fn bitmap(&self, width: u32, height: u32) -> Option<Vec<u8>> {
        let (h, w) = self.tile;
        let mut bitmap = Pixmap::new(width, height)?;
        let pixels = bitmap.pixels_mut();
        let grey = |value: u8| ColorU8::from_rgba(value, value, value, 255).premultiply();
        pixels.fill(grey(if self.gap == 0 { 0xFF } else { GAP_GREY }));
        for (cell, tile) in (0..self.rows * self.columns)
            .zip(self.tiles.iter().map(Some).chain(std::iter::repeat(None)))
        {
            let (top, left) = (
                cell / self.columns * (h + self.gap),
                cell % self.columns * (w + self.gap),
            );
            for y in 0..h {
                for x in 0..w {
                    let value = tile.map(|tile| tile[y * w + x]);
                    pixels[(top + y) * width as usize + left + x] = match value {
                        None => grey(0xFF),
                        Some(value) if value.is_nan() => {
                            let orange = palette::WARNING;
                            ColorU8::from_rgba(orange.0, orange.1, orange.2, 255).premultiply()
                        }
                        Some(value) => {
                            let level = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                            grey(if self.invert { 255 - level } else { level })
                        }
                    };
                }
            }
        }
        bitmap.encode_png().ok()
    }

    fn undefined(&self) -> String {
        let pixels = self
            .tiles
            .iter()
            .flatten()
            .filter(|value| value.is_nan())
            .count();
        let tiles = self
            .tiles
            .iter()
            .filter(|tile| tile.iter().any(|value| value.is_nan()))
            .count();
        match pixels {
            0 => String::new(),
            n => {
                let plural = |n: usize| if n == 1 { "" } else { "s" };
                format!(
                    "Orange: {n} undefined pixel{} in {tiles} tile{}",
                    plural(n),
                    plural(tiles)
                )
            }
        }
    }

    fn vacant(&self) -> String {
        match self.rows * self.columns - self.tiles.len() {
            0 => String::new(),
            1 => "The last cell is empty".to_owned(),
            n => format!("The last {n} cells are empty"),
        }
    }
}
