//! DC-SOMRL as a [`Method`]: train a cohort, evaluate each model.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::quality::{
    Joined, Majorities, all_pairs, by_activation, by_relevance, confusion, joined, nearest_rows,
    nearest_share,
};
use super::{DcSomrlCohort, MapSettings, Settings, pictures};
use crate::cluster::KMeans;
use crate::evaluation;
use crate::metrics::{evaluate_labels, reported};
use crate::nn::slices::ordered_sum;
use crate::random::{self, Seed};
use crate::replications::desom::BatchOrder;
use crate::runs::checkpoint::Progress;
use crate::train::{
    Context, Driven, Error, Event, Finished, Labels, Member, Method, Runs, Trial, Work, drive,
    time_of_step,
};

/// Rows whose activations are computed at once: a few hundred megabytes of differences.
const AT_ONCE: i64 = 4096;
/// Other connection distances that are looked at, times the root of the features: the predecessors searched
/// from 0 to 0.5.
pub(super) const CLOSER: [f64; 3] = [0.05, 0.1, 0.2];
/// Rows on which k-means says which classes it confuses.
const CONFUSED_ROWS: i64 = 10_000;

/// Joint training of autoencoder and map.
///
/// Labels of rows are their winners by activation. Metrics:
///
/// - `bmu.*`, `units_used`: of all rows, whether trained on or not; `validation.bmu.*`: of those held out;
/// - `nodes`: nodes at the end, whether they win a row or not;
/// - `classes_covered`: classes that most rows of some node have;
/// - `top10_purity`: the share of a node's ten rows of highest activation that have its class, mean over the
///   nodes that win a row; `validation.top10_purity`: of its ten held-out rows of highest activation;
/// - `edges.minwd.*`, `edges.coactivation.*`: number of connections (`count`), the share of them between
///   nodes of different classes (`across`), and the mean rank, 0 to 1, of the classes that these join by how
///   often k-means confuses them (`confusion_rank`), and the share of them that join one of the
///   nine pairs that it confuses most (`confused_share`), of nodes whose
///   relevances are close, and of nodes that are first and second for some held-out row;
///   `edges.minwd=C.*` are those of other distances C, and `edges.all.*` of all pairs of nodes that win rows:
///   the rank that connections at random have. Connections that are all pairs have no rank: they single out
///   nothing. `edge_confusion_rank` is that of `minwd`, the predecessors' connections;
/// - `reconstruction_loss`: mean squared error over all rows and features; `prototype_error`: the same
///   between each row and its winner, decoded: it needs no labels, and hyper-parameters are chosen by it;
/// - `prototype_spread`: see [`evaluation::spread`], of the decoded nodes.
#[derive(Debug)]
pub struct DcSomrl;

impl Method for DcSomrl {
    fn id(&self) -> &'static str {
        "dc-somrl"
    }

    fn version(&self) -> u32 {
        2
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        let settings = Settings::read(settings)?;
        // Models of one cohort see the same batches; shuffled ones are each run's own.
        Ok((settings.batch_order == BatchOrder::File).then(|| settings.to_value().to_string()))
    }

    /// A number has no time of its own, only the size of what is computed and which reading it is.
    fn cost(&self, settings: &Value) -> Result<String, Error> {
        let mut settings = Settings::read(settings)?;
        let usual = Settings::paper();
        settings.alpha = usual.alpha;
        settings.connection = usual.connection;
        settings.adam = usual.adam;
        settings.initial = usual.initial;
        settings.pictured = usual.pictured;
        settings.map = MapSettings {
            nodes: settings.map.nodes,
            distance: settings.map.distance,
            measure: settings.map.measure,
            neighbours: settings.map.neighbours,
            insertion: settings.map.insertion,
            winners: settings.map.winners,
            removal: settings.map.removal,
            ..usual.map
        };
        Ok(settings.to_value().to_string())
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = Settings::read(settings)?;
        let sample = settings.batch.min(trial.rows);
        let data = Tensor::rand([sample, trial.dims], (Kind::Float, trial.device));
        let seeds = vec![Seed(0); trial.models];
        let mut model = DcSomrlCohort::new(&settings, &seeds, &data);
        let step = time_of_step(&mut model)?;
        // Forward passes of autoencoder and map over all rows.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 2.0;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64 + 0.5),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let Some(first) = cohort.first() else {
            return Ok(Some(Runs::new()));
        };
        let settings = Settings::read(&first.settings)?;
        let seeds: Vec<Seed> = cohort.iter().map(|member| member.seed).collect();
        let mut models = DcSomrlCohort::new(&settings, &seeds, &context.data.features);
        let Driven::Finished(progress) = drive(&mut models, cohort, context)? else {
            return Ok(None);
        };
        let mut runs = Runs::with_capacity(cohort.len());
        for (model, (seed, progress)) in (0..).zip(seeds.into_iter().zip(progress)) {
            context.observer.notify(&Event::Advanced {
                worker: context.worker,
                fraction: 1.0,
                detail: "evaluating",
            });
            let trained = Trained {
                models: &models,
                model,
                settings: &settings,
            };
            match trained.finish(seed, context, progress) {
                Ok(Some(finished)) => runs.push(Ok(finished)),
                Ok(None) => return Ok(None),
                Err(error) => runs.push(Err(error)),
            }
        }
        Ok(Some(runs))
    }
}

