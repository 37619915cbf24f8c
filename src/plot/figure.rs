//! A finished figure: outlines, pixels, and the words for those who cannot see them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::{FilterQuality, Pixmap, PixmapMut, PixmapPaint, Transform};
use resvg::usvg::{Group, ImageHrefResolver, ImageKind, Node, Options, Tree, WriteOptions};

use super::canvas::UNITS;
use super::{Error, font};
use crate::files::{with_suffix, write_whole};

/// Pixels of the PNG for each pixel of the SVG.
const PNG_SCALE: f32 = 2.0;

/// A bitmap within a figure: its place in pixels, and a PNG file that is stretched over it with hard edges.
pub(super) struct Raster {
    pub corner: (f64, f64),
    pub size: (f64, f64),
    pub png: Vec<u8>,
}

/// What a figure is made from.
pub(super) struct Parts {
    /// The SVG that plotters wrote, in units of a tenth of a pixel.
    pub drawing: String,
    pub width: f64,
    pub height: f64,
    pub title: String,
    pub caption: String,
    pub description: String,
    pub raster: Option<Raster>,
}

/// A picture that looks the same on every machine: its text is outlines.
#[derive(Debug)]
pub struct Figure {
    svg: String,
    tree: Tree,
    width: f64,
    height: f64,
    title: String,
    caption: String,
    description: String,
    /// The SVG before its text became outlines.
    pub(super) drawing: String,
    /// The PNG that [`RASTER`] stands for in it.
    raster: Option<Arc<Vec<u8>>>,
}

impl Figure {
    pub(super) fn new(parts: Parts) -> Result<Self, Error> {
        let Parts {
            drawing,
            width,
            height,
            title,
            caption,
            description,
            raster,
        } = parts;
        let drawing = in_pixels(&drawing, width, height, raster.as_ref());
        let failed = |reason: String| Error::Draw {
            title: title.clone(),
            reason,
        };
        let raster = raster.map(|raster| Arc::new(raster.png));
        let tree = Tree::from_str(&drawing, &options(raster.clone()))
            .map_err(|error| failed(error.to_string()))?;
        // A tenth of a unit is a hundredth of a pixel.
        let outlines = tree.to_string(&WriteOptions {
            coordinates_precision: 1,
            transforms_precision: 5,
            indent: resvg::usvg::Indent::None,
            ..WriteOptions::default()
        });
        let svg = with_words(
            &outlines,
            width,
            height,
            &title,
            &format!("{caption} {description}"),
        );
        Ok(Self {
            svg,
            tree,
            width,
            height,
            title,
            caption,
            description,
            drawing,
            raster,
        })
    }

    /// The picture as SVG whose text is outlines, with title, caption and data as `<title>` and `<desc>`.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The picture as SVG whose text is text, for a page that has the face: a fraction of the size, and words can be
    /// searched and copied. See [`page_fonts`](super::page_fonts).
    #[must_use]
    pub fn page_svg(&self) -> String {
        let mut drawing = self.drawing.clone();
        if let Some(png) = &self.raster {
            let address = format!("href=\"data:image/png;base64,{}\"", STANDARD.encode(&**png));
            drawing = drawing.replacen(&format!("href=\"{RASTER}\""), &address, 1);
        }
        let words = format!("{} {}", self.caption, self.description);
        let (head, body) = drawing.split_once('>').unwrap_or((&drawing, ""));
        format!("{head}{}{body}", self::words(&self.title, &words))
    }

