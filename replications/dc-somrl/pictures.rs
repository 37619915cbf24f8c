//! What the figures need of a run, kept with its weights: `figures` redraws without training.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use tch::{Device, Kind, Tensor};

use super::quality::{Majorities, nearest_rows};
use crate::embedding::{self, Tsne};
use crate::random::{self, Seed};
use crate::train::{Context, Error, Event, Labels};

/// Prototypes of each class that Fig. 1 shows: those with the most rows.
const OF_A_CLASS: usize = 2;
/// Fewer rows than these find their places in fewer iterations.
const FEW_ROWS: usize = 1000;

/// Names of tensors among a run's weights: places of rows, then of nodes `[rows + nodes, 2]`; classes of both;
/// connections `[edges, 2]`, each a pair of nodes; and images, a prototype and its nearest rows after another.
pub(super) const PLACES: &str = "figure.places";
pub(super) const CLASSES: &str = "figure.classes";
pub(super) const BY_RELEVANCE: &str = "figure.edges.minwd";
pub(super) const BY_ACTIVATION: &str = "figure.edges.coactivation";
pub(super) const IMAGES: &str = "figure.images";
pub(super) const IMAGE_CLASSES: &str = "figure.image_classes";

/// What there is to show.
pub(super) struct Subject<'a> {
    /// Of all rows, `[rows, latent]`.
    pub codes: &'a Tensor,
    /// `[rows, nodes]`
    pub activation: &'a Tensor,
    /// Centres of all places, `[nodes, latent]`.
    pub nodes: &'a Tensor,
    /// The same as rows of the data, `[nodes, D]`.
    pub decoded: &'a Tensor,
    /// By relevance and by activation, of all places.
    pub links: &'a [Vec<[usize; 2]>; 2],
    pub majorities: &'a Majorities,
    /// First row and number of the rows that are held out.
    pub held: (i64, i64),
    pub pictured: usize,
}

/// The tensors to keep; `None` if interrupted.
///
/// # Errors
/// If libtorch fails.
pub(super) fn take(
    subject: &Subject,
    labels: &Labels,
    context: &Context,
) -> Result<Option<Vec<(String, Tensor)>>, Error> {
    let (start, count) = subject.held;
    let mut stream = random::stream(Seed(0), "pictured rows");
    let rows = random::distinct_indices(&mut stream, count as usize, subject.pictured);
    let rows: Vec<i64> = rows.into_iter().map(|row| start + row as i64).collect();
    let majorities = subject.majorities;
    let winning: Vec<usize> = (0..majorities.wins.len())
        .filter(|&node| majorities.wins[node] > 0)
        .collect();
    let numbers = |indices: &[usize]| {
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        Tensor::from_slice(&indices).to_device(subject.codes.device())
    };
    let codes = subject.codes.f_index_select(
        0,
        &Tensor::from_slice(&rows).to_device(subject.codes.device()),
    )?;
    let nodes = subject.nodes.f_index_select(0, &numbers(&winning))?;
    let mut kept = Vec::new();
    match embed(&Tensor::cat(&[codes, nodes], 0), context) {
        Ok(places) => {
            kept.push((PLACES.to_owned(), places));
            let of_rows = rows
                .iter()
                .map(|&row| f32::from(labels.values[row as usize]));
            let of_nodes = winning
                .iter()
                .map(|&node| f32::from(majorities.classes[node].unwrap_or(0)));
            let classes: Vec<f32> = of_rows.chain(of_nodes).collect();
            kept.push((CLASSES.to_owned(), Tensor::from_slice(&classes)));
            for (name, edges) in [BY_RELEVANCE, BY_ACTIVATION].into_iter().zip(subject.links) {
                kept.push((name.to_owned(), among(edges, &winning)));
            }
        }
        Err(embedding::Error::Interrupted) => return Ok(None),
        // All codes are equal: there is no picture of them.
        Err(_) => {}
    }
    let shown = shown(majorities);
    if !shown.is_empty() {
        let nearest = nearest_rows(&subject.activation.narrow(0, start, count));
        let held = context.data.features.narrow(0, start, count);
        let images = shown.iter().map(|&node| {
            let prototype = subject.decoded.get(node as i64).unsqueeze(0);
            let rows = held.index_select(0, &nearest.get(node as i64));
            Tensor::cat(&[prototype, rows], 0)
        });
        let images: Vec<Tensor> = images.collect();
        let classes = shown
            .iter()
            .map(|&node| f32::from(majorities.classes[node].unwrap_or(0)));
        kept.push((IMAGES.to_owned(), Tensor::stack(&images, 0)));
        kept.push((
            IMAGE_CLASSES.to_owned(),
            Tensor::from_slice(&classes.collect::<Vec<_>>()),
        ));
    }
    Ok(Some(kept))
}

/// The edges as pairs of places in `winning`.
fn among(edges: &[[usize; 2]], winning: &[usize]) -> Tensor {
    let place = |node: usize| winning.iter().position(|&other| other == node);
    let pairs = edges
        .iter()
        .filter_map(|&[one, other]| Some([place(one)?, place(other)?]));
    let flat: Vec<f32> = pairs.flatten().map(|place| place as f32).collect();
    Tensor::from_slice(&flat).view([-1, 2])
}

/// Of each class, in order, the nodes with the most rows.
fn shown(majorities: &Majorities) -> Vec<usize> {
    let mut shown = Vec::new();
    let last = majorities
        .classes
        .iter()
        .flatten()
        .max()
        .copied()
        .unwrap_or(0);
    for class in 0..=last {
        let nodes = 0..majorities.classes.len();
        let mut nodes: Vec<usize> = nodes
            .filter(|&node| majorities.classes[node] == Some(class))
            .collect();
        nodes.sort_by_key(|&node| std::cmp::Reverse(majorities.wins[node]));
        shown.extend(nodes.into_iter().take(OF_A_CLASS));
    }
    shown
}

fn embed(values: &Tensor, context: &Context) -> Result<Tensor, embedding::Error> {
    let values = values.to_device(Device::Cpu).to_kind(Kind::Float);
    let (rows, columns) = (values.size()[0] as usize, values.size()[1] as usize);
    let values = Vec::<f32>::try_from(values.reshape([-1])).unwrap_or_default();
    let mut hook = |progress: embedding::Progress| {
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: &format!(
                "t-SNE, iteration {}/{}",
                progress.iteration, progress.max_iterations
            ),
        });
        if context.is_interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut tsne = Tsne::default();
    // Three times the perplexity is what it needs.
    tsne.perplexity = tsne.perplexity.min((rows as f64 - 1.0) / 3.1).max(1.0);
    if rows < FEW_ROWS {
        (tsne.exaggerated_iterations, tsne.max_iterations) = (100, 300);
    }
    let threads = NonZeroUsize::new(tch::get_num_threads().try_into().unwrap_or(1));
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
