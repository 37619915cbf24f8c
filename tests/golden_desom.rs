//! The first training steps of DESOM against an independent computation: automatic differentiation
//! in double precision, by `tests/golden/desom.py`.

#![allow(missing_docs, clippy::unwrap_used)]

use replicate::data::{self, Access};
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::som::{Grid, MapDistance, Neighbourhood};
use replicate::train::Trainable;
use tch::{Device, Tensor};

struct Case {
    gamma: f64,
    map_distance: MapDistance,
    neighbourhood: Neighbourhood,
    /// Reconstruction and SOM loss of each step.
    losses: [(f64, f64); 12],
}

// python3 tests/golden/desom.py (JAX 0.6 and later, NumPy)
const CASES: [Case; 3] = [
    Case {
        gamma: 0.5,
        map_distance: MapDistance::Manhattan,
        neighbourhood: Neighbourhood::Gaussian,
        losses: [
            (0.249_705_223, 52.238_006_1),
            (0.242_336_305, 44.817_159_8),
            (0.235_195_605, 33.503_039_9),
            (0.232_454_497, 22.046_992_6),
            (0.225_460_281, 12.842_802_3),
            (0.222_667_816, 6.845_345_68),
            (0.233_110_032, 3.669_201_78),
            (0.278_630_910, 2.099_377_27),
            (0.232_081_517, 1.757_020_85),
            (0.226_967_067, 1.555_936_91),
            (0.222_110_553, 1.362_183_83),
            (0.221_766_936, 1.161_321_72),
        ],
    },
    Case {
        gamma: 0.001,
        map_distance: MapDistance::AsCoded,
        neighbourhood: Neighbourhood::Gaussian,
        losses: [
            (0.249_705_223, 54.161_612_6),
            (0.242_323_867, 48.039_773_5),
            (0.234_990_682, 38.159_447_9),
            (0.232_178_868, 25.611_825_7),
            (0.225_189_185, 14.857_872_7),
            (0.222_686_568, 7.264_504_81),
            (0.233_031_598, 3.800_533_06),
            (0.278_903_549, 2.317_565_92),
            (0.232_106_325, 2.075_397_24),
            (0.227_059_555, 2.012_204_60),
            (0.221_990_138, 1.940_289_15),
            (0.221_943_169, 1.853_287_05),
        ],
    },
    Case {
        gamma: 0.05,
        map_distance: MapDistance::Manhattan,
        neighbourhood: Neighbourhood::Window,
        losses: [
            (0.249_705_223, 59.724_217_7),
            (0.242_333_690, 57.394_420_4),
            (0.235_370_950, 45.342_216_5),
            (0.232_412_583, 20.237_214_5),
            (0.225_376_419, 8.591_734_97),
            (0.222_664_591, 6.885_881_94),
            (0.233_139_394, 2.105_386_69),
            (0.278_905_387, 2.061_727_54),
            (0.232_416_568, 2.033_117_90),
            (0.227_653_986, 1.967_415_81),
            (0.222_937_591, 1.892_533_71),
            (0.222_946_244, 1.798_774_76),
        ],
    },
];

/// The script's initial weights: `scale * sin(0.7 i + 1.3 index)`.
fn formula(index: usize, target: &mut Tensor, scale: f64) {
    let values = (0..target.numel()).map(|i| scale * (0.7 * i as f64 + 1.3 * index as f64).sin());
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    target.copy_(&Tensor::from_slice(&values).view_as(target));
}

#[test]
fn the_first_steps_agree_with_automatic_differentiation() {
    let access = Access::new(None, None, true).unwrap();
    let digits = data::load("digits", &access, &data::Silent).unwrap();
    let features = Tensor::from_slice(&digits.features).view([1797, 64]);
    for case in CASES {
        let settings = Settings {
            hidden: vec![40, 30, 60],
            latent: 5,
            map: Grid {
                rows: 4,
                columns: 6,
            },
            gamma: case.gamma,
            map_distance: case.map_distance,
            neighbourhood: case.neighbourhood,
            iterations: 12,
            ..Settings::paper()
        };
        let member = [(case.gamma, Seed(0))];
        let mut model =
            DesomCohort::new(&settings, &member, &features, Device::Cpu, Precision::Exact).unwrap();
        let parameters = model.parameters();
        for (index, (name, slot)) in parameters.layout().slots().enumerate() {
            let mut part = parameters.value(slot).get(0);
            let scale = match name.rsplit('.').next().unwrap() {
                "weight" => 2.0 / (part.size()[0] as f64).sqrt(),
                "bias" => 0.1,
                _ => 1.0,
            };
            formula(index, &mut part, scale);
        }
        for (step, (reconstruction, som)) in (0..).zip(case.losses) {
            model.step(step).unwrap();
            let losses = model.losses();
            let close = |ours: f64, golden: f64| (ours - golden).abs() < 2e-5 * golden;
            let ours = (losses[0].1[0], losses[1].1[0]);
            // Single precision against double, over twelve steps.
            assert!(
                close(ours.0, reconstruction),
                "{step}: {ours:?} {reconstruction}"
            );
            assert!(close(ours.1, som), "{step}: {ours:?} {som}");
        }
    }
}
