//! What a map is trained on: the features themselves, or an autoencoder's codes of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tch::Tensor;

use crate::evaluation::{self, PostClusters};
use crate::nn::{Layout, Network, Parameters, state};
use crate::pretraining::AutoencoderSettings;
use crate::runs::Outcome;
use crate::som::Grid;
use crate::train::{Context, Error, Member, part};

/// The part of a run's work that training its autoencoder is: nearly all.
pub(super) const SHARE: f64 = 0.95;

/// The rows a map is trained on.
pub(super) struct Space {
    /// `[rows, dims]`, contiguous.
    pub codes: Tensor,
    /// Where they come from, if they are codes.
    network: Option<(Network, Parameters)>,
    /// Fraction of the run's progress already used; the next `Stage` starts here.
    pub behind: f64,
}

/// Result of preparing the training space.
pub(super) enum Entered {
    /// Ready.
    Space(Box<Space>),
    /// The autoencoder has diverged, and so has the run.
    Diverged,
    /// The program is to stop.
    Interrupted,
}

/// The features, or the codes of an encoder that is trained first; `share` is the part of a run's work
/// that this is, 0 to 1.
pub(super) fn enter(
    encoder: Option<&AutoencoderSettings>,
    member: &Member,
    share: f64,
    context: &Context,
) -> Result<Entered, Error> {
    let features = &context.data.features;
    let Some(settings) = encoder else {
        return Ok(Entered::Space(Box::new(Space {
            codes: features.contiguous(),
            network: None,
            behind: 0.0,
        })));
    };
    let cohort = std::slice::from_ref(member);
    let Some(gathered) = part::gather(&settings.need(), cohort, share, context)? else {
        return Ok(Entered::Interrupted);
    };
    let behind = gathered.behind;
    let Some(trained) = gathered.parts.into_iter().next() else {
        return Ok(Entered::Diverged);
    };
    if trained.outcome != Outcome::Completed {
        return Ok(Entered::Diverged);
    }
    let mut layout = Layout::default();
    let network = settings.shape().network(context.data.dims(), &mut layout);
    let network = network.map_err(Error::Settings)?;
    let parameters = Parameters::zeros(layout, 1, features.device());
    state::set_weights(&parameters, 0, &trained.weights).map_err(Error::Settings)?;
    let codes = features.split(network.rows_at_once(), 0).into_iter();
    let codes = codes.map(|rows| network.encode(&parameters, 0, &rows));
    Ok(Entered::Space(Box::new(Space {
        codes: Tensor::cat(&codes.collect::<Vec<_>>(), 0),
        network: Some((network, parameters)),
        behind,
    })))
}

/// Whether `method` has an encoder where it trains on codes, and none where it does not.
pub(super) fn check_encoder(
    method: &str,
    on_codes: bool,
    encoder: Option<&AutoencoderSettings>,
) -> Result<(), Error> {
    let wrong = match (on_codes, encoder) {
        (true, None) => "encoder is missing",
        (false, Some(_)) => "encoder is given, but this method trains on the features",
        _ => return Ok(()),
    };
    Err(Error::Settings(format!("{method} settings: {wrong}")))
}

impl Space {
    /// The metrics of a map trained here, see [`evaluation::assess`] and [`evaluation::map_quality`], and
    /// `prototype_spread`, see [`evaluation::spread`], of the prototypes as rows of the data. `None` if
    /// there is nothing to measure.
    pub fn assess(
        &self,
        prototypes: &Tensor,
        map: Grid,
        post_clusters: PostClusters,
        member: &Member,
        context: &Context,
    ) -> Result<Option<BTreeMap<String, f64>>, Error> {
        let labels = context.data.labels.as_ref();
        let metrics =
            evaluation::assess(&self.codes, prototypes, labels, post_clusters, member.seed)?;
        let Some(mut metrics) = metrics else {
            return Ok(None);
        };
        let (decoded, latent) = match &self.network {
            Some((network, parameters)) => (
                network.decode(parameters, 0, prototypes),
                Some((&self.codes, prototypes)),
            ),
            None => (prototypes.shallow_clone(), None),
        };
        metrics.insert("prototype_spread".to_owned(), evaluation::spread(&decoded));
        let quality = evaluation::map_quality(map, context.data, &decoded, latent)?;
        metrics.extend(quality);
        Ok(Some(metrics))
    }

    /// What a map keeps beside its record: the prototypes, and the rows of each class that each unit wins,
    /// where classes are known.
    pub fn weights(&self, prototypes: &Tensor, context: &Context) -> Vec<(String, Tensor)> {
        let labels = context.data.labels.as_ref();
        let counts = labels.map(|labels| {
            let counts = evaluation::class_counts(&self.codes, prototypes, labels);
            (evaluation::CLASS_COUNTS.to_owned(), counts)
        });
        let prototypes = ("som.prototypes".to_owned(), prototypes.shallow_clone());
        std::iter::once(prototypes).chain(counts).collect()
    }
}

/// How long it takes to evaluate a map on `rows` rows, from a search among a few.
pub(super) fn evaluation_time(sample: &Tensor, prototypes: &Tensor, rows: i64) -> Duration {
    let clock = Instant::now();
    let _ = crate::som::nearest(sample, prototypes);
    // Units and groups are searched for, and labels counted.
    clock
        .elapsed()
        .mul_f64(2.5 * rows as f64 / sample.size()[0] as f64)
        + Duration::from_millis(20)
}