    /// The picture before its text became outlines.
    #[cfg(test)]
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Width in pixels of the SVG; the PNG has twice as many.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Height in pixels of the SVG; the PNG has twice as many.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.height
    }

    /// The caption as drawn below the picture.
    #[must_use]
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The data behind the picture in words: the alternative text of a page.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The picture as a PNG file at twice the size.
    ///
    /// # Errors
    /// [`Error::Draw`] when the picture cannot be drawn or encoded.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let failed = |reason: String| Error::Draw {
            title: self.caption.clone(),
            reason,
        };
        let side = |pixels: f64| (pixels as f32 * PNG_SCALE).round() as u32;
        let mut page = Pixmap::new(side(self.width), side(self.height)).ok_or_else(|| {
            failed(format!(
                "no bitmap of {} x {} pixels",
                self.width, self.height
            ))
        })?;
        let scale = Transform::from_scale(PNG_SCALE, PNG_SCALE);
        resvg::render(&self.tree, scale, &mut page.as_mut());
        draw_rasters(self.tree.root(), scale, &mut page.as_mut()).map_err(failed)?;
        page.encode_png().map_err(|error| failed(error.to_string()))
    }

    /// Writes `stem.svg` and `stem.png`, each under another name first and then renamed, so that a reader never sees
    /// half a file. Makes the folder when it is missing. Returns the two paths.
    ///
    /// # Errors
    /// [`Error::Write`] with the file that could not be written; [`Error::Draw`] as in [`Figure::png`].
    pub fn save(&self, stem: &Path) -> Result<[PathBuf; 2], Error> {
        let png = self.png()?;
        let paths = [with_suffix(stem, ".svg"), with_suffix(stem, ".png")];
        for (path, bytes) in paths.iter().zip([self.svg.as_bytes(), &png]) {
            write_whole(path, bytes).map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
        }
        Ok(paths)
    }
}

/// Gives plotters' SVG its size in pixels, round line ends, and the bitmap.
fn in_pixels(drawing: &str, width: f64, height: f64, raster: Option<&Raster>) -> String {
    let body = drawing.split_once('>').map_or("", |(_, body)| body);
    let body = body.trim_end().trim_end_matches("</svg>");
    let image = raster.map_or_else(String::new, |raster| {
        format!(
            "<image href=\"{RASTER}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\"/>\n",
            raster.corner.0 * UNITS,
            raster.corner.1 * UNITS,
            raster.size.0 * UNITS,
            raster.size.1 * UNITS,
        )
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" stroke-linejoin=\"round\">{body}{image}</svg>\n",
        width * UNITS,
        height * UNITS,
    )
}

/// Stands for the bitmap in the SVG until usvg asks for it.
const RASTER: &str = "raster";

/// Options that know the embedded face and the figure's bitmap and reach no file.
fn options(png: Option<Arc<Vec<u8>>>) -> Options<'static> {
    Options {
        font_family: font::FAMILY.to_owned(),
        fontdb: font::database(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(move |_, _| png.clone().map(ImageKind::PNG)),
        },
        ..Options::default()
    }
}

/// Draws the bitmaps of a tree with hard edges: resvg draws them only with decoders for four formats built in.
fn draw_rasters(group: &Group, scale: Transform, page: &mut PixmapMut) -> Result<(), String> {
    for node in group.children() {
        match node {
            Node::Group(group) => draw_rasters(group, scale, page)?,
            Node::Image(image) => {
                let ImageKind::PNG(data) = image.kind() else {
                    continue;
                };
                let bitmap = Pixmap::decode_png(data).map_err(|error| error.to_string())?;
                let paint = PixmapPaint {
                    quality: FilterQuality::Nearest,
                    ..PixmapPaint::default()
                };
                page.draw_pixmap(
                    0,
                    0,
                    bitmap.as_ref(),
                    &paint,
                    image.abs_transform().post_concat(scale),
                    None,
                );
            }
            Node::Path(_) | Node::Text(_) => {}
        }
    }
    Ok(())
}

/// Puts size, role, title and description into the head of usvg's output, which keeps none of them.
fn with_words(outlines: &str, width: f64, height: f64, title: &str, description: &str) -> String {
    let (head, body) = outlines.split_once('>').unwrap_or((outlines, ""));
    // usvg leaves a space after the comma of a data address; strict readers do not.
    let body = body.replacen(";base64, ", ";base64,", 1);
    format!(
        "{head} viewBox=\"0 0 {width} {height}\"{}{body}\n",
        words(title, description)
    )
}

/// The end of an SVG's opening tag, and what it is in words.
fn words(title: &str, description: &str) -> String {
    format!(
        " role=\"img\"><title>{}</title><desc>{}</desc>",
        escaped(title),
        escaped(description.trim()),
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() && c != '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
