#![allow(clippy::unwrap_used)]

use super::*;
use crate::nn::{Autoencoder, Layout, Network, Precision, Step};
use crate::random::{Seed, stream, uniform};
use tch::{Device, Kind};

fn initialised(network: &Network, layout: Layout, models: i64) -> Parameters {
    let parameters = Parameters::zeros(layout, models, Device::Cpu);
    for model in 0..models {
        let mut weights = stream(Seed(model as u64), "weights");
        network.initialise(&parameters, model, &mut weights);
    }
    parameters
}

fn build(graph: impl FnOnce(&mut Layout) -> Graph) -> (Network, Parameters) {
    let mut layout = Layout::default();
    let network = Network::Graph(graph(&mut layout));
    let parameters = initialised(&network, layout, 1);
    (network, parameters)
}

fn rows(count: i64, dims: i64) -> Tensor {
    uniform(5, &[count, dims])
}

/// The gradient of `mean((y - x)^2) + 0.01 sum(code)` of all models, by a training step.
fn gradients(network: &Network, parameters: &Parameters, x: &Tensor, latent: i64) -> Tensor {
    let ours = parameters.values.zeros_like();
    let mut update = |segment: Segment, gradient: &Tensor| {
        let range = parameters.range(segment);
        ours.narrow(0, range.start, range.end - range.start)
            .copy_(gradient);
        Ok(())
    };
    let batch = x.size()[x.dim() - 2];
    let mut step = Step::new(network, parameters, batch, latent, Precision::Exact);
    step.forward(parameters, x);
    step.backward_decoder(x, &mut update).unwrap();
    let _ = step.code_delta().g_add_scalar_(0.01);
    step.backward_encoder(parameters, x, &mut update).unwrap();
    ours
}

#[test]
fn the_dense_network_has_the_gradients_that_were_written_by_hand() {
    for (models, batch) in [(1, 7), (3, 32)] {
        let widths = [12, 20, 16, 3];
        let mut layout = Layout::default();
        let by_hand = Network::Dense(Autoencoder::new(&widths, &mut layout));
        let mut other = Layout::default();
        let graph = Network::Graph(Graph::dense(&widths, false, &mut other));
        assert_eq!(layout, other);
        assert!((by_hand.training_flop() - graph.training_flop()).abs() < 1e-9);
        let parameters = initialised(&by_hand, layout, models);
        assert_eq!(parameters.values, initialised(&graph, other, models).values);
        let x = rows(batch, 12);
        // The same for all models, and each model's own.
        let own = rows(models * batch, 12).view([models, batch, 12]);
        for x in [&x, &own] {
            let expected = gradients(&by_hand, &parameters, x, 3);
            let found = gradients(&graph, &parameters, x, 3);
            let scale = expected.abs().max().double_value(&[]);
            let worst = (&found - &expected).abs().max().double_value(&[]);
            assert!(scale > 1e-3);
            assert!(worst <= 1e-6 * scale.max(1.0), "{worst} of {scale}");
        }
        let codes = [&by_hand, &graph].map(|network| network.encode(&parameters, 0, &x));
        assert!(codes[0].allclose(&codes[1], 1e-6, 1e-6, false));
    }
}

/// The loss in double precision, with one number of one part moved by `by`.
fn loss(graph: &Graph, parameters: &Parameters, x: &Tensor, moved: (Slot, i64), by: f64) -> f64 {
    let part = |slot: Slot| {
        let value = parameters.value(slot).select(0, 0).to_kind(Kind::Double);
        if slot == moved.0 {
            let value = value.copy();
            let _ = value.view(-1).get(moved.1).g_add_scalar_(by);
            return value;
        }
        value
    };
    let x = x.to_kind(Kind::Double);
    let mut noted = Vec::new();
    let code = chain(&graph.encoder, &part, &x, Some(&mut noted));
    let output = chain(&graph.decoder, &part, &code, Some(&mut noted));
    let loss = (output - x).square().mean(Kind::Double) + (code * 0.01).sum(Kind::Double);
    loss.double_value(&[])
}

/// A few numbers of every part against central differences in double precision.
fn check_gradients(network: &Network, parameters: &Parameters, x: &Tensor, latent: i64) {
    let Network::Graph(graph) = network else {
        panic!("a graph");
    };
    let trained: Vec<Slot> = graph
        .modules()
        .filter_map(Module::trained)
        .flat_map(|(_, slots)| slots)
        .collect();
    assert!(trained.len() > 8);
    // With biases of 0, whole regions of zeros lie exactly where a ReLU has no derivative.
    for (seed, slot) in (0..).zip(trained.iter().skip(1).step_by(2)) {
        let value = parameters.value(*slot);
        let draws = uniform(seed, &value.size()) * 0.1 + 0.01;
        let _ = value.shallow_clone().g_add_(&draws);
    }
    let found = gradients(network, parameters, x, latent);
    let mut largest: f64 = 0.0;
    for slot in trained {
        let part = parameters.part(&found, slot).view(-1);
        let count = part.numel() as i64;
        for index in [0, count / 3, count - 1] {
            // Small, lest a ReLU or a maximum changes sides.
            let h = 1e-7;
            let [up, down] = [h, -h].map(|by| loss(graph, parameters, x, (slot, index), by));
            let expected = (up - down) / (2.0 * h);
            let value = part.double_value(&[index]);
            assert!(
                (value - expected).abs() <= 1e-5 + 1e-3 * expected.abs(),
                "{slot:?} {index}: {value} {expected}"
            );
            largest = largest.max(expected.abs());
        }
    }
    assert!(largest > 1e-2, "{largest}");
}

