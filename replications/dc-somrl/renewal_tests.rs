//! Removal and insertion, against a loop over nodes and samples.

use super::*;

/// One model's part of a tensor as rows of numbers.
fn rows(part: &Tensor, model: i64) -> Vec<Vec<f64>> {
    let part = part.get(model).to_kind(Kind::Double);
    part.try_into().unwrap()
}

/// What a step has to do to the nodes of one model, one node and one sample at a time.
struct Expected {
    survives: Vec<bool>,
    /// Centres of new nodes, in the order in which they are wanted; as many as there are places.
    wanted: Vec<Vec<f64>>,
    /// Whether more were wanted.
    is_short: bool,
}

fn expected(
    map: &RelevanceMap,
    model: i64,
    z: &Tensor,
    response: &Response,
    ended: bool,
) -> Expected {
    let settings = map.settings;
    let places = settings.nodes as usize;
    let life: Vec<f64> = map.life.get(model).try_into().unwrap();
    let winners: Vec<i64> = response.winners.get(model).try_into().unwrap();
    let highest: Vec<f64> = response
        .highest
        .get(model)
        .squeeze_dim(-1)
        .try_into()
        .unwrap();
    let samples = rows(z, model);
    let is_high = |sample: usize| highest[sample] >= settings.threshold;
    let wins = |node: usize, above: bool| {
        let of_it = (0..samples.len()).filter(|&sample| winners[sample] == node as i64);
        of_it.filter(|&sample| !above || is_high(sample)).count()
    };
    let counted = |node: usize| life[node] + wins(node, false) as f64;
    let is_node = |node: usize| life[node] > 0.0;
    let most = (0..places).filter(|&node| is_node(node)).map(counted);
    let most = most.fold(0.0, f64::max);
    let survives = |node: usize| match settings.removal {
        Removal::Life => life[node] > settings.life_decay + DEAD || wins(node, true) > 0,
        Removal::Wins => {
            let least = 1.0 + settings.least_wins * PASS as f64;
            !ended || counted(node) >= least || counted(node) >= most
        }
    };
    let survives: Vec<bool> = (0..places)
        .map(|node| is_node(node) && survives(node))
        .collect();
    let free = survives.iter().filter(|&&survives| !survives).count();
    let mean = |of: &[usize]| -> Vec<f64> {
        let feature = |feature: usize| {
            of.iter()
                .map(|&sample| samples[sample][feature])
                .sum::<f64>()
        };
        (0..2).map(|one| feature(one) / of.len() as f64).collect()
    };
    let mut wanted = Vec::new();
    if settings.insertion == Insertion::FarthestFirst {
        let mut highest = highest.clone();
        if highest[0] <= FREE {
            let all: Vec<usize> = (0..samples.len()).collect();
            wanted.push(mean(&all));
        }
        loop {
            for (sample, highest) in samples.iter().zip(&mut highest) {
                for node in &wanted {
                    let squares = sample.iter().zip(node).map(|(a, b)| (a - b) * (a - b));
                    let activation = 2.0 / (2.0 + squares.sum::<f64>() + settings.epsilon);
                    *highest = highest.max(activation);
                }
            }
            let least = (0..samples.len()).min_by(|&a, &b| highest[a].total_cmp(&highest[b]));
            let least = least.unwrap();
            if highest[least] >= settings.threshold || wanted.len() > free {
                break;
            }
            wanted.push(samples[least].clone());
        }
    } else {
        let mut groups: Vec<(f64, Vec<f64>)> = Vec::new();
        for node in 0..places {
            let of_it = (0..samples.len()).filter(|&one| winners[one] == node as i64);
            let distant: Vec<usize> = of_it.filter(|&one| !is_high(one)).collect();
            if distant.is_empty() {
                continue;
            }
            let lowest = distant.iter().map(|&one| highest[one]);
            let order = match settings.insertion {
                Insertion::AsCoded => -(node as f64),
                _ => lowest.fold(2.0, f64::min),
            };
            groups.push((order, mean(&distant)));
        }
        groups.sort_by(|one, other| one.0.total_cmp(&other.0));
        wanted.extend(groups.into_iter().map(|(_, mean)| mean));
    }
    let is_short = wanted.len() > free;
    wanted.truncate(free);
    Expected {
        survives,
        wanted,
        is_short,
    }
}

