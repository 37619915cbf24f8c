//! Options that name data: a data set of the catalogue, or the user's own file or folder.

use std::path::PathBuf;

use clap::Args;

use crate::Error;
use crate::data::format::images::Channels;
use crate::data::format::{Labels, Options};
use crate::solo::{Scale, Source};

/// Where data come from.
#[derive(Args, Debug, Clone)]
pub struct DataSource {
    /// A data set of the catalogue: see `replicate data list`
    #[arg(long, value_name = "ID", conflicts_with = "data")]
    dataset: Option<String>,
    /// Your own data: .npy, .npz, .csv, .tsv, .h5, .idx, or a folder of PNG and JPEG images of one size (each
    /// subfolder a class, or none)
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Where the labels of your own data are: auto (an array or column called y, label, labels, target
    /// or class, or the subfolders), none, last (column of a CSV), the name of an array or column, or a
    /// file; numbers, or in CSV words [default: auto]
    #[arg(long, value_name = "WHERE")]
    labels: Option<String>,
    /// The array of an .npz or .h5 file that holds the features [default: x, X, features, data or arr_0]
    #[allow(clippy::doc_markdown)]
    #[arg(long, value_name = "NAME")]
    features: Option<String>,
    /// Of images: own (grey or colours, as they are) or grey [default: own]
    #[arg(long, value_name = "WHICH", value_parser = ["own", "grey", "gray"])]
    channels: Option<String>,
}

impl DataSource {
    /// What was named; `default` is the data set where nothing was.
    ///
    /// # Errors
    /// If nothing was and there is no default.
    pub fn source(&self, default: Option<&str>) -> Result<Source, Error> {
        let Some(path) = &self.data else {
            let given = [
                ("--labels", self.labels.is_some()),
                ("--features", self.features.is_some()),
                ("--channels", self.channels.is_some()),
            ];
            if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
                return Err(Error::Usage(format!(
                    "{name} is about your own data: give it with --data, or leave {name} out"
                )));
            }
            let id = self.dataset.as_deref().or(default).ok_or_else(|| {
                Error::Usage("which data? Give --data FILE or --dataset ID".to_owned())
            })?;
            return Ok(Source::Named(id.to_owned()));
        };
        let id = path.to_str().unwrap_or_default();
        if !path.exists() && crate::data::catalogue()?.entry(id).is_ok() {
            return Err(Error::Usage(format!(
                "there is no file {id}; the data set of that name is --dataset {id}"
            )));
        }
        let labels = match self.labels.as_deref().unwrap_or("auto") {
            "auto" => Labels::Found,
            "none" => Labels::Absent,
            "last" => Labels::Last,
            name if PathBuf::from(name).is_file() => Labels::File(PathBuf::from(name)),
            name => Labels::Named(name.to_owned()),
        };
        Ok(Source::Path {
            path: path.clone(),
            options: Options {
                features: self.features.clone(),
                labels,
                ..Options::default()
            },
            channels: match self.channels.as_deref() {
                None | Some("own") => Channels::Own,
                Some(_) => Channels::Grey,
            },
        })
    }
}

/// `auto` or a number.
pub fn scale(text: &str) -> Result<Scale, String> {
    if text == "auto" {
        return Ok(Scale::Auto);
    }
    let number: Option<f64> = text.parse().ok();
    let number = number.filter(|number| number.is_finite() && *number > 0.0);
    number
        .map(Scale::By)
        .ok_or_else(|| "expected auto or a positive number to divide by".to_owned())
}
