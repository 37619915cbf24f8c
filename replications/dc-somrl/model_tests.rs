#![allow(clippy::unwrap_used)]

use super::super::map_settings::{Distance, MapSettings, Removal};
use super::*;

fn settings() -> Settings {
    Settings {
        hidden: vec![14, 12],
        latent: 3,
        batch: 8,
        iterations: 30,
        alpha: 0.7,
        map: MapSettings {
            nodes: 7,
            threshold: 0.97,
            distance: Distance::PerDimension,
            ..Settings::paper().map
        },
        training_rows: Some(28),
        ..Settings::paper()
    }
}

fn data() -> Tensor {
    random::uniform(2, &[36, 10])
}

/// A part of the only model's, out of a buffer laid out as its parameters are.
fn part(buffer: &Tensor, model: &DcSomrlCohort, name: &str) -> Tensor {
    let like = Parameters::zeros(model.parameters.layout().clone(), 1, Device::Cpu);
    let mut values = like.values.shallow_clone();
    values.copy_(buffer);
    let mut weights = state::weights(&like, 0).into_iter();
    weights.find(|(known, _)| known == name).unwrap().1
}

fn run(model: &mut DcSomrlCohort, from: u64, to: u64) {
    (from..to).for_each(|step| model.step(step).unwrap());
}

/// Gradients, read off Adam's first moment, against autograd on the whole loss.
#[test]
fn a_step_is_that_of_autograd() {
    for reconstruction in [Reconstruction::Mean, Reconstruction::Norm] {
        for map_loss in [
            MapLoss::Samples,
            MapLoss::Norm,
            MapLoss::Winners,
            MapLoss::Means,
        ] {
            let settings = Settings {
                reconstruction,
                map_loss,
                ..settings()
            };
            let mut model = DcSomrlCohort::new(&settings, &[Seed(3)], &data());
            // Some nodes first.
            run(&mut model, 0, 5);
            let reference = DcSomrlCohort::new(&settings, &[Seed(3)], &data());
            let mut values = reference.parameters.values.shallow_clone();
            values.copy_(&model.parameters.values);
            let x = model.batch(5);
            let leaves: Vec<(String, Tensor)> = state::weights(&reference.parameters, 0)
                .into_iter()
                .map(|(name, part)| (name, part.copy().set_requires_grad(true)))
                .collect();
            let leaf = |name: &str| &leaves.iter().find(|(known, _)| known == name).unwrap().1;
            let half = |name: &str, mut input: Tensor| {
                for layer in 0..3 {
                    let weight = leaf(&format!("{name}.{layer}.weight"));
                    let bias = leaf(&format!("{name}.{layer}.bias"));
                    input = input.matmul(weight) + bias;
                    if layer < 2 {
                        input = input.relu();
                    }
                }
                input
            };
            let z = half("encoder", x.shallow_clone()).sigmoid();
            let output = half("decoder", z.shallow_clone());
            let error = match reconstruction {
                Reconstruction::Mean => (output - &x).square().mean(Kind::Float),
                Reconstruction::Norm => (output - &x)
                    .square()
                    .sum_dim_intlist(-1, false, Kind::Float)
                    .sqrt()
                    .mean(Kind::Float),
            };
            let cohort = z.unsqueeze(0);
            let response = model.map.respond(&cohort.detach());
            let reach = model.map.reach(&response, settings.map.width(5, 30));
            let weight = match map_loss {
                MapLoss::Samples => model.map.loss(&cohort.detach(), &response, &reach).1,
                MapLoss::Norm => {
                    model
                        .map
                        .loss_of_norms(&cohort.detach(), &response, &reach)
                        .1
                }
                MapLoss::Winners => {
                    let winners = response.reach_of_winners();
                    model.map.loss(&cohort.detach(), &response, &winners).1
                }
                MapLoss::Means => {
                    let mut moved = RelevanceMap::new(settings.map, 1, 3, Device::Cpu);
                    (moved.centres, moved.relevance) =
                        (model.map.centres.copy(), model.map.relevance.copy());
                    (moved.averages, moved.life) =
                        (model.map.averages.copy(), model.map.life.copy());
                    moved.update(&cohort.detach(), &response, &reach);
                    moved.loss_of_means(&cohort.detach(), &response).1
                }
            };
            let pulled = weight.abs().max().double_value(&[]) > 0.0;
            assert!(pulled, "no sample reaches the threshold");
            let loss = error + (cohort * weight).sum(Kind::Float) * settings.alpha;
            let all: Vec<&Tensor> = leaves.iter().map(|(_, leaf)| leaf).collect();
            let gradients = Tensor::run_backward(&[loss], &all, false, false);
            // Adam's first moment is 0.9 m + 0.1 g.
            let before = model.adam.first.copy();
            model.step(5).unwrap();
            let g = (&model.adam.first - before * 0.9) / 0.1;
            for ((name, _), expected) in model.parameters.layout().slots().zip(&gradients) {
                let found = part(&g, &model, name);
                assert!(
                    found.allclose(expected, 1e-3, 2e-6, false),
                    "{reconstruction:?} {map_loss:?} {name}"
                );
            }
        }
    }
}