#[test]
fn gradients_of_batch_normalised_layers_are_those_of_differences() {
    let (network, parameters) = build(|layout| Graph::dense(&[12, 20, 16, 3], true, layout));
    check_gradients(&network, &parameters, &rows(9, 12), 3);
}

#[test]
fn gradients_of_convolutions_are_those_of_differences() {
    for norm in [false, true] {
        let (network, parameters) =
            build(|layout| Graph::convolutional([3, 4, 5], 6, norm, layout));
        check_gradients(&network, &parameters, &rows(4, 784), 6);
    }
}

/// Height and width after each module that has any.
fn sides(modules: &[Module], parameters: &Parameters, input: &Tensor) -> (Vec<i64>, Tensor) {
    let part = |slot| parameters.value(slot).select(0, 0);
    let mut x = input.shallow_clone();
    let mut sides = Vec::new();
    for module in modules {
        x = chain(std::slice::from_ref(module), &part, &x, None);
        if let &[_, _, height, width] = x.size().as_slice() {
            assert_eq!(height, width);
            if sides.last() != Some(&height) {
                sides.push(height);
            }
        }
    }
    (sides, x)
}

#[test]
fn images_shrink_and_grow_as_the_authors_do() {
    let (network, parameters) =
        build(|layout| Graph::convolutional([32, 64, 64], 10, false, layout));
    let Network::Graph(graph) = &network else {
        panic!("a graph");
    };
    let x = rows(2, 784);
    let (there, code) = sides(&graph.encoder, &parameters, &x);
    assert_eq!(there, [28, 14, 7, 4]);
    assert_eq!(code.size(), [2, 10]);
    let (back, output) = sides(&graph.decoder, &parameters, &code);
    assert_eq!(back, [4, 8, 16, 14, 28]);
    assert_eq!(output.size(), [2, 784]);
    // Convolutions 320, 18496, 36928; linear 10250, 11264; back 36928, 36928, 18464, 289.
    let parts = [320, 18496, 36928, 10250, 11264, 36928, 36928, 18464, 289];
    let count: i64 = parts.iter().sum();
    assert_eq!(parameters.layout().floats_per_model(), count);
    assert_eq!(network.decode(&parameters, 0, &code), output);
}

#[test]
fn a_maximum_at_an_odd_border_is_over_the_pixels_there_are() {
    let x = Tensor::arange(9, (Kind::Float, Device::Cpu)).view([1, 1, 3, 3]) - 9.0;
    let part = |_: Slot| Tensor::new();
    let pooled = chain(&[Module::MaxPool], &part, &x, None);
    let expected = Tensor::from_slice(&[-5.0_f32, -4.0, -2.0, -1.0]);
    assert_eq!(pooled, expected.view([1, 1, 2, 2]));
}

#[test]
fn running_statistics_follow_the_batches_as_keras_does() {
    // import numpy as np
    // x = np.array([[1., -2., .5], [3., .25, -1.], [-.5, 4., 2.], [2., 1., 0.]])
    // w = np.array([[.5, -1.], [1., .25], [-.75, 2.]]); b = np.array([.1, -.2])
    // m, v = np.zeros(2), np.ones(2)
    // for step in range(2):
    //     h = np.maximum(x @ w + b, 0) * (step + 1)
    //     m = .99 * m + .01 * h.mean(0); v = .99 * v + .01 * h.var(0)
    // print(m, v)
    // h = np.maximum(x @ w + b, 0)
    // print((h - m) / np.sqrt(v + 1e-3))
    let (network, parameters) = build(|layout| Graph::dense(&[3, 2, 1], true, layout));
    let Network::Graph(graph) = &network else {
        panic!("a graph");
    };
    let [first, _, norm] = &graph.encoder[..3] else {
        panic!("dense, ReLU, norm");
    };
    let part = |slot| parameters.value(slot).select(0, 0);
    let (_, [weight, bias]) = first.trained().unwrap();
    let set = |slot, values: &[f32], factor: f64| {
        let mut to = part(slot);
        to.copy_(&(Tensor::from_slice(values).view_as(&to) * factor));
    };
    let x = [
        1.0_f32, -2.0, 0.5, 3.0, 0.25, -1.0, -0.5, 4.0, 2.0, 2.0, 1.0, 0.0,
    ];
    let x = Tensor::from_slice(&x).view([4, 3]);
    let scale_by = |factor| {
        set(weight, &[0.5, -1.0, 1.0, 0.25, -0.75, 2.0], factor);
        set(bias, &[0.1, -0.2], factor);
    };
    for factor in [1.0, 2.0] {
        scale_by(factor);
        let mut noted = Vec::new();
        let _ = chain(&graph.encoder[..3], &part, &x, Some(&mut noted));
        update_running_statistics(&parameters, 0, &noted);
    }
    scale_by(1.0);
    let Module::BatchNorm { mean, variance, .. } = *norm else {
        panic!("a batch normalisation");
    };
    let close = |found: &Tensor, expected: &[f32]| {
        let expected = Tensor::from_slice(expected).view_as(found);
        assert!(found.allclose(&expected, 1e-5, 1e-6, false), "{found:?}");
    };
    close(&part(mean), &[0.052_698_75, 0.039_617_5]);
    close(&part(variance), &[1.033_329_3, 1.242_917_1]);
    let y = chain(&graph.encoder[..3], &part, &x, None);
    let expected = [
        -0.051_816_84,
        -0.035_521_5,
        2.504_672_2,
        -0.035_521_5,
        2.258_856,
        4.716_519_3,
        2.013_039_7,
        -0.035_521_5,
    ];
    close(&y, &expected);
}

