//! `replicate metrics`: every metric for anybody's clustering or map. Trains nothing and needs no store.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::metrics_input::Input;
use super::out::stdout;
use super::print_json;
use crate::Error;
use crate::data::format::Table;
use crate::distances::{EXACT_ROWS, Estimate, Sampling};
use crate::metrics::{AGREEMENT, Contingency, Description, SILHOUETTE, check_size, silhouette};
use crate::random::Seed;
use crate::som::quality::{
    CLASS_SCATTER, MAP, MapView, Options, Quality, SHARPNESS, class_scatter_index, evaluate,
    sharpness_ratio,
};

/// Arguments of `replicate metrics`.
#[derive(Args, Debug)]
#[command(after_help = FORMATS)]
pub struct MetricsArgs {
    /// Classes, one number or word a row
    #[arg(long = "true", value_name = "FILE")]
    pub(super) classes: Option<PathBuf>,
    /// Predicted clusters, one number or word a row [default: the best matching units, with --prototypes]
    #[arg(long = "pred", value_name = "FILE")]
    pub(super) clusters: Option<PathBuf>,
    /// What was clustered: one row a sample
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Prototypes of a map in the space of the data: one row a unit, row by row of the map
    #[arg(long, value_name = "FILE", requires_all = ["data", "map"])]
    pub(super) prototypes: Option<PathBuf>,
    /// Rows and columns of the map
    #[arg(long, value_name = "ROWSxCOLUMNS", value_parser = two_sizes)]
    pub(super) map: Option<[usize; 2]>,
    /// Height and width of the data as images, for the sharpness ratio [default: as the file has it]
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = two_sizes, requires = "prototypes")]
    pub(super) image: Option<[usize; 2]>,
    /// Neighbours that neighbourhood preservation and trustworthiness look at
    #[arg(long, value_name = "N", default_value = "10")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Radius of the distortion's neighbourhood exp(-d^2 / radius^2), in steps on the map
    #[arg(long, value_name = "R", default_value = "1", value_parser = radius)]
    radius: f64,
    /// Samples that metrics over pairs of samples look at, at most: exact up to that many
    #[arg(long, value_name = "N", default_value_t = EXACT_ROWS as u64)]
    #[arg(value_parser = clap::value_parser!(u64).range(2..))]
    sample: u64,
    /// Seed of that sample
    #[arg(long, value_name = "SEED", default_value = "0")]
    seed: u64,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

const FORMATS: &str = "\
What is measured depends on what is given:
  --true --pred              agreement of clusters and classes
  --pred --data              silhouette
  --true --pred --map        class scatter index, if the clusters are units of a map
  --data --prototypes --map  the map: quantization and topographic error, and so on;
                             its best matching units are clusters too (with --true)
Example:
  replicate metrics --true y.npy --data x.npy --prototypes m.npy --map 8x8

Files: .npy, .npz, .csv, .tsv, .h5 and .idx (all but .npz and .h5 also with .gz), told by
name and content. Labels are integers (from any type of them), in CSV words too, with
a header or without. Data of codes go with latent prototypes, images with decoded ones.

Metrics over pairs of samples take time that grows with their square; of more than
--sample, as many are drawn, and the table says so. What each metric is, and from
where, is in the documentation of the library (replicate::metrics, som::quality).

Exit codes: 0 done, 2 a file or an option cannot be used.";

/// `8x8`.
fn two_sizes(text: &str) -> Result<[usize; 2], String> {
    let sizes = text.split_once('x').and_then(|(rows, columns)| {
        let size = |text: &str| text.parse().ok().filter(|&size| size > 0);
        Some([size(rows)?, size(columns)?])
    });
    sizes.ok_or_else(|| "expected two sizes, as in 8x8".to_owned())
}

fn radius(text: &str) -> Result<f64, String> {
    let radius = text.parse().ok();
    radius
        .filter(|radius: &f64| radius.is_finite() && *radius > 0.0)
        .ok_or_else(|| "expected a number above 0".to_owned())
}

/// A metric's value with what its reader has to know.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    of: Description,
    /// `None` where the metric is undefined.
    value: Option<f64>,
    /// The samples looked at, for metrics over pairs of them.
    samples: Option<usize>,
}

/// Values about one thing.
#[derive(Serialize)]
struct Section {
    #[serde(skip)]
    title: String,
    values: Vec<Measured>,
}

/// Measures what the files allow, and prints it.
///
/// # Errors
/// If a file cannot be read, files do not fit together, or nothing can be measured.
pub fn run(args: &MetricsArgs) -> Result<(), Error> {
    let input = Input::read(args)?;
    let sampling = Sampling {
        limit: usize::try_from(args.sample).unwrap_or(usize::MAX),
        seed: Seed(args.seed),
    };
    let options = Options {
        k: args.k as usize,
        radius: args.radius,
        sampling,
    };
    let map = input.view()?;
    let units = map.as_ref().map(MapView::units);
    let quality = map.as_ref().map(|map| evaluate(map, &options));

    let clusters = match &input.clusters {
        Some(labels) => Some(Section {
            title: "Clusters".to_owned(),
            values: of_clusters(labels, &input, &sampling, units.is_none())?,
        }),
        None => None,
    };
    let best = match &units {
        Some(labels) => Some(Section {
            title: "Best matching units as clusters".to_owned(),
            values: of_clusters(labels, &input, &sampling, true)?,
        }),
        None => None,
    };
    let map = match &quality {
        Some(quality) => Some(of_map(quality, &input, &options)?),
        None => None,
    };
    if args.json {
        let phi = quality.and_then(|quality| quality.topographic_function);
        return print_json(&json!({
            "schema": "replicate-metrics/1",
            "samples": input.samples,
            "map": input.grid,
            "k": options.k,
            "radius": options.radius,
            "seed": sampling.seed,
            "sample_limit": sampling.limit,
            "clusters": clusters,
            "units": best,
            "quality": map,
            "topographic_function": phi.map(|phi| phi.curve()),
        }));
    }
    let mut out = stdout();
    for (index, section) in [clusters, best, map].into_iter().flatten().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        print(&mut out, &section, input.samples)?;
    }
    Ok(())
}