#[test]
fn a_restored_model_goes_on_to_the_same_bits() {
    for settings in [settings(), counting(0.2)] {
        let fresh = || DcSomrlCohort::new(&settings, &[Seed(1)], &data());
        let mut whole = fresh();
        run(&mut whole, 0, 30);
        for cut in [1, 9, 22] {
            let mut first = fresh();
            run(&mut first, 0, cut);
            let stored: Named = first.state(0).into_iter().collect();
            let mut second = fresh();
            second.restore(0, cut, &stored).unwrap();
            run(&mut second, cut, 30);
            assert_eq!(second.parameters.values, whole.parameters.values, "{cut}");
            for ((name, ours), (_, theirs)) in second.map.parts().into_iter().zip(whole.map.parts())
            {
                assert_eq!(ours, theirs, "{name} {cut}");
            }
        }
    }
    let fresh = || DcSomrlCohort::new(&settings(), &[Seed(1)], &data());
    let whole = fresh();
    let mut other = fresh();
    let mut stored: Named = whole.state(0).into_iter().collect();
    stored.remove("som.life");
    assert_eq!(
        other.restore(0, 30, &stored).unwrap_err(),
        "som.life is missing"
    );
}

#[test]
fn a_shuffled_pass_has_every_row_once_in_an_order_of_its_own() {
    let shuffled = Settings {
        batch_order: BatchOrder::Shuffled,
        ..settings()
    };
    let pass = |model: &mut DcSomrlCohort, pass: u64| -> Vec<f32> {
        // 28 rows in batches of 8, by their first feature.
        let batches = (4 * pass..4 * pass + 4).map(|step| model.batch(step).select(1, 0));
        Vec::try_from(Tensor::cat(&batches.collect::<Vec<_>>(), 0)).unwrap()
    };
    let of = |settings: &Settings, seed| {
        let mut model = DcSomrlCohort::new(settings, &[Seed(seed)], &data());
        [pass(&mut model, 0), pass(&mut model, 1)]
    };
    let [file, again] = of(&settings(), 0);
    assert_eq!(file, again);
    let [first, second] = of(&shuffled, 0);
    let [other, _] = of(&shuffled, 1);
    assert!(first != file && first != second && first != other);
    for mut order in [first, second, other] {
        let mut rows = file.clone();
        order.sort_by(f32::total_cmp);
        rows.sort_by(f32::total_cmp);
        assert_eq!(order, rows);
    }
    // A resumed run sees the rows that are left of its pass.
    let mut whole = DcSomrlCohort::new(&shuffled, &[Seed(1)], &data());
    run(&mut whole, 0, 10);
    let mut first = DcSomrlCohort::new(&shuffled, &[Seed(1)], &data());
    run(&mut first, 0, 6);
    let stored: Named = first.state(0).into_iter().collect();
    let mut second = DcSomrlCohort::new(&shuffled, &[Seed(1)], &data());
    second.restore(0, 6, &stored).unwrap();
    run(&mut second, 6, 10);
    assert_eq!(second.parameters.values, whole.parameters.values);
}

