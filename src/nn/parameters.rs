//! One flat buffer for all the parameters of a cohort, and the names of its parts.
//!
//! The buffer holds part after part, each with all its models: a part is a dense tensor
//! `[models, shape..]`, which batched products can write to, and the parts of a layer form one
//! [`Segment`], which the optimiser updates in one call as soon as its gradient is there.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

/// Segments start at multiples of this many floats: 64 bytes, a cache line and an AVX-512 register.
const ALIGNMENT: i64 = 16;

/// The index of one part of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(usize);

/// The index of one segment of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    /// Without the model dimension.
    shape: Vec<i64>,
    segment: usize,
}

impl Part {
    fn size(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// The tensors that a model consists of, grouped into segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    parts: Vec<Part>,
    segments: usize,
}

impl Layout {
    /// Begins a segment: the parts added from here on belong to it.
    pub fn segment(&mut self) -> Segment {
        self.segments += 1;
        Segment(self.segments - 1)
    }

    /// Adds a tensor of `shape` (without the leading model dimension) to the last segment.
    pub fn add(&mut self, name: impl Into<String>, shape: &[i64]) -> Slot {
        self.parts.push(Part {
            name: name.into(),
            shape: shape.to_vec(),
            segment: self.segments.max(1) - 1,
        });
        Slot(self.parts.len() - 1)
    }

    /// Names and slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = (&str, Slot)> {
        let named = self.parts.iter().enumerate();
        named.map(|(index, part)| (part.name.as_str(), Slot(index)))
    }

    /// Floats of one model.
    #[must_use]
    pub fn floats_per_model(&self) -> i64 {
        self.parts.iter().map(Part::size).sum()
    }

    /// Where each part lies in a buffer for `models` models, and the buffer's length.
    fn offsets(&self, models: i64) -> (Vec<i64>, i64) {
        let (mut offsets, mut end, mut segment) = (Vec::new(), 0, 0);
        for part in &self.parts {
            if part.segment != segment {
                segment = part.segment;
                end = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            }
            offsets.push(end);
            end += models * part.size();
        }
        (offsets, end)
    }
}

/// The parameters of a cohort.
#[derive(Debug)]
pub struct Parameters {
    layout: Layout,
    models: i64,
    offsets: Vec<i64>,
    /// Weights, biases, prototypes: all in one dimension.
    pub values: Tensor,
}

impl Parameters {
    /// Zeros for `models` models.
    #[must_use]
    pub fn zeros(layout: Layout, models: i64, device: Device) -> Self {
        let (offsets, length) = layout.offsets(models);
        Self {
            values: Tensor::zeros([length], (Kind::Float, device)),
            layout,
            models,
            offsets,
        }
    }

    /// How many models the cohort has.
    #[must_use]
    pub fn models(&self) -> i64 {
        self.models
    }

    /// The tensors that a model consists of.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// One part of the values, `[models, shape..]`; writing to it writes to the buffer.
    pub fn value(&self, slot: Slot) -> Tensor {
        self.part(&self.values, slot)
    }

    /// One part of a buffer laid out as the values are, `[models, shape..]`.
    pub(super) fn part(&self, buffer: &Tensor, slot: Slot) -> Tensor {
        self.part_of(buffer, slot, 0)
    }

    /// The floats of a segment, as a range of [`Parameters::values`].
    #[must_use]
    pub fn range(&self, segment: Segment) -> Range<i64> {
        let mut range = 0..0;
        for (part, &offset) in self.layout.parts.iter().zip(&self.offsets) {
            if part.segment == segment.0 {
                if range.is_empty() {
                    range.start = offset;
                }
                range.end = offset + self.models * part.size();
            }
        }
        range
    }

    /// The parts of a segment: each name with its floats, as a range of [`Parameters::values`].
    pub fn parts(&self, segment: Segment) -> impl Iterator<Item = (&str, Range<i64>)> {
        let parts = self.layout.parts.iter().zip(&self.offsets);
        let own = parts.filter(move |(part, _)| part.segment == segment.0);
        own.map(|(part, &start)| {
            let end = start + self.models * part.size();
            (part.name.as_str(), start..end)
        })
    }

    /// Floats of the longest segment.
    #[must_use]
    pub fn longest_segment(&self) -> i64 {
        let ranges = (0..self.layout.segments).map(|index| self.range(Segment(index)));
        ranges
            .map(|range| range.end - range.start)
            .max()
            .unwrap_or(0)
    }

    /// One part of a buffer that holds a single segment, e.g. of its gradient, `[models, shape..]`.
    pub fn part_of_segment(&self, buffer: &Tensor, slot: Slot) -> Tensor {
        let segment = Segment(self.layout.parts[slot.0].segment);
        self.part_of(buffer, slot, self.range(segment).start)
    }

    fn part_of(&self, buffer: &Tensor, slot: Slot, start: i64) -> Tensor {
        let part = &self.layout.parts[slot.0];
        let mut shape = vec![self.models];
        shape.extend(&part.shape);
        buffer
            .narrow(0, self.offsets[slot.0] - start, self.models * part.size())
            .view(shape.as_slice())
    }

