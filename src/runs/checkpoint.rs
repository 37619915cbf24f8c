//! The state of an unfinished run on disk, and trained weights: safetensors files.
//!
//! All random numbers come from streams named after the seed and their purpose, so the iteration
//! number is all the random state there is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Error;
use super::record::{Curves, Maker};
use crate::files::write_whole;
use crate::nn::slices::{on_cpu, slice};

/// The header field that holds the [`Progress`].
const FIELD: &str = "replicate";
/// A longer header is damage: ours have a few tensors and a hundred points of each loss.
const LONGEST_HEADER: u64 = 16 << 20;
/// A longer time is damage: a thousand years.
const LONGEST_RUN: Duration = Duration::from_hours(1000 * 366 * 24);

/// How far an unfinished run has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Iterations done.
    pub iteration: u64,
    /// Iterations in all.
    pub iterations: u64,
    /// Time spent so far.
    pub elapsed: Duration,
    /// How often the run was resumed before.
    pub resumed: u32,
    /// Losses so far.
    pub curves: Curves,
    /// The iteration at which a loss was first seen not to be finite.
    pub diverged: Option<u64>,
    /// Time on the clock so far; of runs that train together `elapsed` is a share of it. Zero in checkpoints of
    /// earlier versions.
    #[serde(default)]
    pub wall: Duration,
    /// What it was made with, each once, the last attempt's last. None in checkpoints of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<Maker>,
}

/// Writes named float tensors, and how far the run has come if it is unfinished.
///
/// # Errors
/// If the disk refuses; an older file is then still whole.
pub fn save(
    path: &Path,
    tensors: &[(String, Tensor)],
    progress: Option<&Progress>,
) -> Result<(), Error> {
    let bytes = encode(path, tensors, progress)?;
    write_whole(path, &bytes).map_err(Error::io("write", path))
}

/// The bytes that [`save`] writes.
///
/// # Errors
/// If a tensor cannot be represented.
pub fn encode(
    path: &Path,
    tensors: &[(String, Tensor)],
    progress: Option<&Progress>,
) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| Error::Tensors {
        path: path.to_owned(),
        reason,
    };
    let floats: Vec<(&str, Vec<usize>, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let shape = tensor.size().iter().map(|&size| size as usize).collect();
            (name.as_str(), shape, on_cpu(tensor))
        })
        .collect();
    let mut views = Vec::with_capacity(floats.len());
    for (name, shape, tensor) in &floats {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes(tensor));
        views.push((*name, view.map_err(|error| failed(error.to_string()))?));
    }
    let mut fields = HashMap::new();
    if let Some(progress) = progress {
        let text = serde_json::to_string(progress).map_err(|error| failed(error.to_string()))?;
        fields.insert(FIELD.to_owned(), text);
    }
    safetensors::serialize(views, Some(fields)).map_err(|error| failed(error.to_string()))
}

fn bytes(tensor: &Tensor) -> &[u8] {
    let floats = slice(tensor);
    // SAFETY: any float is four valid bytes; safetensors is little-endian, as are the platforms
    // that libtorch supports.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), size_of_val(floats)) }
}

/// How far the run of a checkpoint has come; `None` if there is no usable checkpoint. Reads the
/// header only, and compares the length that it promises with the file's.
#[must_use]
pub fn progress(path: &Path) -> Option<Progress> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut start = [0; 8];
    file.read_exact(&mut start).ok()?;
    let header = u64::from_le_bytes(start);
    if header > LONGEST_HEADER.min(length) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(header).read_to_end(&mut bytes).ok()?;
    let metadata: Metadata = serde_json::from_slice(&bytes).ok()?;
    let whole = (8 + header).checked_add(metadata.data_len() as u64);
    (whole == Some(length))
        .then(|| read_progress(&metadata))
        .flatten()
}

fn read_progress(header: &Metadata) -> Option<Progress> {
    let progress: Progress = serde_json::from_str(header.metadata().as_ref()?.get(FIELD)?).ok()?;
    // Whoever goes on from it adds to these.
    let plausible = progress.iteration <= progress.iterations
        && progress.elapsed.max(progress.wall) < LONGEST_RUN
        && progress.resumed < u32::MAX;
    plausible.then_some(progress)
}

