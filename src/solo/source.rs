//! Data to train on or to apply a model to: a data set of the catalogue, or the user's own file or
//! folder of images, scaled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::Error;
use crate::data::format::images::{self, Channels};
use crate::data::format::{self, Options, Table};
use crate::data::{self, Access, Progress};
use crate::random::{self, Seed};
use crate::train::{self, Labels, TrainingData};

/// Where data come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A data set of the catalogue.
    Named(String),
    /// A file, or a folder of images.
    Path {
        /// Where.
        path: PathBuf,
        /// Features, labels and limits.
        options: Options,
        /// Of images.
        channels: Channels,
    },
}

/// What values are divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// 255 if all values are whole numbers from 0 to 255 and one is above 127, as pixels of 8 bits
    /// are; otherwise 1.
    Auto,
    /// This number.
    By(f64),
}

/// The pixels that a row is made of, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Image {
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
}

/// Data ready for training, on the CPU.
#[derive(Debug)]
pub struct Prepared {
    /// The data set's id, or the name of the file or folder.
    pub id: String,
    /// Of the values as they were before scaling.
    pub sha256: String,
    /// Features divided, labels numbered from 0.
    pub data: TrainingData,
    /// What each number stands for: the labels in the file, or the names of subfolders.
    pub classes: Vec<String>,
    /// Where a row is an image.
    pub image: Option<Image>,
    /// What stored values were divided by.
    pub divisor: f64,
    /// Why by that, in words for the user.
    pub scaling: String,
    /// Rows of the publisher's train half; test rows follow.
    pub train_rows: Option<usize>,
    /// The file that each row comes from, for a folder of images.
    pub files: Option<Vec<PathBuf>>,
    /// Whether rows are in another order than that of their source.
    pub shuffled: bool,
}

impl Prepared {
    /// Reads and scales data; what is missing of the catalogue is fetched.
    ///
    /// # Errors
    /// Those of [`crate::data`]; [`Error::Request`] for labels of more than 256 kinds or a divisor
    /// that is no positive number; values that are not finite.
    pub fn load(
        source: &Source,
        scale: Scale,
        access: &Access,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        match source {
            Source::Named(id) => named(id, scale, access, progress),
            Source::Path {
                path,
                options,
                channels,
            } => own(path, options, *channels, scale),
        }
    }

    /// Whether rows of several classes come class by class, as those of a folder of folders do, with their labels
    /// or without.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        let folders = self.files.iter().flatten().map(|file| file.parent());
        let folders: BTreeSet<Option<&Path>> = folders.collect();
        (folders.len() > 1 && !self.shuffled) || self.data.classes().is_some_and(come_one_by_one)
    }

    /// The same rows in an order drawn from `seed`; those of a test half stay the last.
    #[must_use]
    pub fn shuffled(self, seed: Seed) -> Self {
        let rows = self.data.rows() as usize;
        let drawn = self.train_rows.unwrap_or(rows);
        let mut stream = random::stream(seed, "row-order");
        let mut order = random::distinct_indices(&mut stream, drawn, drawn);
        order.extend(drawn..rows);
        let files = self.files.as_ref();
        let files = files.map(|files| order.iter().map(|&row| files[row].clone()).collect());
        Self {
            data: self.data.select(&order),
            files,
            shuffled: true,
            ..self
        }
    }
}

/// Whether the rows of each class follow one another, and there are several.
fn come_one_by_one(classes: &[u8]) -> bool {
    let changes = classes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let distinct: BTreeSet<u8> = classes.iter().copied().collect();
    distinct.len() > 1 && changes + 1 == distinct.len()
}

fn named(
    id: &str,
    scale: Scale,
    access: &Access,
    progress: &dyn Progress,
) -> Result<Prepared, Error> {
    let set = data::load(id, access, progress)?;
    let own = f64::from(data::catalogue()?.entry(id)?.divisor);
    let (divisor, scaling) = match scale {
        Scale::Auto => (
            own,
            format!("stored values were divided by {own}, as published"),
        ),
        Scale::By(divisor) => (
            checked(divisor)?,
            format!("stored values were divided by {divisor}"),
        ),
    };
    let mut features = set.features;
    if (divisor - own).abs() > 0.0 {
        // Back to the stored values first, which are whole where they were divided.
        let whole = |value: &f32| {
            let stored = f64::from(*value) * own;
            (stored - stored.round()).abs() < 1e-3
        };
        let are_whole = own > 1.0 && features.iter().all(whole);
        for value in &mut features {
            let stored = f64::from(*value) * own;
            let stored = if are_whole { stored.round() } else { stored };
            *value = (stored / divisor) as f32;
        }
    }
    let labels = Labels {
        values: set.labels,
        classes: set.classes,
    };
    Ok(Prepared {
        id: set.id,
        sha256: set.sha256,
        data: training_data(&features, set.rows, set.dims, Some(labels))?.with_image(set.image),
        classes: (0..set.classes).map(|class| class.to_string()).collect(),
        image: set.image.map(|(height, width)| Image {
            height,
            width,
            channels: 1,
        }),
        divisor,
        scaling,
        // The embedded digits have no test half.
        train_rows: (set.train_rows < set.rows).then_some(set.train_rows),
        files: None,
        shuffled: false,
    })
}