#[test]
fn a_cohort_trains_each_as_alone() {
    let seeds = [Seed(1), Seed(2), Seed(3)];
    let mut together = DcSomrlCohort::new(&settings(), &seeds, &data());
    run(&mut together, 0, 12);
    for (model, seed) in (0..).zip(seeds) {
        let mut alone = DcSomrlCohort::new(&settings(), &[seed], &data());
        run(&mut alone, 0, 12);
        let (ours, theirs) = (together.encode(model, &data()), alone.encode(0, &data()));
        assert!(ours.allclose(&theirs, 1e-4, 1e-5, false), "{seed}");
        let (ours, theirs) = (together.map.centres.get(model), alone.map.centres.get(0));
        assert!(ours.allclose(&theirs, 1e-4, 1e-5, false), "{seed}");
    }
}

#[test]
fn rows_that_are_held_out_are_not_seen() {
    let mut model = DcSomrlCohort::new(&settings(), &[Seed(1)], &data());
    let less = data().narrow(0, 0, 28);
    let mut other = DcSomrlCohort::new(&settings(), &[Seed(1)], &less);
    run(&mut model, 0, 8);
    run(&mut other, 0, 8);
    assert_eq!(model.parameters.values, other.parameters.values);
}

/// What the network sees is standardised, what comes out of it is not: a model of standardised pixels trains as one
/// of pixels that are standardised before, and gives the same reconstructions in the pixels' own units.
#[test]
fn standardised_pixels_train_and_decode_in_their_own_units() {
    let settings = Settings {
        pixels: Pixels::Standardised,
        ..settings()
    };
    let unit = Settings {
        pixels: Pixels::Unit,
        ..settings.clone()
    };
    let mut ours = DcSomrlCohort::new(&settings, &[Seed(1)], &data());
    let (mean, deviation) = ours.scale.unwrap();
    let trained_on = data().narrow(0, 0, 28);
    assert!((mean - trained_on.mean(Kind::Double).double_value(&[])).abs() < 1e-7);
    assert!((deviation - trained_on.std(false).double_value(&[])).abs() < 1e-6);
    let before = (data() - mean) / deviation;
    let mut other = DcSomrlCohort::new(&unit, &[Seed(1)], &before);
    run(&mut ours, 0, 12);
    run(&mut other, 0, 12);
    assert_eq!(ours.parameters.values, other.parameters.values);
    let codes = ours.encode(0, &data());
    assert_eq!(codes, other.encode(0, &before));
    let decoded = other.decode(0, &codes) * deviation + mean;
    assert_eq!(ours.decode(0, &codes), decoded);
    assert_ne!(decoded, other.decode(0, &codes));
}

/// Settings of a map that counts wins, by which a node is removed that has not won this part of a pass's rows.
fn counting(least_wins: f64) -> Settings {
    Settings {
        map: MapSettings {
            removal: Removal::Wins,
            least_wins,
            // Untrained codes are close to each other.
            threshold: 0.9999,
            epsilon: 1e-7,
            ..settings().map
        },
        ..settings()
    }
}

/// Wins are counted over whole passes: 28 rows in batches of 8 are four steps.
#[test]
fn nodes_are_removed_by_their_wins_when_a_pass_ends() {
    let lives = |model: &DcSomrlCohort| -> Vec<f64> { model.map.life.get(0).try_into().unwrap() };
    let trained = |least_wins: f64, steps: u64| {
        let mut model = DcSomrlCohort::new(&counting(least_wins), &[Seed(1)], &data());
        run(&mut model, 0, steps);
        model
    };
    let nodes = |model: &DcSomrlCohort| lives(model).iter().filter(|&&life| life > 0.0).count();
    let amid = lives(&trained(1.0, 3));
    let most = amid.iter().copied().fold(0.0, f64::max);
    assert!(most > 2.0 && amid.iter().filter(|&&life| life > 0.0).count() > 2);
    // Whatever they have won, or none but the one that has won most: no node has won all rows.
    let (all, few) = (trained(0.0, 4), trained(1.0, 4));
    let (kept, left) = (nodes(&all), nodes(&few));
    assert!(1 <= left && left < kept, "{left} {kept}");
    // Counting begins anew.
    for model in [all, few] {
        let lives = lives(&model);
        assert!(lives.iter().all(|&life| life <= 1.0), "{lives:?}");
    }
}
