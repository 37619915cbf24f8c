//! What the figures of a run need of its codes, kept with its weights: `figures` redraws without training.
//!
//! t-SNE is done here, where progress is shown: some seconds for 10 000 rows.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use tch::{Device, Tensor};

use super::trustworthiness::{paired, trustworthiness};
use crate::embedding::{self, Tsne};
use crate::nn::slices::on_cpu;
use crate::random::{self, Seed};
use crate::train::{Context, Error, Event, TrainingData};

/// The highest scoring rows of each cluster that are kept.
pub(super) const TOP: i64 = 10;
/// Neighbours that trustworthiness asks for.
const NEIGHBOURS: usize = 12;

/// Fewer rows than these find their places in fewer iterations.
const FEW_ROWS: usize = 1000;

/// Names of tensors among a run's weights.
pub(super) const BEFORE: &str = "figure.before";
pub(super) const AFTER: &str = "figure.after";
pub(super) const CLASSES: &str = "figure.classes";
pub(super) const TOP_ROWS: &str = "figure.top";

/// Codes and centroids at one time.
#[derive(Debug)]
pub(super) struct Moment {
    /// The name that the picture is kept under.
    pub name: &'static str,
    /// In metrics, e.g. `before`.
    pub word: &'static str,
    pub codes: Tensor,
    pub centroids: Tensor,
}

/// What is kept, and what was measured of it.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub tensors: Vec<(String, Tensor)>,
    pub metrics: Vec<(String, f64)>,
}

/// The rows shown, of `rows` there are: always the same.
fn shown(rows: usize, pictured: usize) -> Vec<i64> {
    let mut stream = random::stream(Seed(0), "pictured rows");
    let chosen = random::distinct_indices(&mut stream, rows, pictured);
    chosen.into_iter().map(|row| row as i64).collect()
}

/// Pictures of `pictured` rows at these moments; `None` if interrupted. A moment without a picture, because
/// all its codes are equal, is left out.
///
/// # Errors
/// If libtorch fails.
pub(super) fn take(
    moments: &[Moment],
    pictured: usize,
    data: &TrainingData,
    context: &Context,
) -> Result<Option<Pictures>, Error> {
    let rows = shown(data.rows() as usize, pictured);
    let mut pictures = Pictures::default();
    let numbers = Tensor::from_slice(&rows);
    for moment in moments {
        let [codes, centroids] = [&moment.codes, &moment.centroids].map(on_cpu);
        let codes = codes.f_index_select(0, &numbers)?;
        let points = match embed(&Tensor::cat(&[&codes, &centroids], 0), moment.word, context) {
            Ok(points) => points,
            Err(embedding::Error::Interrupted) => return Ok(None),
            Err(_) => continue,
        };
        let pairs: Vec<i64> = paired(rows.len())
            .into_iter()
            .map(|row| row as i64)
            .collect();
        let pairs = Tensor::from_slice(&pairs);
        let [of_codes, of_points] = [&codes, &points].map(|tensor| tensor.index_select(0, &pairs));
        pictures.metrics.push((
            format!("picture.{}.trustworthiness", moment.word),
            trustworthiness(&of_codes, &of_points, NEIGHBOURS),
        ));
        pictures.tensors.push((moment.name.to_owned(), points));
    }
    if let Some(classes) = data.classes() {
        let classes: Vec<f32> = rows
            .iter()
            .map(|&row| f32::from(classes[row as usize]))
            .collect();
        pictures
            .tensors
            .push((CLASSES.to_owned(), Tensor::from_slice(&classes)));
    }
    Ok(Some(pictures))
}

fn embed(values: &Tensor, word: &str, context: &Context) -> Result<Tensor, embedding::Error> {
    let threads = NonZeroUsize::new(tch::get_num_threads().try_into().unwrap_or(1));
    let columns = values.size()[1] as usize;
    let values = Vec::<f32>::try_from(values.reshape([-1])).unwrap_or_default();
    let mut hook = |progress: embedding::Progress| {
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: &format!(
                "t-SNE {word}, iteration {}/{}",
                progress.iteration, progress.max_iterations
            ),
        });
        if context.is_interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let rows = values.len() / columns.max(1);
    let mut tsne = Tsne::default();
    // Three times the perplexity is what it needs.
    tsne.perplexity = tsne.perplexity.min((rows as f64 - 1.0) / 3.1).max(1.0);
    if rows < FEW_ROWS {
        (tsne.exaggerated_iterations, tsne.max_iterations) = (100, 300);
    }
    let threads = threads.unwrap_or(NonZeroUsize::MIN);
    let embedding = tsne.fit_with(&values, columns, threads, &mut hook)?;
    let points: Vec<f32> = embedding
        .points
        .iter()
        .flatten()
        .map(|&value| value as f32)
        .collect();
    Ok(Tensor::from_slice(&points).view([-1, 2]))
}

/// The rows of `features` that score highest in each cluster, `[clusters * TOP, D]`, for `q`
/// `[rows, clusters]`.
pub(super) fn top_rows(q: &Tensor, features: &Tensor) -> Tensor {
    let count = TOP.min(q.size()[0]);
    let (_, rows) = q.topk(count, 0, true, true);
    // `[TOP, clusters]` to cluster after cluster.
    let rows = rows.transpose(0, 1).reshape([-1]);
    features.index_select(0, &rows).to_device(Device::Cpu)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn the_best_rows_come_cluster_by_cluster() {
        let rows = 12;
        let first = Tensor::arange(rows, (Kind::Float, Device::Cpu)) / 12.0;
        let q = Tensor::stack(&[&first, &(1.0 - &first)], 1);
        let features = Tensor::arange(rows, (Kind::Float, Device::Cpu)).view([-1, 1]);
        let top = top_rows(&q, &features);
        assert_eq!(top.size(), [2 * TOP, 1]);
        assert!((top.double_value(&[0, 0]) - 11.0).abs() < 1e-9);
        assert!((top.double_value(&[TOP, 0])).abs() < 1e-9);
    }
}
