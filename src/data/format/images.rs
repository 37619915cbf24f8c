//! A folder of images: PNG and JPEG files of one size, each a row.
//!
//! With subfolders each is a class, numbered in the order of their names; without, there are no
//! labels. Files are taken in the order of their names. Names that begin with a dot and files of
//! other kinds are passed over. Values are 0 to 255, as 8 bits a channel have them: nothing is
//! scaled.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::super::error::Error;
use super::numbers::Features;
use super::unreadable::{Origin, Unreadable};
use super::{Labelling, Labels, Options, Table};

/// Which channels of an image are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Channels {
    /// Those of the files: one of grey images, three of coloured ones; transparency is left out.
    #[default]
    Own,
    /// One, the luma of coloured images.
    Grey,
}

/// A folder of images that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFolder {
    /// The images as rows, `[height, width]` or `[height, width, 3]`, and their classes: the names of the
    /// subfolders.
    pub table: Table,
    /// The file of each row, as it is called in the folder.
    pub files: Vec<PathBuf>,
}

/// Reads a folder of images. `options.labels` may be [`Labels::Found`] (subfolders are classes),
/// [`Labels::Absent`], or a file of their own.
///
/// # Errors
/// [`Error::Io`] if the folder or a file cannot be read; [`Error::Unreadable`] if there is no image,
/// an image is damaged, has another size or other channels than the first one (the message names
/// it), or all of them are above the limit.
pub fn read(folder: &Path, channels: Channels, options: &Options) -> Result<ImageFolder, Error> {
    let name = folder.display().to_string();
    let origin = Origin::new(&name);
    if let Labels::Named(_) | Labels::Last = options.labels {
        let message = "a folder of images has no array or column with labels: name a file with them, \
                       or make one subfolder for each class";
        return Err(origin.whole(message.to_owned()).into());
    }
    let Found { images, folders } = list(folder)?;
    let mut files: Vec<(PathBuf, i64)> = Vec::new();
    if !images.is_empty() && !folders.is_empty() {
        let message = format!(
            "it holds {} images and {} subfolders: either all images are in it, or each is in the \
             subfolder of its class",
            images.len(),
            folders.len()
        );
        return Err(origin.whole(message).into());
    }
    files.extend(images.into_iter().map(|path| (path, 0)));
    let mut classes = Vec::new();
    for (number, class) in (0..).zip(&folders) {
        let found = list(class)?;
        if found.images.is_empty() {
            let message = "there is no PNG or JPEG file in it, and it should be a class".to_owned();
            let name = class.display().to_string();
            return Err(Origin::new(&name).whole(message).into());
        }
        files.extend(found.images.into_iter().map(|path| (path, number)));
        let name = class.file_name().unwrap_or_default();
        classes.push(name.to_string_lossy().into_owned());
    }
    let features = pixels(origin, &files, channels, options.limit)?;
    let labels = match &options.labels {
        Labels::File(path) => Some(super::read_labels(path, options.limit)?),
        Labels::Absent => None,
        _ if classes.is_empty() => None,
        _ => Some(Labelling {
            numbers: files.iter().map(|(_, class)| *class).collect(),
            names: classes,
        }),
    };
    let own = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_owned();
    Ok(ImageFolder {
        table: Table::new(&name, features, labels)?,
        files: files.iter().map(|(path, _)| own(path)).collect(),
    })
}

