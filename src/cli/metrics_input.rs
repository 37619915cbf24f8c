//! What `replicate metrics` measures: files read, checked, and found to fit together.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use super::metrics::{MetricsArgs, image_of};
use crate::data::format::{self, Labelling, Labels, Table};
use crate::device;
use crate::som::Grid;
use crate::som::quality::MapView;
use crate::{Error, data};

/// The content of all files.
pub(super) struct Input {
    /// Classes by number: they are compared, never computed with.
    pub classes: Option<Vec<u32>>,
    /// Clusters, by number unless they are units of a map.
    pub clusters: Option<Vec<u32>>,
    /// What was clustered.
    pub data: Option<Table>,
    /// The map's prototypes.
    pub prototypes: Option<Table>,
    /// The map.
    pub grid: Option<Grid>,
    /// The data as images: height and width.
    pub image: Option<[usize; 2]>,
    /// Number of samples.
    pub samples: usize,
    /// Threads to use.
    pub threads: NonZeroUsize,
}

impl Input {
    /// Reads the files that the arguments name.
    pub fn read(args: &MetricsArgs) -> Result<Self, Error> {
        check(args)?;
        let classes = args.classes.as_deref().map(labels).transpose()?;
        let clusters = args.clusters.as_deref().map(labels).transpose()?;
        let data = args.data.as_deref().map(table).transpose()?;
        let prototypes = args.prototypes.as_deref().map(table).transpose()?;
        let length = |labels: &Labelling| labels.numbers.len();
        let samples = one_length(&[
            (args.classes.as_deref(), classes.as_ref().map(length)),
            (args.clusters.as_deref(), clusters.as_ref().map(length)),
            (args.data.as_deref(), data.as_ref().map(|data| data.rows)),
        ])?;
        let grid = args.map.map(Grid::from);
        // Without prototypes, a map says that clusters are its units.
        let clusters = match (clusters, &args.clusters, grid, &prototypes) {
            (Some(labels), Some(path), Some(grid), None) => Some(units(&labels, path, grid)?),
            (clusters, ..) => clusters.as_ref().map(numbered),
        };
        let image = match (args.image, &data) {
            (Some(image), Some(data)) => Some(fitting(image, data.dims(), args.data.as_deref())?),
            (_, data) => data.as_ref().and_then(image_of),
        };
        Ok(Self {
            classes: classes.as_ref().map(numbered),
            clusters,
            image,
            data,
            prototypes,
            grid,
            samples,
            threads: NonZeroUsize::new(device::available_threads()).unwrap_or(NonZeroUsize::MIN),
        })
    }

    /// The map with its data, if there is one.
    pub fn view(&self) -> Result<Option<MapView<'_>>, Error> {
        let (Some(data), Some(prototypes), Some(grid)) = (&self.data, &self.prototypes, self.grid)
        else {
            return Ok(None);
        };
        let dims = data.dims();
        if prototypes.dims() != dims {
            let error = crate::som::quality::Error::Dims {
                data: dims,
                prototypes: prototypes.dims(),
            };
            return Err(Error::Usage(error.to_string()));
        }
        let view = MapView::new(
            &data.features,
            &prototypes.features,
            dims,
            grid,
            self.threads,
        );
        view.map(Some)
            .map_err(|error| Error::Usage(error.to_string()))
    }
}

/// Whether anything can be measured, and everything given is of use.
fn check(args: &MetricsArgs) -> Result<(), Error> {
    let complain = |words: &str| Err(Error::Usage(words.to_owned()));
    let is_map = args.prototypes.is_some();
    let has_clusters = args.clusters.is_some() || is_map;
    match (&args.classes, has_clusters, &args.data) {
        (None, false, None) => complain(
            "nothing to measure: give --true and --pred for a clustering, or --data, --prototypes and \
             --map for a map (replicate metrics --help)",
        ),
        (_, false, _) => complain(
            "clusters are missing: give --pred, or --prototypes and --map, whose best matching units \
             are clusters",
        ),
        (None, true, None) => {
            complain("nothing to compare clusters with: give --true, or --data, or both")
        }
        (None, true, Some(_)) if args.map.is_some() && !is_map => complain(
            "--map without --prototypes is for the class scatter index, which needs --true too",
        ),
        _ => Ok(()),
    }
}

fn table(path: &Path) -> Result<Table, Error> {
    let options = format::Options {
        labels: Labels::Absent,
        ..format::Options::default()
    };
    format::read(path, &options).map_err(unusable)
}

fn labels(path: &Path) -> Result<Labelling, Error> {
    let labels = format::read_labels(path, format::Options::default().limit).map_err(unusable)?;
    if labels.numbers.is_empty() {
        let file = path.display();
        return Err(Error::Usage(format!("{file}: there are no labels in it")));
    }
    Ok(labels)
}

/// Files on the command line are the user's to mend: exit code 2.
fn unusable(error: impl Into<data::Error>) -> Error {
    Error::Usage(error.into().to_string())
}

/// The number of samples, which must be the same in all files.
fn one_length(files: &[(Option<&Path>, Option<usize>)]) -> Result<usize, Error> {
    let mut lengths = files
        .iter()
        .filter_map(|&(path, length)| Some((path?, length?)));
    let Some((first, samples)) = lengths.next() else {
        return Ok(0);
    };
    for (path, length) in lengths {
        if length != samples {
            return Err(Error::Usage(format!(
                "{} has {length} rows, but {} has {samples}: both need one row for each sample",
                path.display(),
                first.display()
            )));
        }
    }
    Ok(samples)
}

/// The size of images, if rows of so many numbers are such images.
fn fitting(image: [usize; 2], dims: usize, path: Option<&Path>) -> Result<[usize; 2], Error> {
    let [height, width] = image;
    if height.checked_mul(width) == Some(dims) {
        return Ok(image);
    }
    let file = path.unwrap_or(Path::new("the data")).display();
    Err(Error::Usage(format!(
        "rows of {file} have {dims} numbers, which are not images of {height}x{width}"
    )))
}

/// Labels numbered by their order: whatever they are, only equality counts.
fn numbered(labels: &Labelling) -> Vec<u32> {
    let labels = &labels.numbers;
    let mut numbers: BTreeMap<i64, u32> = labels.iter().map(|&label| (label, 0)).collect();
    for (number, slot) in numbers.values_mut().enumerate() {
        *slot = number as u32;
    }
    labels
        .iter()
        .map(|label| numbers.get(label).copied().unwrap_or_default())
        .collect()
}

/// Labels that are the numbers of units, from 0.
fn units(labels: &Labelling, path: &Path, grid: Grid) -> Result<Vec<u32>, Error> {
    if let Some(word) = labels.names.first() {
        return Err(Error::Usage(format!(
            "{}: labels are words, {word} for one, and units of a map are numbers; leave --map out if \
             clusters are not units",
            path.display()
        )));
    }
    let unit = |(row, &label): (usize, &i64)| {
        let unit = u32::try_from(label).ok();
        unit.filter(|&unit| (unit as usize) < grid.rows.saturating_mul(grid.columns))
            .ok_or_else(|| {
                Error::Usage(format!(
                    "{}, row {row}: {label} is no unit of a map of {}x{} (they are numbered from 0, \
                     row by row); leave --map out if clusters are not units",
                    path.display(),
                    grid.rows,
                    grid.columns
                ))
            })
    };
    labels.numbers.iter().enumerate().map(unit).collect()
}