/// Every survivor keeps its place and what it has learnt, every new node has a free place, a free place holds
/// nothing: step by step against a loop, for two models, on maps that are small enough to be full.
#[test]
fn no_place_is_lost_or_taken_twice_when_insertion_meets_removal() {
    const PLACES: i64 = 3;
    for insertion in [
        Insertion::Means,
        Insertion::AsCoded,
        Insertion::FarthestFirst,
    ] {
        for removal in [Removal::Life, Removal::Wins] {
            let settings = MapSettings {
                nodes: PLACES,
                threshold: 0.99,
                life_decay: 0.5,
                least_wins: 0.3,
                insertion,
                removal,
                ..settings()
            };
            let (mut born, mut died, mut short) = (0, 0, 0);
            let mut map = RelevanceMap::new(settings, 2, 2, Device::Cpu);
            let batches = wandering(61);
            for (number, (z, other)) in batches[1..].iter().zip(&batches).enumerate() {
                let z = Tensor::cat(&[z, other], 0);
                let ended = number % 3 == 2;
                let response = map.respond(&z);
                let reach = map.reach(&response, 0.01);
                let lived = [0, 1].map(|model| rows(&map.occupied().unsqueeze(-1), model));
                let expected = [0, 1].map(|model| expected(&map, model, &z, &response, ended));
                map.update(&z, &response, &reach);
                let updated = [&map.centres, &map.averages, &map.relevance]
                    .map(|part| [0, 1].map(|model| rows(part, model)));
                map.renew(&z, &response, ended.then_some(PASS));
                for (model, expected) in expected.iter().enumerate() {
                    let Expected {
                        survives,
                        wanted,
                        is_short,
                    } = expected;
                    let after = [&map.centres, &map.averages, &map.relevance]
                        .map(|part| rows(part, model as i64));
                    let life: Vec<f64> = map.life.get(model as i64).try_into().unwrap();
                    let mut wanted = wanted.iter();
                    for place in 0..PLACES as usize {
                        let here = [0, 1, 2].map(|part| after[part][place].clone());
                        if survives[place] {
                            let kept = [0, 1, 2].map(|part| updated[part][model][place].clone());
                            assert_eq!(here, kept);
                            assert!(life[place] > 0.0);
                            continue;
                        }
                        died += usize::from(lived[model][place][0] > 0.0);
                        assert_eq!(here[1..], [vec![0.0; 2], vec![1.0; 2]]);
                        if let Some(node) = wanted.next() {
                            born += 1;
                            close(here[0][0], node[0]);
                            close(here[0][1], node[1]);
                            assert_eq!(life[place], 1.0);
                        } else {
                            assert_eq!((life[place], &here[0]), (0.0, &vec![0.0; 2]));
                        }
                    }
                    assert_eq!(wanted.next(), None);
                    short += usize::from(*is_short);
                }
            }
            let seen = (born, died, short);
            assert!(born > 20 && died > 20 && short > 5, "{settings:?} {seen:?}");
        }
    }
}

#[test]
fn a_map_that_counts_wins_keeps_its_last_node() {
    let settings = MapSettings {
        removal: Removal::Wins,
        least_wins: 0.5,
        ..settings()
    };
    let mut map = map(settings, &[0.2, 0.2, 0.8, 0.8], &[1.0; 4]);
    let z = tensor(&[0.2, 0.2, 0.8, 0.8, 0.8, 0.8], &[1, 3, 2]);
    for (ended, lives) in [(None, [2.0, 3.0]), (Some(100), [0.0, 1.0])] {
        let response = map.respond(&z);
        map.renew(&z, &response, ended);
        let found: Vec<f64> = map.life.get(0).try_into().unwrap();
        assert_eq!(found[..2], lives);
        assert_eq!(
            living(&map),
            lives.iter().filter(|&&life| life > 0.0).count() as i64
        );
    }
}