/// Named tensors by name.
pub type Named = HashMap<String, Tensor>;

/// Reads what [`save`] wrote, onto the CPU; `None` if the file does not exist.
///
/// # Errors
/// If the file exists but cannot be read or understood.
pub fn load(path: &Path) -> Result<Option<(Named, Option<Progress>)>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    decode(path, &bytes).map(Some)
}

/// What the bytes of a file hold, see [`load`].
///
/// # Errors
/// If they cannot be understood; `path` is named.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<(Named, Option<Progress>), Error> {
    let failed = |reason: String| Error::Tensors {
        path: path.to_owned(),
        reason,
    };
    let file = SafeTensors::deserialize(bytes).map_err(|error| failed(error.to_string()))?;
    let mut tensors = HashMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(failed(format!("{name} is not of 32-bit floats")));
        }
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        // An empty tensor may have any sizes beside its zero, also such as libtorch has not.
        let tensor = Tensor::from_slice(&values).f_view(shape.as_slice());
        let tensor = tensor.map_err(|_| failed(format!("{name} has the shape {shape:?}")))?;
        tensors.insert(name, tensor);
    }
    let header = SafeTensors::read_metadata(bytes);
    let (_, header) = header.map_err(|error| failed(error.to_string()))?;
    Ok((tensors, read_progress(&header)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn some_progress() -> Progress {
        let mut curves = Curves::default();
        curves.iteration.push(10);
        curves.values.insert("loss".into(), vec![Some(0.5)]);
        Progress {
            iteration: 10,
            iterations: 20,
            elapsed: Duration::from_millis(1500),
            resumed: 1,
            curves,
            diverged: None,
            wall: Duration::ZERO,
            makers: Vec::new(),
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        assert!(load(&path).unwrap().is_none());
        let tensor = Tensor::from_slice(&[1.0_f32, f32::NAN, 3.0, -0.0]).view([2, 2]);
        save(&path, &[("a".into(), tensor)], Some(&some_progress())).unwrap();
        assert_eq!(progress(&path).unwrap(), some_progress());
        let (tensors, progress) = load(&path).unwrap().unwrap();
        assert_eq!(progress.unwrap(), some_progress());
        let bits: Vec<u32> = slice(&tensors["a"]).iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, [1.0_f32, f32::NAN, 3.0, -0.0].map(f32::to_bits));
        assert_eq!(tensors["a"].size(), [2, 2]);
    }

    /// A file of one empty tensor of this shape, with this progress.
    fn hand_made(shape: &str, progress: &str) -> Vec<u8> {
        let progress = serde_json::to_string(progress).unwrap();
        let header = format!(
            r#"{{"__metadata__":{{"replicate":{progress}}},"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes
    }

    #[test]
    fn an_impossible_shape_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        fs::write(&path, hand_made("[9223372036854775808,0]", "{}")).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("a has the shape"), "{error}");
        fs::write(&path, hand_made("[7,0]", "{}")).unwrap();
        assert_eq!(load(&path).unwrap().unwrap().0["a"].size(), [7, 0]);
    }

    #[test]
    fn progress_that_cannot_be_added_to_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let write = |change: fn(&mut Progress)| {
            let mut progress = some_progress();
            change(&mut progress);
            let text = serde_json::to_string(&progress).unwrap();
            fs::write(&path, hand_made("[0]", &text)).unwrap();
        };
        write(|_| {});
        assert_eq!(progress(&path), Some(some_progress()));
        let changes: [fn(&mut Progress); 4] = [
            |progress| progress.iteration = 21,
            |progress| progress.elapsed = Duration::from_secs(u64::MAX),
            |progress| progress.wall = Duration::from_secs(u64::MAX),
            |progress| progress.resumed = u32::MAX,
        ];
        for change in changes {
            write(change);
            assert_eq!(progress(&path), None);
            assert_eq!(load(&path).unwrap().unwrap().1, None);
        }
    }

    #[test]
    fn a_file_cut_short_is_no_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let tensor = Tensor::from_slice(&[1.0_f32; 64]);
        save(&path, &[("a".into(), tensor)], Some(&some_progress())).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 40, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(progress(&path).is_none(), "{length}");
            assert!(load(&path).is_err(), "{length}");
        }
    }
}