/// One trained model of a cohort.
struct Trained<'a> {
    models: &'a DcSomrlCohort,
    model: i64,
    settings: &'a Settings,
}

/// A trained model applied to all rows.
struct Applied {
    /// `[rows, latent]`
    codes: Tensor,
    /// `[rows, nodes]`
    activation: Tensor,
    winners: Vec<u32>,
    /// Mean squared errors of the reconstructions, and of the winners' in their stead.
    reconstruction: f64,
    prototype: f64,
}

impl Trained<'_> {
    /// `None` if interrupted.
    fn finish(
        &self,
        seed: Seed,
        context: &Context,
        progress: Progress,
    ) -> Result<Option<Finished>, Error> {
        let clock = Instant::now();
        let applied = if progress.diverged.is_none() && self.models.is_finite(self.model) {
            self.apply(&context.data.features)
        } else {
            None
        };
        let Some(applied) = applied else {
            return Ok(Some(Finished::trained(progress, None, clock.elapsed())));
        };
        let mut weights = self.models.weights(self.model);
        let labels = context.data.labels.as_ref();
        let (metrics, links) = self.assess(&applied, context)?;
        if seed == Seed(0)
            && self.settings.pictured > 0
            && let Some((labels, links)) = labels.zip(links)
        {
            let subject = pictures::Subject {
                codes: &applied.codes,
                activation: &applied.activation,
                nodes: &self.map_part(&self.models.map().centres),
                decoded: &self.decoded(),
                links: &links.pictured,
                majorities: &links.majorities,
                held: self.held(applied.codes.size()[0]),
                pictured: self.settings.pictured,
            };
            let Some(kept) = pictures::take(&subject, labels, context)? else {
                return Ok(None);
            };
            weights.extend(kept);
        }
        let measured = Some((metrics, weights));
        Ok(Some(Finished::trained(progress, measured, clock.elapsed())))
    }

    fn map_part(&self, part: &Tensor) -> Tensor {
        part.get(self.model)
    }

    /// All places' centres as rows of the data, `[nodes, D]`.
    fn decoded(&self) -> Tensor {
        let centres = self.map_part(&self.models.map().centres);
        self.models.decode(self.model, &centres)
    }

    /// First row and number of the rows that are held out; all rows if none is.
    fn held(&self, rows: i64) -> (i64, i64) {
        match self.settings.training_rows {
            Some(trained) if trained < rows => (trained, rows - trained),
            _ => (0, rows),
        }
    }

    /// `None` if something is beyond 32-bit floats.
    fn apply(&self, features: &Tensor) -> Option<Applied> {
        let (models, model) = (self.models, self.model);
        let (map, all) = (models.map(), models.count());
        let decoded = self.decoded();
        let (mut codes, mut activations, mut winners) = (Vec::new(), Vec::new(), Vec::new());
        let (mut reconstruction, mut prototype) = (0.0, 0.0);
        let error = |output: Tensor, rows: &Tensor| {
            let squares = (output - rows).square();
            ordered_sum(&squares.sum_dim_intlist(-1, false, Kind::Double))
        };
        for rows in features.split(AT_ONCE, 0) {
            let code = models.encode(model, &rows);
            // The map's operations are of the whole cohort: give every model the rows, take one's.
            let activation = map
                .activations(&code.expand([all, -1, -1], false))
                .get(model);
            let winner = activation.argmax(-1, false);
            reconstruction += error(models.decode(model, &code), &rows);
            prototype += error(decoded.index_select(0, &winner), &rows);
            codes.push(code);
            activations.push(activation);
            winners.push(winner);
        }
        let values = features.numel() as f64;
        let winners = Vec::<i64>::try_from(Tensor::cat(&winners, 0)).unwrap_or_default();
        let applied = Applied {
            codes: Tensor::cat(&codes, 0),
            activation: Tensor::cat(&activations, 0),
            winners: winners.into_iter().map(|winner| winner as u32).collect(),
            reconstruction: reconstruction / values,
            prototype: prototype / values,
        };
        (applied.reconstruction + applied.prototype)
            .is_finite()
            .then_some(applied)
    }

    /// The metrics, and where classes are known what the picture shows of the connections.
    fn assess(
        &self,
        applied: &Applied,
        context: &Context,
    ) -> Result<(BTreeMap<String, f64>, Option<Links>), Error> {
        let data = context.data;
        let mut metrics = BTreeMap::new();
        let (start, count) = self.held(data.rows());
        let held = start as usize..(start + count) as usize;
        let mut score = |prefix: &str, winners: &[u32], classes: Option<&[u8]>| {
            let scores = evaluate_labels(winners, classes);
            let scores = scores.map_err(|error| Error::Metrics(error.to_string()))?;
            for (metric, value) in reported(scores) {
                metrics.insert(format!("{prefix}bmu.{metric}"), value);
            }
            let mut used = winners.to_vec();
            used.sort_unstable();
            used.dedup();
            metrics.insert(format!("{prefix}units_used"), used.len() as f64);
            Ok::<(), Error>(())
        };
        let classes = data.classes();
        score("", &applied.winners, classes)?;
        if count < data.rows() {
            let of_held = classes.map(|classes| &classes[held.clone()]);
            score("validation.", &applied.winners[held.clone()], of_held)?;
        }
        let nodes = self.map_part(&self.models.map().occupied());
        let occupied = nodes.nonzero().squeeze_dim(-1);
        let decoded = self.decoded().index_select(0, &occupied);
        for (name, value) in [
            ("nodes", occupied.numel() as f64),
            ("reconstruction_loss", applied.reconstruction),
            ("prototype_error", applied.prototype),
            ("prototype_spread", evaluation::spread(&decoded)),
        ] {
            metrics.insert(name.to_owned(), value);
        }
        let links = match &data.labels {
            Some(labels) => Some(self.semantics(applied, labels, context, &mut metrics)?),
            None => None,
        };
        Ok((metrics, links))
    }

    /// What needs classes: see [`super::quality`].
    fn semantics(
        &self,
        applied: &Applied,
        labels: &Labels,
        context: &Context,
        metrics: &mut BTreeMap<String, f64>,
    ) -> Result<Links, Error> {
        let nodes = self.settings.map.nodes as usize;
        let majorities = Majorities::of(&applied.winners, &labels.values, nodes, labels.classes);
        let (start, count) = self.held(context.data.rows());
        let held = start as usize..(start + count) as usize;
        let mut score = |name: &str, activation: &Tensor, classes: &[u8]| {
            let purity = nearest_share(&nearest_rows(activation), classes, &majorities);
            metrics.insert(name.to_owned(), purity);
        };
        let of_held = applied.activation.narrow(0, start, count);
        score("top10_purity", &applied.activation, &labels.values);
        if count < context.data.rows() {
            score("validation.top10_purity", &of_held, &labels.values[held]);
        }
        metrics.insert("classes_covered".to_owned(), majorities.covered() as f64);

        let rows = context
            .data
            .features
            .narrow(0, start, count.min(CONFUSED_ROWS));
        let classes = &labels.values[start as usize..(start + rows.size()[0]) as usize];
        let mut kmeans = KMeans::new(self.settings.map.nodes.min(rows.size()[0]) as usize);
        (kmeans.restarts, kmeans.max_iterations) = (1, 50);
        let clusters = kmeans
            .fit(
                &rows.contiguous(),
                &mut random::stream(Seed(0), "confusion"),
            )
            .map_err(|error| Error::Clustering(error.to_string()))?;
        let confusion = confusion(&clusters.labels, classes, labels.classes);

        let pairs = all_pairs(&self.map_part(&self.models.map().relevance), &majorities);
        let root = (self.settings.latent as f64).sqrt();
        let close = by_relevance(&pairs, self.settings.connection * root);
        let together = by_activation(&of_held, &majorities);
        let mut kinds = vec![
            ("all".to_owned(), by_relevance(&pairs, f64::INFINITY)),
            ("minwd".to_owned(), close.clone()),
            ("coactivation".to_owned(), together.clone()),
        ];
        kinds.extend(CLOSER.map(|share| {
            let edges = by_relevance(&pairs, share * root);
            (format!("minwd={share}"), edges)
        }));
        for (name, edges) in kinds {
            let Joined {
                edges,
                across,
                rank,
                confused,
            } = joined(&edges, &majorities, &confusion);
            let (rank, confused) = if edges == pairs.len() && name != "all" {
                (f64::NAN, f64::NAN)
            } else {
                (rank, confused)
            };
            let mut insert = |metric: &str, value: f64| {
                metrics.insert(format!("edges.{name}.{metric}"), value);
            };
            insert("count", edges as f64);
            insert("across", across as f64 / edges as f64);
            insert("confusion_rank", rank);
            insert("confused_share", confused);
            if name == "minwd" {
                metrics.insert("edge_confusion_rank".to_owned(), rank);
            }
        }
        Ok(Links {
            majorities,
            pictured: [close, together],
        })
    }
}

/// Connections of nodes, by relevance and by activation, and the nodes' classes.
struct Links {
    majorities: Majorities,
    pictured: [Vec<[usize; 2]>; 2],
}

#[cfg(test)]
#[path = "method_tests.rs"]
mod tests;
