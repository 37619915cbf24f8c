//! DESOM with the paper's settings on MNIST itself, where a mirror is at hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use replicate::data::{self, Access};
use replicate::device;
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::train::Trainable;
use tch::{Device, Tensor};

/// `REPLICATE_TEST_MIRROR`, or the folder beside the checkout.
fn mirror() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datasets");
    let folder = std::env::var_os("REPLICATE_TEST_MIRROR").map_or_else(beside, PathBuf::from);
    folder.join("mnist").is_dir().then_some(folder)
}

#[test]
fn the_first_steps_on_mnist_are_those_of_the_paper() {
    let Some(mirror) = mirror() else {
        eprintln!("skipped: no folder with mnist; name one with REPLICATE_TEST_MIRROR");
        return;
    };
    device::prepare();
    let cache = tempfile::tempdir().unwrap();
    let access = Access {
        cache: cache.path().to_owned(),
        mirror: Some(mirror.to_str().unwrap().to_owned()),
        offline: true,
    };
    let mnist = data::load("mnist", &access, &data::Silent).unwrap();
    assert_eq!((mnist.rows, mnist.dims), (70_000, 784));
    let features = Tensor::from_slice(&mnist.features).view([70_000, 784]);
    let settings = Settings::paper();
    let mut model = DesomCohort::new(
        &settings,
        &[(0.001, Seed(0))],
        &features,
        Device::Cpu,
        Precision::Exact,
    )
    .unwrap();
    let mut losses = Vec::new();
    // The batch before last of a pass, the last one with its 112 rows, and the first of the next.
    for iteration in (0..12).chain(272..275) {
        model.step(iteration).unwrap();
        losses.push(model.losses()[0].1[0]);
    }
    // Untrained, the output is nearly 0, so the loss is the mean square of the pixels: 0.1003 over
    // all of MNIST. It falls from there.
    assert!((losses[0] - 0.1).abs() < 0.02, "{losses:?}");
    assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
    assert!(losses.iter().all(|loss| loss.is_finite()));
}
