//! A trained model applied to rows: their codes, units, groups and distances.

use tch::{Kind, Tensor};

use super::Error;
use super::source::Prepared;
use super::weights::Model;
use crate::nn::slices::slice;
use crate::som::nearest;

/// Rows that are encoded at once: bounds the memory.
const CHUNK: i64 = 512;

/// What a model says of rows.
#[derive(Debug)]
pub struct Prediction {
    /// `[rows, latent]`; the scaled rows themselves where there is no autoencoder.
    pub codes: Tensor,
    /// The best matching unit of each row, numbered row by row of the map.
    pub units: Vec<u32>,
    /// The Euclidean distance of each code and its unit's prototype.
    pub distances: Vec<f64>,
    /// The group of prototypes whose centre is nearest to each code; none where prototypes were not
    /// grouped.
    pub clusters: Option<Vec<u32>>,
}

/// Applies `model` to `data`, whose values are as stored, divided by `divisor` first.
///
/// # Errors
/// [`Error::Mismatch`] if rows have another number of values than the model was trained on, or come
/// out beyond 32-bit floats.
pub fn predict(model: &Model, data: &Prepared, divisor: f64) -> Result<Prediction, Error> {
    let dims = model.description.dims;
    let (rows, found) = (data.data.rows(), data.data.dims());
    if found != dims {
        let image = model.description.image.map_or(String::new(), |image| {
            let depth = if image.channels == 1 {
                ""
            } else {
                ", in colour"
            };
            format!(
                " (images of {} x {} pixels{depth})",
                image.height, image.width
            )
        });
        return Err(Error::Mismatch(format!(
            "the model takes rows of {dims} values{image}, but {} has rows of {found}",
            data.id
        )));
    }
    let mut codes = Vec::new();
    for start in (0..rows).step_by(CHUNK as usize) {
        let x = data.data.features.narrow(0, start, CHUNK.min(rows - start));
        // As training does: in double precision, then rounded once.
        let x = (x.to_kind(Kind::Double) / divisor).to_kind(Kind::Float);
        codes.push(model.encode_rows(&x));
    }
    let codes = Tensor::cat(&codes, 0).contiguous();
    let farthest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
    let most = farthest(&codes) + farthest(&model.prototypes);
    let dims = model.prototypes.size()[1];
    let squared = most * most * dims as f64;
    if squared.is_nan() || squared > f64::from(f32::MAX) {
        return Err(Error::Mismatch(format!(
            "codes of {} are beyond 32-bit floats: are its values on the scale that the model was \
             trained on (divided by {divisor})?",
            data.id
        )));
    }
    let units = nearest(&codes, &model.prototypes);
    let prototypes = slice(&model.prototypes);
    let width = dims as usize;
    let rows = slice(&codes).chunks_exact(width).zip(&units);
    let distances = rows.map(|(code, &unit)| {
        let prototype = &prototypes[unit as usize * width..][..width];
        let pairs = code.iter().zip(prototype);
        let squares = pairs.map(|(&z, &m)| (f64::from(z) - f64::from(m)).powi(2));
        squares.sum::<f64>().sqrt()
    });
    Ok(Prediction {
        distances: distances.collect(),
        clusters: model
            .centres
            .as_ref()
            .map(|centres| nearest(&codes, centres)),
        units,
        codes,
    })
}
