#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;
use crate::random;

#[path = "renewal_tests.rs"]
mod renewal;

fn settings() -> MapSettings {
    MapSettings {
        nodes: 6,
        threshold: 0.9,
        rate: 0.25,
        smoothing: 0.4,
        slope: 0.5,
        life_decay: 0.3,
        epsilon: 1e-3,
        distance: Distance::PerDimension,
        measure: Measure::Squared,
        neighbours: Neighbours::Activation,
        neighbour_rate: 1.0,
        width_start: 0.1,
        width_end: 0.001,
        insertion: Insertion::Means,
        winners: Winners::Own,
        removal: Removal::Life,
        least_wins: 0.003,
    }
}

fn tensor(values: &[f32], shape: &[i64]) -> Tensor {
    Tensor::from_slice(values).view(shape)
}

/// A map with these nodes, `[nodes, features]` each; the remaining places are free.
fn map(settings: MapSettings, centres: &[f32], relevance: &[f32]) -> RelevanceMap {
    let features = 2;
    let count = centres.len() as i64 / features;
    let map = RelevanceMap::new(settings, 1, features, Device::Cpu);
    let into = |part: &Tensor, values: &[f32]| {
        part.get(0)
            .narrow(0, 0, count)
            .copy_(&tensor(values, &[count, features]));
    };
    into(&map.centres, centres);
    into(&map.relevance, relevance);
    let _ = map.life.narrow(1, 0, count).fill_(1.0);
    map
}

/// Codes in (0, 1) that do not come in order.
fn codes(models: i64, batch: i64, features: i64) -> Tensor {
    random::uniform(11, &[models, batch, features])
}