#[test]
fn a_step_moves_the_running_statistics_and_trains_none_of_them() {
    let (network, parameters) = build(|layout| Graph::convolutional([3, 4, 5], 6, true, layout));
    let Network::Graph(graph) = &network else {
        panic!("a graph");
    };
    let before = parameters.values.copy();
    let found = gradients(&network, &parameters, &rows(4, 784), 6);
    let mut norms = 0;
    for module in graph.modules() {
        let Module::BatchNorm {
            mean,
            variance,
            scale,
            ..
        } = *module
        else {
            continue;
        };
        norms += 1;
        for slot in [mean, variance] {
            let (old, new) = (parameters.part(&before, slot), parameters.value(slot));
            assert_ne!(old, new);
            assert!(new.isfinite().all().int64_value(&[]) != 0);
            assert!(parameters.part(&found, slot).abs().max().double_value(&[]) == 0.0);
        }
        assert_eq!(parameters.part(&before, scale), parameters.value(scale));
    }
    assert_eq!(norms, 6);
}

#[test]
fn a_model_goes_to_pytorch_and_back() {
    let mut layout = Layout::default();
    let graph = Graph::convolutional([3, 4, 5], 6, true, &mut layout);
    let network = Network::Graph(graph.clone());
    let parameters = initialised(&network, layout.clone(), 1);
    // Steps make every part, running statistics included, differ from its start.
    let _ = gradients(&network, &parameters, &rows(4, 784), 6);
    let torch = graph.to_torch(&parameters, 0);
    let shape = |name: &str| {
        let found = torch.iter().find(|(known, _)| known == name);
        found.map(|(_, tensor)| tensor.size())
    };
    // Unflatten, Conv2d, ReLU, BatchNorm2d, MaxPool2d, Conv2d, ..
    assert_eq!(shape("encoder.1.weight"), Some(vec![3, 1, 3, 3]));
    assert_eq!(shape("encoder.3.running_var"), Some(vec![3]));
    assert_eq!(shape("encoder.5.weight"), Some(vec![4, 3, 3, 3]));
    assert_eq!(shape("encoder.14.weight"), Some(vec![6, 80]));
    assert_eq!(shape("encoder.14.bias"), Some(vec![6]));
    let named: std::collections::HashMap<_, _> = torch.into_iter().collect();
    let other = Parameters::zeros(layout, 1, Device::Cpu);
    graph.read_torch(&other, 0, &named).unwrap();
    assert_eq!(other.values, parameters.values);

    let mut damaged = named;
    damaged.insert(
        "encoder.14.bias".to_owned(),
        Tensor::zeros([7], (Kind::Float, Device::Cpu)),
    );
    let message = graph.read_torch(&other, 0, &damaged).unwrap_err();
    assert!(
        message.contains("encoder.14.bias") && message.contains("[7]"),
        "{message}"
    );
    damaged.remove("encoder.14.bias");
    assert!(
        graph
            .read_torch(&other, 0, &damaged)
            .unwrap_err()
            .contains("no tensor")
    );
}

#[test]
fn the_python_expression_is_of_the_same_modules() {
    let expression =
        |norm| Graph::dense(&[12, 20, 3], norm, &mut Layout::default()).torch_expression();
    assert_eq!(
        expression(true),
        "nn.ModuleDict({\"encoder\": nn.Sequential(nn.Linear(12, 20), nn.ReLU(), \
         nn.BatchNorm1d(20, eps=0.001, momentum=0.01), nn.Linear(20, 3)), \
         \"decoder\": nn.Sequential(nn.Linear(3, 20), nn.ReLU(), \
         nn.BatchNorm1d(20, eps=0.001, momentum=0.01), nn.Linear(20, 12))})"
    );
    let graph = Graph::convolutional([3, 4, 5], 6, true, &mut Layout::default());
    let text = graph.torch_expression();
    for part in [
        "nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(3,",
        "nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(80, 6)",
        "nn.Conv2d(4, 3, 3, padding=0), nn.ReLU()",
        "nn.Upsample(scale_factor=2), nn.Conv2d(3, 1, 3, padding=1), nn.Flatten()",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
