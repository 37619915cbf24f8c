//! k-means on the features themselves, the baseline of most papers here, as a [`Method`].

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::cluster::{self, KMeans, Progress};
use crate::metrics::{evaluate_labels, reported};
use crate::random;
use crate::runs::Outcome;
use crate::runs::record::Curves;
use crate::train::{
    Context, Error, Event, Finished, Member, Method, Runs, Trial, Work, one_by_one, settings,
};

/// The baseline's settings; scikit-learn's defaults of 2019 where they have names there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KMeansSettings {
    /// Number of clusters.
    pub clusters: usize,
    /// Fits from different initial centres, the best of which counts (`n_init`).
    pub restarts: usize,
    /// Lloyd iterations of each at most (`max_iter`).
    pub max_iterations: usize,
    /// Relative to the mean variance of the features (`tol`).
    pub tolerance: f64,
}

impl KMeansSettings {
    /// scikit-learn's defaults: 10 restarts, 300 iterations, tolerance 1e-4.
    #[must_use]
    pub fn new(clusters: usize) -> Self {
        let defaults = KMeans::new(clusters);
        Self {
            clusters,
            restarts: defaults.restarts,
            max_iterations: defaults.max_iterations,
            tolerance: defaults.tolerance,
        }
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    fn read(value: &Value) -> Result<KMeans, Error> {
        let settings: Self = settings::read("k-means", value)?;
        let kmeans = KMeans {
            clusters: settings.clusters,
            restarts: settings.restarts,
            max_iterations: settings.max_iterations,
            tolerance: settings.tolerance,
        };
        kmeans
            .check()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(kmeans)
    }
}

/// k-means on the features.
#[derive(Debug)]
pub struct KMeansBaseline;

/// What a restart on images typically costs, in iterations in which every row changes its cluster: there
/// are two to four times as many, but in the later ones few rows move. Only for estimates of time.
const TYPICAL_ITERATIONS: f64 = 30.0;

impl Method for KMeansBaseline {
    fn id(&self) -> &'static str {
        "k-means"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // Restarts are a batch already: fits gain nothing from sharing a cohort.
        KMeansSettings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        // Which of two centres is nearer can hang on the last bits.
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let kmeans = KMeansSettings::read(settings)?;
        let Trial {
            rows, dims, device, ..
        } = *trial;
        if kmeans.clusters as i64 > rows {
            let (clusters, rows) = (kmeans.clusters, rows as usize);
            return Err(clustering(cluster::Error::TooManyClusters {
                clusters,
                rows,
            }));
        }
        // A few iterations of a few restarts on part of the rows: what they cost grows with both.
        let sample = rows.min(8192).max(kmeans.clusters as i64);
        let data = Tensor::rand([sample, dims], (Kind::Float, device));
        let short = KMeans {
            restarts: kmeans.restarts.min(2),
            max_iterations: 4,
            tolerance: 0.0,
            ..kmeans.clone()
        };
        let clock = Instant::now();
        short
            .fit(
                &data,
                &mut random::stream(crate::random::Seed(0), "calibration"),
            )
            .map_err(clustering)?;
        // Finding the initial centres counts as one iteration more.
        let each = clock.elapsed().as_secs_f64() / (5 * short.restarts) as f64;
        let restart = each * TYPICAL_ITERATIONS * rows as f64 / sample as f64;
        Ok(Work {
            iterations: kmeans.restarts as u64,
            per_iteration: Duration::from_secs_f64(restart),
            fixed: Duration::ZERO,
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        // A fit takes seconds to minutes and keeps no checkpoint: it starts again.
        one_by_one(cohort, |member| fit(member, context))
    }
}

// Taken by value, as `map_err` gives it.
#[allow(clippy::needless_pass_by_value)]
fn clustering(error: cluster::Error) -> Error {
    Error::Clustering(error.to_string())
}

fn fit(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let kmeans = KMeansSettings::read(&member.settings)?;
    let clock = Instant::now();
    let mut rng = random::stream(member.seed, "k-means");
    let mut steps = 0;
    let mut follow = |progress: Progress| {
        // One call for each restart in each iteration; how many there will be is not known.
        steps += 1;
        let expected = kmeans.restarts as f64 * TYPICAL_ITERATIONS;
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: (f64::from(steps) / expected).min(0.95),
            detail: &format!(
                "restart {} of {}, iteration {}",
                progress.restart + 1,
                kmeans.restarts,
                progress.iteration
            ),
        });
        if context.is_interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let fitted = match kmeans.fit_with(&context.data.features, &mut rng, &mut follow) {
        Ok(fitted) => fitted,
        Err(cluster::Error::Interrupted) => return Ok(None),
        Err(error) => return Err(clustering(error)),
    };
    let training = clock.elapsed();
    let scores = evaluate_labels(&fitted.labels, context.data.classes())
        .map_err(|error| Error::Metrics(error.to_string()))?;
    let mut metrics: BTreeMap<String, f64> = reported(scores)
        .map(|(metric, value)| (metric.to_owned(), value))
        .collect();
    metrics.insert("inertia".to_owned(), fitted.inertia);
    // Fewer than asked for if the data has fewer distinct rows.
    metrics.insert("clusters_found".to_owned(), fitted.distinct as f64);
    Ok(Some(Finished {
        outcome: Outcome::Completed,
        metrics,
        curves: Curves::default(),
        weights: vec![("centres".to_owned(), fitted.centres)],
        training,
        evaluation: clock.elapsed().saturating_sub(training),
        resumed: 0,
        makers: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::Device;

    use super::*;
    use crate::nn::Precision;

    #[test]
    fn senseless_settings_are_named_before_anything_is_fitted() {
        let refused = |change: fn(&mut KMeansSettings)| {
            let mut settings = KMeansSettings::new(3);
            change(&mut settings);
            let error = KMeansBaseline.shape(&settings.to_value()).unwrap_err();
            error.to_string()
        };
        for (message, name) in [
            (refused(|s| s.clusters = 0), "clusters = 0"),
            (refused(|s| s.restarts = 0), "restarts = 0"),
            (refused(|s| s.max_iterations = 0), "max_iterations = 0"),
            (refused(|s| s.tolerance = -1.0), "tolerance = -1"),
            (
                refused(|s| s.tolerance = f64::NAN),
                "tolerance: must be a finite",
            ),
        ] {
            assert!(
                message.contains("k-means") && message.contains(name),
                "{message}"
            );
        }
    }

    #[test]
    fn more_clusters_than_rows_cannot_be_planned_for() {
        let trial = |rows| Trial {
            rows,
            dims: 2,
            models: 1,
            device: Device::Cpu,
            precision: Precision::Exact,
        };
        let settings = KMeansSettings::new(11).to_value();
        let error = KMeansBaseline.calibrate(&settings, &trial(10)).unwrap_err();
        assert!(
            error.to_string().contains("11 clusters of 10 rows"),
            "{error}"
        );
        assert!(KMeansBaseline.calibrate(&settings, &trial(11)).is_ok());
    }
}