/// A whole step of the map, amid a pass.
fn learn(map: &mut RelevanceMap, z: &Tensor, response: &Response, reach: &Tensor) {
    map.update(z, response, reach);
    map.renew(z, response, None);
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn activations_are_those_computed_by_hand() {
    let z = tensor(&[0.5, 0.2], &[1, 1, 2]);
    let (centres, relevance) = ([0.1, 0.2, 0.5, 0.6], [0.5, 1.0, 1.0, 0.25]);
    let per_dimension = map(settings(), &centres, &relevance).activations(&z);
    // D = 0.5 * 0.16 = 0.08, S = 1.5; D = 0.25 * 0.16 = 0.04, S = 1.25.
    close(per_dimension.double_value(&[0, 0, 0]), 1.5 / 1.581);
    close(per_dimension.double_value(&[0, 0, 1]), 1.25 / 1.291);
    // Free places cannot win.
    assert_eq!(per_dimension.double_value(&[0, 0, 2]), -1.0);
    let coded = MapSettings {
        distance: Distance::AsCoded,
        ..settings()
    };
    let as_coded = map(coded, &centres, &relevance).activations(&z);
    // D = 0.16 * 0.75; D = 0.16 * 0.625: the same for both but for epsilon.
    close(
        as_coded.double_value(&[0, 0, 0]),
        1.5 / (1.5 + 0.12 + 0.001),
    );
    close(
        as_coded.double_value(&[0, 0, 1]),
        1.25 / (1.25 + 0.1 + 0.001),
    );
    let rooted = MapSettings {
        measure: Measure::Root,
        ..settings()
    };
    let rooted = map(rooted, &centres, &relevance).activations(&z);
    // The roots of 0.08 and 0.04.
    let of_root = 1.5 / (1.501 + 0.08_f64.sqrt());
    close(rooted.double_value(&[0, 0, 0]), of_root);
    close(rooted.double_value(&[0, 0, 1]), 1.25 / (1.251 + 0.2));
    assert_eq!(rooted.double_value(&[0, 0, 2]), -1.0);
}

#[test]
fn nodes_that_are_reached_without_winning_have_a_rate_of_their_own() {
    let z = tensor(&[0.5, 0.52], &[1, 1, 2]);
    let moved = |neighbour_rate: f64| {
        let settings = MapSettings {
            neighbour_rate,
            ..settings()
        };
        let mut map = map(settings, &[0.5, 0.5, 0.5, 0.6], &[1.0; 4]);
        let response = map.respond(&z);
        let reach = map.reach(&response, 1.0);
        learn(&mut map, &z, &response, &reach);
        let node = |node: i64| map.centres.double_value(&[0, node, 1]);
        (node(0), 0.6 - node(1))
    };
    let (whole, half, none) = (moved(1.0), moved(0.5), moved(0.0));
    close(whole.0, 0.505);
    assert_eq!([whole.0, half.0], [none.0, none.0]);
    // exp(-(a_winner - a_j)) is nearly 1.
    assert!(whole.1 > 0.019 && whole.1 < 0.02, "{}", whole.1);
    close(half.1, whole.1 / 2.0);
    close(none.1, 0.0);
}

#[test]
fn a_step_is_the_one_computed_by_hand() {
    let still = MapSettings {
        neighbours: Neighbours::None,
        ..settings()
    };
    let mut map = map(still, &[0.2, 0.2, 0.8, 0.8], &[1.0; 4]);
    // Both near node 0; their mean is (0.3, 0.25).
    let z = tensor(&[0.3, 0.2, 0.3, 0.3], &[1, 2, 2]);
    let response = map.respond(&z);
    let reach = map.reach(&response, 0.1);
    learn(&mut map, &z, &response, &reach);
    // c + 0.25 (mean - c); d = 0.25 * 0.4 * |mean - c|.
    close(map.centres.double_value(&[0, 0, 0]), 0.225);
    close(map.centres.double_value(&[0, 0, 1]), 0.2125);
    close(map.averages.double_value(&[0, 0, 0]), 0.01);
    close(map.averages.double_value(&[0, 0, 1]), 0.005);
    // (d - mean d) / (s (max - min)) = +-0.0025 / (0.5 * 0.005) = +-1.
    let logistic = |x: f64| 1.0 / (1.0 + x.exp());
    close(map.relevance.double_value(&[0, 0, 0]), logistic(1.0));
    close(map.relevance.double_value(&[0, 0, 1]), logistic(-1.0));
    // The other one only ages.
    close(map.centres.double_value(&[0, 1, 0]), 0.8);
    assert_eq!(map.relevance.double_value(&[0, 1, 0]), 1.0);
    close(map.life.double_value(&[0, 0]), 1.0);
    close(map.life.double_value(&[0, 1]), 0.7);
}

#[test]
fn neighbours_above_the_threshold_follow_by_their_activation_or_rank() {
    let centres = [0.5, 0.5, 0.5, 0.6, 0.9, 0.1];
    let z = tensor(&[0.5, 0.52], &[1, 1, 2]);
    let a = |d: f64| 2.0 / (2.0 + d + 1e-3);
    let (first, second) = (a(0.0004), a(0.0064));
    for (neighbours, width, share) in [
        (
            Neighbours::Activation,
            0.01,
            ((second - first) / 0.01).exp(),
        ),
        (Neighbours::Rank, 0.7, (-1.0_f64 / 0.7).exp()),
        (Neighbours::None, 0.7, 0.0),
    ] {
        let settings = MapSettings {
            neighbours,
            ..settings()
        };
        let mut map = map(settings, &centres, &[1.0; 6]);
        let response = map.respond(&z);
        let reach = map.reach(&response, width);
        close(reach.double_value(&[0, 0, 0]), 1.0);
        assert!((reach.double_value(&[0, 0, 1]) - share).abs() < 1e-4);
        // Node 2 is below the threshold, 3 to 5 are free.
        for node in 2..6 {
            assert_eq!(reach.double_value(&[0, 0, node]), 0.0);
        }
        let share = reach.double_value(&[0, 0, 1]);
        learn(&mut map, &z, &response, &reach);
        close(
            map.centres.double_value(&[0, 1, 1]),
            0.6 - 0.25 * share * 0.08,
        );
        close(map.centres.double_value(&[0, 2, 0]), 0.9);
    }
}

#[test]
fn an_empty_map_begins_with_one_node_and_grows_to_its_limit() {
    for insertion in [Insertion::Means, Insertion::AsCoded] {
        let mut map = RelevanceMap::new(
            MapSettings {
                threshold: 0.995,
                life_decay: 0.0,
                insertion,
                ..settings()
            },
            1,
            2,
            Device::Cpu,
        );
        let z = codes(1, 40, 2);
        let mut counts = Vec::new();
        for step in 0..8 {
            let response = map.respond(&z);
            let reach = map.reach(&response, 0.01);
            learn(&mut map, &z, &response, &reach);
            counts.push(map.occupied().sum(Kind::Int64).int64_value(&[]));
            if step == 0 {
                let mean = z.get(0).mean_dim([0].as_slice(), false, Kind::Float);
                assert!(map.centres.get(0).get(0).allclose(&mean, 1e-5, 1e-6, false));
            }
        }
        assert_eq!(counts[0], 1);
        assert!(
            counts
                .windows(2)
                .all(|pair| pair[0] <= pair[1] && pair[1] <= 2 * pair[0])
        );
        assert_eq!(counts[7], 6, "{counts:?}");
    }
}

/// Nodes as rows of numbers, in an order of their own.
fn nodes(map: &RelevanceMap) -> Vec<Vec<i64>> {
    let parts = [
        map.centres.get(0),
        map.relevance.get(0),
        map.averages.get(0),
        map.life.get(0).unsqueeze(1),
    ];
    let rows: Vec<Vec<f64>> = Tensor::cat(&parts, 1)
        .to_kind(Kind::Double)
        .try_into()
        .unwrap();
    // To five digits: sums in another order differ in the last bits.
    let round = |row: Vec<f64>| row.into_iter().map(|x| (x * 1e5).round() as i64).collect();
    let mut rows: Vec<Vec<i64>> = rows.into_iter().map(round).collect();
    rows.sort_unstable();
    rows
}

fn alike(one: &[Vec<i64>], other: &[Vec<i64>]) {
    assert_eq!(one.len(), other.len());
    for (a, b) in one.iter().flatten().zip(other.iter().flatten()) {
        assert!((a - b).abs() <= 2, "{one:?}\n{other:?}");
    }
}

/// Rows of a pass of [`trained`]: three batches of twelve.
const PASS: i64 = 36;

fn step(map: &mut RelevanceMap, z: &Tensor, number: i64, width: f64) {
    let response = map.respond(z);
    let reach = map.reach(&response, width);
    map.update(z, &response, &reach);
    map.renew(z, &response, (number % 3 == 2).then_some(PASS));
}

fn trained(settings: MapSettings, batches: &[Tensor]) -> RelevanceMap {
    let mut map = RelevanceMap::new(settings, 1, 2, Device::Cpu);
    for (number, z) in (0..).zip(batches) {
        let width = settings.width(number as u64, batches.len() as u64);
        step(&mut map, z, number, width);
    }
    map
}

/// Batches that wander, so that nodes die and others are born.
fn wandering(steps: i64) -> Vec<Tensor> {
    let step = |step: i64| {
        let around = random::uniform(step as u64, &[1, 1, 2]) * 0.7;
        let spread = if step % 3 == 0 { 0.3 } else { 0.05 };
        around + random::uniform(100 + step as u64, &[1, 12, 2]) * spread
    };
    (0..steps).map(step).collect()
}

/// Every reading of the map, with thresholds that many samples miss.
fn readings() -> Vec<MapSettings> {
    let mut all = Vec::new();
    for distance in [Distance::PerDimension, Distance::AsCoded] {
        for (measure, threshold) in [(Measure::Squared, 0.99), (Measure::Root, 0.93)] {
            for neighbours in [Neighbours::Activation, Neighbours::Rank, Neighbours::None] {
                for insertion in [
                    Insertion::Means,
                    Insertion::AsCoded,
                    Insertion::FarthestFirst,
                ] {
                    for (winners, removal) in [
                        (Winners::Own, Removal::Life),
                        (Winners::Reached, Removal::Life),
                        (Winners::Own, Removal::Wins),
                    ] {
                        let settings = MapSettings {
                            distance,
                            measure,
                            threshold,
                            insertion,
                            winners,
                            removal,
                            least_wins: 0.1,
                            ..settings()
                        };
                        all.push(settings.with_neighbours(neighbours));
                    }
                }
            }
        }
    }
    all
}

fn living(map: &RelevanceMap) -> i64 {
    map.occupied().sum(Kind::Int64).int64_value(&[])
}

/// Whether nodes are removed for whom no other one comes at once.
fn falls(counts: &[i64]) -> bool {
    counts.windows(2).any(|pair| pair[1] < pair[0])
}

#[test]
fn the_order_of_samples_in_a_batch_does_not_matter() {
    let batches = wandering(9);
    let order = Tensor::from_slice(&[5_i64, 0, 11, 3, 8, 1, 10, 2, 7, 4, 9, 6]);
    let shuffled: Vec<Tensor> = batches.iter().map(|z| z.index_select(1, &order)).collect();
    let (mut all, mut falling) = (0, 0);
    for settings in readings() {
        let counts = (1..=batches.len()).map(|steps| living(&trained(settings, &batches[..steps])));
        let counts: Vec<i64> = counts.collect();
        assert!(counts.iter().any(|&count| count >= 4), "{counts:?}");
        (all, falling) = (all + 1, falling + i32::from(falls(&counts)));
        let expected = nodes(&trained(settings, &batches));
        let found = nodes(&trained(settings, &shuffled));
        alike(&expected, &found);
    }
    assert!(falling > all / 3, "{falling} of {all}");
}

/// But for the insertion of the authors' code, which goes by the nodes' numbers.
#[test]
fn the_order_of_nodes_does_not_matter() {
    let batches = wandering(12);
    let (begin, rest) = batches.split_at(6);
    let order = Tensor::from_slice(&[4_i64, 2, 5, 0, 3, 1]);
    let (mut all, mut falling) = (0, 0);
    let symmetric = readings().into_iter();
    for settings in symmetric.filter(|one| one.insertion != Insertion::AsCoded) {
        let mut one = trained(settings, begin);
        let mut other = trained(settings, begin);
        for part in [
            &mut other.centres,
            &mut other.relevance,
            &mut other.averages,
            &mut other.life,
        ] {
            *part = part.index_select(1, &order);
        }
        let mut counts = Vec::new();
        for (number, z) in (0..).zip(rest) {
            for map in [&mut one, &mut other] {
                step(map, z, number, 0.01);
            }
            counts.push(living(&one));
        }
        assert!(counts.iter().any(|&count| count >= 4), "{counts:?}");
        (all, falling) = (all + 1, falling + i32::from(falls(&counts)));
        alike(&nodes(&one), &nodes(&other));
    }
    assert!(falling > all / 3, "{falling} of {all}");
}

#[test]
fn winners_can_move_towards_all_samples_that_reach_them() {
    let z = tensor(&[0.5, 0.52, 0.5, 0.58], &[1, 2, 2]);
    let moved = |winners: Winners| {
        let settings = MapSettings {
            winners,
            neighbours: Neighbours::Rank,
            ..settings()
        };
        let mut map = map(settings, &[0.5, 0.5, 0.5, 0.6], &[1.0; 4]);
        let response = map.respond(&z);
        let reach = map.reach(&response, 1.0 / 2.0_f64.ln());
        learn(&mut map, &z, &response, &reach);
        map.centres.double_value(&[0, 0, 1])
    };
    close(moved(Winners::Own), 0.5 + 0.25 * 0.02);
    // The second sample, won by the other node, counts half: (0.52 + 0.58 / 2) / 1.5 is 0.54.
    close(moved(Winners::Reached), 0.5 + 0.25 * 0.04);
}

#[test]
fn gradients_of_the_loss_agree_with_autograd() {
    for distance in [Distance::PerDimension, Distance::AsCoded] {
        let settings = MapSettings {
            distance,
            threshold: 0.95,
            ..settings()
        };
        let map = trained(settings, &wandering(6));
        let z = codes(1, 20, 2).set_requires_grad(true);
        let response = map.respond(&z.detach());
        let reach = map.reach(&response, 0.05);
        let samples = response.high.sum(Kind::Float);
        assert!(samples.double_value(&[]) > 3.0, "{samples:?}");
        let (loss, gradient) = map.loss(&z.detach(), &response, &reach);
        let squares = (z.unsqueeze(2) - map.centres.unsqueeze(1)).square();
        let weighted =
            (squares * map.relevance.unsqueeze(1)).sum_dim_intlist(-1, false, Kind::Float);
        let expected = (&weighted * &reach).sum(Kind::Float) / samples;
        let found = Tensor::run_backward(&[&expected], &[&z], true, false);
        close(loss.double_value(&[0]), expected.double_value(&[]));
        assert!(gradient.allclose(&found[0], 1e-5, 1e-7, false));

        let (loss, gradient) = map.loss_of_norms(&z.detach(), &response, &reach);
        let samples = response.high.sum(Kind::Float);
        let expected = (weighted.sqrt() * &reach).sum(Kind::Float) / samples;
        let found = Tensor::run_backward(&[&expected], &[&z], true, false);
        close(loss.double_value(&[0]), expected.double_value(&[]));
        assert!(gradient.allclose(&found[0], 1e-5, 1e-7, false));

        let (loss, gradient) = map.loss_of_means(&z.detach(), &response);
        let trained = &response.won * &response.high;
        let counts = trained.sum_dim_intlist(1, false, Kind::Float);
        let means = trained.transpose(1, 2).matmul(&z) / counts.clamp_min(1.0).unsqueeze(-1);
        let winning = counts.gt(0.0).to_kind(Kind::Float).unsqueeze(-1);
        let terms = (means - &map.centres).square() * &map.relevance * winning;
        let expected = terms.sum(Kind::Float);
        let found = Tensor::run_backward(&[&expected], &[&z], false, false);
        close(loss.double_value(&[0]), expected.double_value(&[]));
        assert!(gradient.allclose(&found[0], 1e-5, 1e-7, false));
    }
}

/// On a centre the distance has no direction: no NaN comes of it.
#[test]
fn a_sample_on_a_centre_has_no_gradient() {
    let map = map(settings(), &[0.5, 0.5], &[1.0, 1.0]);
    let z = tensor(&[0.5, 0.5, 0.5, 0.6], &[1, 2, 2]);
    let response = map.respond(&z);
    let reach = response.reach_of_winners();
    let (loss, gradient) = map.loss_of_norms(&z, &response, &reach);
    close(loss.double_value(&[0]), 0.05);
    let gradient: Vec<f32> = gradient.view([-1]).try_into().unwrap();
    assert_eq!(gradient[..3], [0.0, 0.0, 0.0]);
    close(f64::from(gradient[3]), 0.5);
}

/// At its usual widths a neighbourhood by rank reaches beyond the winner at first, and no longer at the end.
#[test]
fn a_neighbourhood_by_rank_has_widths_of_its_own() {
    let ranked = settings().with_neighbours(Neighbours::Rank);
    let map = map(ranked, &[0.5, 0.5, 0.5, 0.6, 0.6, 0.6], &[1.0; 6]);
    let response = map.respond(&tensor(&[0.5, 0.52], &[1, 1, 2]));
    let shares = |iteration: u64| {
        let reach = map.reach(&response, ranked.width(iteration, 100));
        [1, 2].map(|node| reach.double_value(&[0, 0, node]))
    };
    let [second, third] = shares(0);
    close(second, (-0.5_f64).exp());
    close(third, (-1.0_f64).exp());
    assert!(shares(99)[0] < 1e-4);
}

#[test]
fn the_models_of_a_cohort_do_not_touch_each_other() {
    let batches = wandering(8);
    let others = wandering(9);
    let mut both = RelevanceMap::new(settings(), 2, 2, Device::Cpu);
    for (step, z) in batches.iter().enumerate() {
        let z = Tensor::cat(&[&others[step + 1], z], 0);
        let response = both.respond(&z);
        let reach = both.reach(&response, settings().width(step as u64, 8));
        both.update(&z, &response, &reach);
        both.renew(&z, &response, (step % 3 == 2).then_some(PASS));
    }
    let alone = trained(settings(), &batches);
    for ((name, both), (_, alone)) in both.parts().into_iter().zip(alone.parts()) {
        assert!(
            both.get(1).allclose(&alone.get(0), 1e-5, 1e-6, false),
            "{name}"
        );
    }
}

#[test]
fn the_width_falls_exponentially() {
    let settings = settings();
    close(settings.width(0, 101), 0.1);
    close(settings.width(50, 101), 0.01);
    close(settings.width(100, 101), 0.001);
    close(settings.width(0, 1), 0.1);
}