fn own(
    path: &Path,
    options: &Options,
    channels: Channels,
    scale: Scale,
) -> Result<Prepared, Error> {
    let (mut table, files) = if path.is_dir() {
        let folder = images::read(path, channels, options)?;
        (folder.table, Some(folder.files))
    } else {
        (format::read(path, options)?, None)
    };
    let mut names = std::mem::take(&mut table.classes);
    let sha256 = table.sha256();
    let (divisor, scaling) = divisor_of(&table.features, scale)?;
    if divisor.to_bits() != 1.0_f64.to_bits() {
        for value in &mut table.features {
            *value = (f64::from(*value) / divisor) as f32;
        }
    }
    let labels = match &table.labels {
        None => None,
        Some(labels) => {
            let (labels, found) = numbered(labels)?;
            if names.is_empty() {
                names = found;
            }
            Some(labels)
        }
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    let image = image_of(&table);
    let grey = image.filter(|image| image.channels == 1);
    let data = training_data(&table.features, table.rows, table.dims(), labels)?;
    Ok(Prepared {
        id: name.to_string_lossy().into_owned(),
        sha256,
        image,
        data: data.with_image(grey.map(|image| (image.height, image.width))),
        classes: names,
        divisor,
        scaling,
        train_rows: None,
        files,
        shuffled: false,
    })
}

fn training_data(
    features: &[f32],
    rows: usize,
    dims: usize,
    labels: Option<Labels>,
) -> Result<TrainingData, Error> {
    let features = Tensor::f_from_slice(features)
        .and_then(|features| features.f_view([rows as i64, dims as i64]))
        .and_then(|features| features.f_to_device(Device::Cpu))
        .map_err(train::Error::Torch)?;
    Ok(TrainingData::new(features, labels)?)
}

/// What values are divided by, and why.
pub(super) fn divisor_of(values: &[f32], scale: Scale) -> Result<(f64, String), Error> {
    if let Scale::By(divisor) = scale {
        let divisor = checked(divisor)?;
        return Ok((divisor, format!("values were divided by {divisor}")));
    }
    let bytes = |&value: &f32| (0.0..=255.0).contains(&value) && value.fract() == 0.0;
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Ok(if most > 127.0 && values.iter().all(bytes) {
        let why = "values were divided by 255: all are whole numbers from 0 to 255 \
                   (--scale 1 leaves them)";
        (255.0, why.to_owned())
    } else {
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let why = format!(
            "values were left as they are, {least} to {most} (--scale 255 divides them by 255)"
        );
        (1.0, why)
    })
}

fn checked(divisor: f64) -> Result<f64, Error> {
    if divisor.is_finite() && divisor > 0.0 {
        return Ok(divisor);
    }
    Err(Error::Request(format!(
        "--scale {divisor}: values are divided by it, so it must be a positive number"
    )))
}

/// Labels numbered from 0 in their order, and what each number stands for.
fn numbered(labels: &[i64]) -> Result<(Labels, Vec<String>), Error> {
    let mut numbers: BTreeMap<i64, u8> = labels.iter().map(|&label| (label, 0)).collect();
    if numbers.len() > 256 {
        return Err(Error::Request(format!(
            "the labels have {} different values, and there can be 256 classes at most: are they \
             labels? Leave them out with --labels none",
            numbers.len()
        )));
    }
    for (number, value) in numbers.values_mut().enumerate() {
        *value = number as u8;
    }
    let values = labels.iter().map(|label| numbers[label]).collect();
    let names = numbers.keys().map(ToString::to_string).collect();
    let classes = numbers.len();
    Ok((Labels { values, classes }, names))
}

/// The image that a row is, by its shape: `[height, width]`, one channel after or before, or three after.
fn image_of(table: &Table) -> Option<Image> {
    let image = |height, width, channels| Image {
        height,
        width,
        channels,
    };
    match *table.row_shape.as_slice() {
        // With its one channel before, as PyTorch has it, too.
        [height, width] | [1, height, width] if height > 1 && width > 1 => {
            Some(image(height, width, 1))
        }
        [height, width, channels @ (1 | 3)] if height > 1 && width > 1 => {
            Some(image(height, width, channels))
        }
        [dims] => {
            // Rows of a square number of values, as CSV files of images have.
            let side = (dims as f64).sqrt().round() as usize;
            (side >= 4 && side * side == dims).then(|| image(side, side, 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn pixels_of_eight_bits_are_told_from_other_numbers() {
        let auto = |values: &[f32]| divisor_of(values, Scale::Auto).unwrap().0;
        assert_eq!(auto(&[0.0, 255.0, 3.0]), 255.0);
        assert_eq!(auto(&[0.0, 0.5, 1.0]), 1.0);
        assert_eq!(auto(&[0.0, 16.0, 3.0]), 1.0);
        assert_eq!(auto(&[-1.0, 200.0]), 1.0);
        assert_eq!(auto(&[0.5, 200.0]), 1.0);
        assert_eq!(auto(&[0.0, 256.0]), 1.0);
        let by = |divisor| divisor_of(&[1.0], Scale::By(divisor));
        assert_eq!(by(16.0).unwrap().0, 16.0);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(by(wrong).unwrap_err().to_string().contains("--scale"));
        }
    }

    #[test]
    fn classes_one_after_the_other_are_sorted() {
        let is_sorted = come_one_by_one;
        assert!(is_sorted(&[0, 0, 1, 1, 1, 2]) && is_sorted(&[3, 1]));
        assert!(!is_sorted(&[0, 1, 0]) && !is_sorted(&[1, 1]) && !is_sorted(&[]));
    }

    #[test]
    fn shuffled_rows_keep_their_labels_and_files() {
        let rows = 60_u8;
        let features: Vec<f32> = (0..rows).map(f32::from).collect();
        let labels = Labels {
            values: (0..rows).map(|row| row / 20).collect(),
            classes: 3,
        };
        let prepared = || Prepared {
            id: "rows".to_owned(),
            sha256: String::new(),
            data: training_data(&features, 60, 1, Some(labels.clone())).unwrap(),
            classes: Vec::new(),
            image: None,
            divisor: 1.0,
            scaling: String::new(),
            train_rows: None,
            files: Some((0..rows).map(|row| row.to_string().into()).collect()),
            shuffled: false,
        };
        assert!(prepared().is_sorted());
        let shuffled = prepared().shuffled(Seed(0));
        assert!(shuffled.shuffled && !shuffled.is_sorted());
        let values = Vec::<f32>::try_from(shuffled.data.features.view([-1])).unwrap();
        let classes = shuffled.data.classes().unwrap();
        for ((value, class), file) in values.iter().zip(classes).zip(shuffled.files.unwrap()) {
            assert_eq!(f32::from(*class), (value / 20.0).floor());
            assert_eq!(file.to_string_lossy(), value.to_string());
        }
        let sorted = |mut values: Vec<f32>| {
            values.sort_by(f32::total_cmp);
            values
        };
        assert_eq!(sorted(values.clone()), features);
        let folders = Prepared {
            files: Some(
                (0..rows)
                    .map(|row| format!("{}/{row}", row / 20).into())
                    .collect(),
            ),
            data: training_data(&features, 60, 1, None).unwrap(),
            ..prepared()
        };
        assert!(folders.is_sorted() && !folders.shuffled(Seed(0)).is_sorted());
        let other = prepared().shuffled(Seed(1)).data.features.view([-1]);
        assert_ne!(Vec::<f32>::try_from(other).unwrap(), values);
        // The test half of a data set stays where it is.
        let halves = Prepared {
            train_rows: Some(40),
            ..prepared()
        };
        let halves = halves.shuffled(Seed(0)).data.features.view([-1]);
        let halves = Vec::<f32>::try_from(halves).unwrap();
        assert_ne!(halves[..40], features[..40]);
        assert_eq!(halves[40..], features[40..]);
    }

    #[test]
    fn labels_are_numbered_in_their_order() {
        let (labels, names) = numbered(&[7, -2, 7, 40]).unwrap();
        assert_eq!((labels.values, labels.classes), (vec![1, 0, 1, 2], 3));
        assert_eq!(names, ["-2", "7", "40"]);
        let many: Vec<i64> = (0..257).collect();
        assert!(numbered(&many).unwrap_err().to_string().contains("257"));
    }

    #[test]
    fn rows_are_images_if_they_can_be() {
        let table = |row_shape: &[usize]| {
            image_of(&Table {
                features: Vec::new(),
                labels: None,
                classes: Vec::new(),
                rows: 0,
                row_shape: row_shape.to_vec(),
            })
        };
        let grey = |height, width| Image {
            height,
            width,
            channels: 1,
        };
        assert_eq!(table(&[784]), Some(grey(28, 28)));
        assert_eq!(table(&[9]), None);
        assert_eq!(table(&[785]), None);
        assert_eq!(table(&[20, 30]), Some(grey(20, 30)));
        assert_eq!(table(&[20, 30, 3]).unwrap().channels, 3);
        assert_eq!(table(&[20, 30, 7]), None);
        for shape in [&[20, 30, 1][..], &[1, 20, 30]] {
            assert_eq!(table(shape), Some(grey(20, 30)));
        }
        // A line of values is no image, and the sharpness of one is not defined.
        for line in [&[100, 1, 1][..], &[1, 100, 1], &[100, 1]] {
            assert_eq!(table(line), None, "{line:?}");
        }
    }
}