/// What is in a folder, sorted by name.
struct Found {
    images: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

fn list(folder: &Path) -> Result<Found, Error> {
    let fail = |error| Error::io("list", folder, error);
    let (mut images, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if format_of(&path).is_some() {
            images.push(path);
        }
    }
    images.sort();
    folders.sort();
    Ok(Found { images, folders })
}

fn format_of(path: &Path) -> Option<ImageFormat> {
    let extension = path.extension()?.to_string_lossy().to_lowercase();
    match extension.as_str() {
        "png" => Some(ImageFormat::Png),
        "jpg" | "jpeg" => Some(ImageFormat::Jpeg),
        _ => None,
    }
}

/// The pixels of all images, which must have the size and the channels of the first.
fn pixels(
    origin: Origin<'_>,
    files: &[(PathBuf, i64)],
    channels: Channels,
    limit: u64,
) -> Result<Features, Error> {
    let mut values: Vec<f32> = Vec::new();
    let mut first: Option<[usize; 3]> = None;
    for (path, _) in files {
        let name = path.display().to_string();
        let own = Origin::new(&name);
        let (shape, bytes) = decode(path, own, channels, limit)?;
        let expected = *first.get_or_insert(shape);
        if shape != expected {
            return Err(own
                .whole(format!(
                    "it is {}, but the first image, {}, is {}: all must be of one size and kind{}",
                    described(shape),
                    files[0].0.display(),
                    described(expected),
                    if shape[..2] == expected[..2] {
                        "; --channels grey makes all of them grey"
                    } else {
                        ""
                    }
                ))
                .into());
        }
        if values.is_empty() {
            let all = (files.len() as u64).saturating_mul(4 * bytes.len() as u64);
            origin.within(all, limit, "all images together")?;
            values.reserve_exact(files.len() * bytes.len());
        }
        values.extend(bytes.into_iter().map(f32::from));
    }
    let Some([height, width, depth]) = first else {
        let message = "there is no PNG or JPEG file in it (.png, .jpg, .jpeg)".to_owned();
        return Err(origin.whole(message).into());
    };
    let mut row_shape = vec![height, width];
    if depth > 1 {
        row_shape.push(depth);
    }
    Ok(Features {
        values,
        rows: files.len(),
        row_shape,
    })
}

fn described([height, width, depth]: [usize; 3]) -> String {
    let kind = if depth == 1 { "grey" } else { "coloured" };
    format!("{height} x {width} pixels, {kind}")
}

/// Height, width and channels of one image, and its values.
fn decode(
    path: &Path,
    origin: Origin<'_>,
    channels: Channels,
    limit: u64,
) -> Result<([usize; 3], Vec<u8>), Error> {
    let bytes = super::bytes_of(path, limit)?;
    let mut reader = ImageReader::new(Cursor::new(bytes));
    if let Some(format) = format_of(path) {
        reader.set_format(format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(limit);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| refused(origin, &error))?;
    let size = [image.height() as usize, image.width() as usize];
    let grey = channels == Channels::Grey || !image.color().has_color();
    Ok(if grey {
        ([size[0], size[1], 1], to_grey(image))
    } else {
        ([size[0], size[1], 3], image.into_rgb8().into_raw())
    })
}

fn to_grey(image: DynamicImage) -> Vec<u8> {
    image.into_luma8().into_raw()
}

fn refused(origin: Origin<'_>, error: &image::ImageError) -> Unreadable {
    origin.whole(format!("the image cannot be decoded: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    /// A grey PNG of `width` x 2 pixels that all have the value `level`.
    fn grey(path: &Path, width: u32, level: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(width, 2, image::Luma([level]))
            .save(path)
            .unwrap();
    }

    fn folder(files: &[(&str, u32, u8)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, width, level) in files {
            grey(&folder.path().join(name), *width, *level);
        }
        folder
    }

    fn read_it(folder: &Path, channels: Channels) -> Result<ImageFolder, String> {
        read(folder, channels, &Options::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn subfolders_are_classes_in_the_order_of_their_names() {
        let folder = folder(&[
            ("cats/2.png", 3, 20),
            ("cats/1.PNG", 3, 10),
            ("ants/9.png", 3, 90),
        ]);
        fs::write(folder.path().join("cats/notes.txt"), "no image").unwrap();
        fs::write(folder.path().join("cats/.hidden.png"), "no image").unwrap();
        let found = read_it(folder.path(), Channels::Own).unwrap();
        assert_eq!(found.table.classes, ["ants", "cats"]);
        assert_eq!(
            found.files,
            ["ants/9.png", "cats/1.PNG", "cats/2.png"].map(PathBuf::from)
        );
        assert_eq!(found.table.labels, Some(vec![0, 1, 1]));
        assert_eq!(found.table.row_shape, [2, 3]);
        let firsts: Vec<f32> = found.table.features.chunks(6).map(|row| row[0]).collect();
        assert_eq!(firsts, [90.0, 10.0, 20.0]);
        let options = Options {
            labels: Labels::Absent,
            ..Options::default()
        };
        let unlabelled = read(folder.path(), Channels::Own, &options).unwrap();
        assert_eq!(
            (unlabelled.table.labels, unlabelled.table.classes.len()),
            (None, 0)
        );
    }

    #[test]
    fn a_flat_folder_has_no_labels_and_may_have_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let red = image::RgbImage::from_pixel(2, 2, image::Rgb([255, 0, 10]));
        red.save(path("a.png")).unwrap();
        red.save(path("b.jpg")).unwrap();
        let found = read_it(folder.path(), Channels::Own).unwrap();
        assert_eq!((found.table.rows, found.table.labels), (2, None));
        assert_eq!(found.table.row_shape, [2, 2, 3]);
        assert_eq!(found.table.features[..3], [255.0, 0.0, 10.0]);
        // JPEG is not exact.
        assert!((found.table.features[12] - 255.0).abs() < 8.0);
        let found = read_it(folder.path(), Channels::Grey).unwrap();
        assert_eq!(found.table.row_shape, [2, 2]);
        assert!((found.table.features[0] - 55.0).abs() < 3.0);
    }

    #[test]
    fn the_odd_one_is_named() {
        let odd = folder(&[("a/1.png", 3, 1), ("a/2.png", 3, 1), ("b/3.png", 4, 1)]);
        let message = read_it(odd.path(), Channels::Own).unwrap_err();
        assert!(
            message.contains("3.png") && message.contains("2 x 4"),
            "{message}"
        );
        assert!(message.contains("2 x 3"), "{message}");
        let mixed = folder(&[("1.png", 2, 1)]);
        let red = image::RgbImage::from_pixel(2, 2, image::Rgb([255, 0, 10]));
        red.save(mixed.path().join("2.png")).unwrap();
        let message = read_it(mixed.path(), Channels::Own).unwrap_err();
        assert!(message.contains("--channels grey"), "{message}");
        assert!(read_it(mixed.path(), Channels::Grey).is_ok());
    }

    #[test]
    fn what_is_no_folder_of_images_says_why() {
        let both = folder(&[("1.png", 3, 1), ("a/2.png", 3, 1)]);
        let message = read_it(both.path(), Channels::Own).unwrap_err();
        assert!(message.contains("1 images and 1 subfolders"), "{message}");
        let empty = tempfile::tempdir().unwrap();
        let message = read_it(empty.path(), Channels::Own).unwrap_err();
        assert!(message.contains("no PNG or JPEG"), "{message}");
        let damaged = folder(&[("1.png", 3, 1)]);
        let whole = fs::read(damaged.path().join("1.png")).unwrap();
        for bytes in [&whole[..whole.len() / 2], b"GIF89a", b""] {
            fs::write(damaged.path().join("1.png"), bytes).unwrap();
            let message = read_it(damaged.path(), Channels::Own).unwrap_err();
            assert!(
                message.contains("1.png") && message.contains("decoded"),
                "{message}"
            );
        }
        let options = Options {
            labels: Labels::Last,
            ..Options::default()
        };
        let message = read(empty.path(), Channels::Own, &options).unwrap_err();
        assert!(message.to_string().contains("subfolder"), "{message}");
        let small = Options {
            limit: 100,
            ..Options::default()
        };
        let many = folder(&[("1.png", 30, 1), ("2.png", 30, 1)]);
        let message = read(many.path(), Channels::Own, &small).unwrap_err();
        assert!(message.to_string().contains("limit"), "{message}");
    }
}
