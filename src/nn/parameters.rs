//! One flat buffer for all the parameters of a cohort, and the names of its parts.

use tch::{Device, Kind, Tensor};

/// Parts start at multiples of this many floats: 64 bytes, a cache line and an AVX-512 register.
const ALIGNMENT: i64 = 16;

/// The index of one part of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    shape: Vec<i64>,
    offset: i64,
}

/// Where each tensor of one model lies in its row of parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    parts: Vec<Part>,
    length: i64,
}

impl Layout {
    /// Appends a tensor of `shape` (without the leading model dimension).
    pub fn add(&mut self, name: impl Into<String>, shape: &[i64]) -> Slot {
        let offset = self.length;
        let size: i64 = shape.iter().product();
        self.length = (offset + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        self.parts.push(Part {
            name: name.into(),
            shape: shape.to_vec(),
            offset,
        });
        Slot(self.parts.len() - 1)
    }

    /// Floats in one model's row, padding included.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.length
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Names and slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = (&str, Slot)> {
        let named = self.parts.iter().enumerate();
        named.map(|(index, part)| (part.name.as_str(), Slot(index)))
    }

    /// The part as a view `[models, shape..]` of a flat buffer `[models, len]`; writing to it
    /// writes to the buffer.
    pub fn view(&self, flat: &Tensor, slot: Slot) -> Tensor {
        let part = &self.parts[slot.0];
        let mut shape = vec![flat.size()[0]];
        shape.extend(&part.shape);
        flat.narrow(1, part.offset, part.shape.iter().product())
            .view(shape.as_slice())
    }
}

/// The parameters of a cohort and the gradients of one step, both `[models, len]`.
#[derive(Debug)]
pub struct Parameters {
    /// Where each tensor lies.
    pub layout: Layout,
    /// Weights, biases, prototypes.
    pub values: Tensor,
    /// Gradients, overwritten by each backward pass.
    pub gradients: Tensor,
}

impl Parameters {
    /// Zeros for `models` models.
    #[must_use]
    pub fn zeros(layout: Layout, models: i64, device: Device) -> Self {
        let zeros = || Tensor::zeros([models, layout.len()], (Kind::Float, device));
        let (values, gradients) = (zeros(), zeros());
        Self {
            layout,
            values,
            gradients,
        }
    }

    /// How many models the cohort has.
    #[must_use]
    pub fn models(&self) -> i64 {
        self.values.size()[0]
    }

    /// One part of the values, `[models, shape..]`.
    pub fn value(&self, slot: Slot) -> Tensor {
        self.layout.view(&self.values, slot)
    }

    /// One part of the gradients, `[models, shape..]`.
    pub fn gradient(&self, slot: Slot) -> Tensor {
        self.layout.view(&self.gradients, slot)
    }
}

/// Drops the model dimension of a cohort of one: `[1, ..]` becomes `[..]`; others stay.
pub(crate) fn plain(tensor: &Tensor) -> Tensor {
    if tensor.size()[0] == 1 {
        tensor.squeeze_dim(0)
    } else {
        tensor.shallow_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_aligned_and_do_not_overlap() {
        let mut layout = Layout::default();
        let weight = layout.add("weight", &[3, 5]);
        let bias = layout.add("bias", &[5]);
        assert_eq!(layout.len(), 32);
        let parameters = Parameters::zeros(layout, 2, Device::Cpu);
        let _ = parameters.value(weight).fill_(1.0);
        let _ = parameters.value(bias).fill_(2.0);
        assert_eq!(parameters.value(weight).size(), [2, 3, 5]);
        assert!((parameters.values.sum(Kind::Double).double_value(&[]) - 50.0).abs() < 1e-12);
        let names: Vec<_> = parameters.layout.slots().map(|(name, _)| name).collect();
        assert_eq!(names, ["weight", "bias"]);
    }
}