    /// All floats of one model, `[floats_per_model]`, out of a buffer laid out as the values are.
    pub fn model_of(&self, buffer: &Tensor, model: i64) -> Tensor {
        let parts = self.layout.slots();
        let parts = parts.map(|(_, slot)| self.part_of(buffer, slot, 0).get(model).reshape([-1]));
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }

    /// Writes what [`Parameters::model_of`] gave into `buffer`.
    pub fn set_model_of(&self, buffer: &Tensor, model: i64, floats: &Tensor) {
        let mut start = 0;
        for (_, slot) in self.layout.slots() {
            let mut part = self.part_of(buffer, slot, 0).get(model);
            let size = part.numel() as i64;
            part.copy_(&floats.narrow(0, start, size).view_as(&part));
            start += size;
        }
    }
}

impl Parameters {
    /// What `buffer`, laid out as the values are, would be if one of its models were alone; gaps are 0.
    /// Checkpoints hold it, so that a cohort may be divided otherwise.
    pub fn alone(&self, buffer: &Tensor, model: i64) -> Tensor {
        if self.models == 1 {
            return buffer.copy();
        }
        let alone = self.of_one();
        alone.set_model_of(&alone.values, 0, &self.model_of(buffer, model));
        alone.values
    }

    /// Writes what [`Parameters::alone`] gave into `buffer`.
    ///
    /// # Panics
    /// If it has not [`Parameters::length_alone`] floats: a bug of the caller.
    pub fn set_alone(&self, buffer: &Tensor, model: i64, stored: &Tensor) {
        self.set_model_of(buffer, model, &self.of_one().model_of(stored, 0));
    }

    /// How many floats [`Parameters::alone`] gives, gaps included.
    #[must_use]
    pub fn length_alone(&self) -> i64 {
        self.layout.offsets(1).1
    }

    fn of_one(&self) -> Self {
        Self::zeros(self.layout.clone(), 1, self.values.device())
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
    #![allow(clippy::float_cmp)]
    use super::*;

    fn layout() -> (Layout, [Segment; 2], [Slot; 3]) {
        let mut layout = Layout::default();
        let first = layout.segment();
        let weight = layout.add("weight", &[3, 5]);
        let bias = layout.add("bias", &[1, 5]);
        let second = layout.segment();
        let other = layout.add("other", &[2]);
        (layout, [first, second], [weight, bias, other])
    }

    #[test]
    fn segments_are_aligned_and_parts_do_not_overlap() {
        let (layout, [first, second], slots) = layout();
        let parameters = Parameters::zeros(layout, 2, Device::Cpu);
        assert_eq!(parameters.range(first), 0..40);
        assert_eq!(parameters.range(second), 48..52);
        assert_eq!(parameters.longest_segment(), 40);
        let parts: Vec<_> = parameters.parts(first).collect();
        assert_eq!(parts, [("weight", 0..30), ("bias", 30..40)]);
        for (number, slot) in slots.into_iter().enumerate() {
            let _ = parameters.value(slot).fill_((number + 1) as f64);
        }
        assert_eq!(parameters.value(slots[0]).size(), [2, 3, 5]);
        let sum = parameters.values.sum(Kind::Double).double_value(&[]);
        assert_eq!(sum, 30.0 + 20.0 + 12.0);
        let names: Vec<_> = parameters.layout().slots().map(|(name, _)| name).collect();
        assert_eq!(names, ["weight", "bias", "other"]);
    }

    #[test]
    fn a_model_is_taken_out_and_put_back() {
        let (layout, _, [_, bias, _]) = layout();
        assert_eq!(layout.floats_per_model(), 22);
        let parameters = Parameters::zeros(layout, 3, Device::Cpu);
        let floats = Tensor::arange(22, (Kind::Float, Device::Cpu));
        parameters.set_model_of(&parameters.values, 1, &floats);
        assert_eq!(parameters.model_of(&parameters.values, 1), floats);
        assert_eq!(parameters.value(bias).double_value(&[1, 0, 2]), 17.0);
        assert_eq!(parameters.value(bias).double_value(&[0, 0, 2]), 0.0);
    }

    #[test]
    fn a_model_alone_lies_as_a_cohort_of_one_does() {
        let (layout, _, [_, _, other]) = layout();
        let one = Parameters::zeros(layout.clone(), 1, Device::Cpu);
        let floats = Tensor::arange(22, (Kind::Float, Device::Cpu)) + 1.0;
        one.set_model_of(&one.values, 0, &floats);
        // 20 floats, a gap up to 32, 2 floats.
        assert_eq!(one.length_alone(), 34);
        assert_eq!(one.alone(&one.values, 0), one.values);
        let three = Parameters::zeros(layout, 3, Device::Cpu);
        three.set_alone(&three.values, 2, &one.values);
        assert_eq!(three.alone(&three.values, 2), one.values);
        assert_eq!(three.value(other).double_value(&[2, 1]), 22.0);
        assert_eq!(three.alone(&three.values, 1), one.values.zeros_like());
    }
}