/// The metrics of a clustering, as far as classes and data are known. `on_map`: clusters are units.
fn of_clusters(
    labels: &[u32],
    input: &Input,
    sampling: &Sampling,
    on_map: bool,
) -> Result<Vec<Measured>, Error> {
    let mut values = Vec::new();
    if let Some(classes) = &input.classes {
        let contingency = Contingency::new(labels, classes).map_err(usage)?;
        check_size(&contingency).map_err(usage)?;
        values.extend(AGREEMENT.iter().map(|(of, metric)| Measured {
            of: *of,
            value: Some(metric(&contingency)),
            samples: None,
        }));
        if let Some(grid) = input.grid.filter(|_| on_map) {
            let value = class_scatter_index(labels, classes, grid).map_err(usage)?;
            values.push(Measured {
                of: CLASS_SCATTER,
                value: Some(value),
                samples: None,
            });
        }
    }
    if let Some(data) = &input.data {
        let found = silhouette(&data.features, data.dims(), labels, sampling, input.threads);
        values.push(of_pairs(SILHOUETTE, found.map_err(usage)?));
    }
    Ok(values)
}

fn of_pairs(of: Description, found: Estimate) -> Measured {
    Measured {
        of,
        value: found.value,
        samples: Some(found.rows),
    }
}

fn of_map(quality: &Quality, input: &Input, options: &Options) -> Result<Section, Error> {
    // Only those that may look at a part of the samples say of how many they are.
    let over_pairs = [
        "kruskal_shepard_error",
        "c_measure",
        "c_measure_mean",
        "neighbourhood_preservation",
        "trustworthiness",
    ];
    let values = MAP.iter().map(|(of, value)| {
        let mut found = of_pairs(*of, value(quality));
        found.samples = found.samples.filter(|_| over_pairs.contains(&of.id));
        found
    });
    let mut values: Vec<Measured> = values.collect();
    if let (Some(image), Some(data), Some(prototypes)) =
        (input.image, &input.data, &input.prototypes)
    {
        let value = sharpness_ratio(&data.features, &prototypes.features, image);
        values.push(Measured {
            of: SHARPNESS,
            value: value.map_err(usage)?,
            samples: None,
        });
    }
    let (k, radius) = (options.k, options.radius);
    Ok(Section {
        title: format!("Map (k = {k}, radius {radius})"),
        values,
    })
}

/// Files that do not fit together.
fn usage(error: impl std::fmt::Display) -> Error {
    Error::Usage(error.to_string())
}

fn print(out: &mut impl Write, section: &Section, samples: usize) -> std::io::Result<()> {
    writeln!(out, "{}", section.title)?;
    for Measured {
        of,
        value,
        samples: seen,
    } in &section.values
    {
        let value = value.map_or_else(|| "undefined".to_owned(), number);
        let better = of.better.words();
        let line = format!(
            "  {:27}{value:>12}  better: {better:8} range: {}",
            of.name, of.range
        );
        write!(out, "{}", line.trim_end())?;
        match seen {
            Some(seen) if *seen < samples => {
                writeln!(out, "  (sample of {seen} of {samples})")?;
            }
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

/// Six digits that matter, without an exponent where that is readable.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{value:.5e}");
    }
    let whole = (size.max(1.0).log10().floor() as usize) + 1;
    format!("{value:.*}", 6_usize.saturating_sub(whole - 1))
}

/// A table's rows as images, where the file says so.
pub(super) fn image_of(table: &Table) -> Option<[usize; 2]> {
    match *table.row_shape.as_slice() {
        [height, width] | [height, width, 1] if height > 1 && width > 1 => Some([height, width]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_radii_are_checked() {
        assert_eq!(two_sizes("8x12"), Ok([8, 12]));
        for wrong in ["", "8", "8x", "x8", "0x8", "8x8x8", "-1x8", "8*8"] {
            assert!(two_sizes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(radius("0.5"), Ok(0.5));
        for wrong in ["", "0", "-1", "nan", "inf", "x"] {
            assert!(radius(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_show_six_digits() {
        for (value, expected) in [
            (0.0, "0.000000"),
            (0.938_412_37, "0.938412"),
            (-0.5, "-0.500000"),
            (658.707_016_7, "658.7070"),
            (1_234_567.8, "1234568"),
            (2.5e13, "2.50000e13"),
            (7.1e-7, "7.10000e-7"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
