//! The data that contenders share: MNIST where the cache or a mirror has it, else random numbers of
//! the same shape.

use std::path::Path;

use replicate::data::{self, Access};
use replicate::train::{Labels, TrainingData};
use tch::{Device, Kind, Tensor};

/// Rows of the codes that are embedded in the plane.
const CODES: i64 = 10_000;

/// The data, and `mnist` or `random`. Asks no network.
pub fn load() -> (TrainingData, &'static str) {
    let mnist = Access::new(None, None, true)
        .and_then(|access| data::load("mnist", &access, &data::Silent));
    if let Ok(set) = mnist {
        let shape = [set.rows as i64, set.dims as i64];
        let data = TrainingData {
            features: Tensor::from_slice(&set.features).view(shape),
            labels: Some(Labels {
                values: set.labels,
                classes: set.classes,
            }),
            image: None,
        };
        return (data, "mnist");
    }
    tch::manual_seed(0);
    let data = TrainingData {
        features: Tensor::rand([70_000, 784], (Kind::Float, Device::Cpu)),
        labels: Some(Labels {
            values: (0..70_000).map(|row| (row % 10) as u8).collect(),
            classes: 10,
        }),
        image: None,
    };
    (data, "random")
}

/// Writes `pixels.npy`, all rows, and `codes.npy`, the first ten principal components of the first
/// 10 000; prints which data they are of.
pub fn write(folder: &Path) {
    let (data, name) = load();
    data.features.write_npy(folder.join("pixels.npy")).unwrap();
    let rows = data.features.narrow(0, 0, CODES).to_kind(Kind::Double);
    let centred = &rows - rows.mean_dim(0, true, Kind::Double);
    let (_, vectors) = centred.tr().mm(&centred).linalg_eigh("L");
    // Eigenvalues rise: the last vectors are the first components.
    let components = vectors.narrow(1, rows.size()[1] - 10, 10).flip([1]);
    let codes = centred.mm(&components).to_kind(Kind::Float);
    let codes = codes.contiguous();
    codes.write_npy(folder.join("codes.npy")).unwrap();
    println!("data={name}");
}
