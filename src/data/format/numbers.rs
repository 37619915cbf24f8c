//! Arrays as the formats store them, made into features and labels.

use std::borrow::Cow;

use super::unreadable::{Origin, Unreadable};

/// The type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Element {
    /// Bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// The order of a number's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// The order of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The last index runs fastest.
    C,
    /// The first index runs fastest.
    Fortran,
}

/// An array as it is stored: `bytes` holds exactly the elements of `shape`.
pub(super) struct Numbers<'a> {
    element: Element,
    order: Order,
    layout: Layout,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

/// `[rows, dims]` finite numbers, row-major.
#[derive(Debug)]
pub(super) struct Features {
    pub(super) values: Vec<f32>,
    pub(super) rows: usize,
    /// Its product is `dims`.
    pub(super) row_shape: Vec<usize>,
}

/// The bytes that an array takes; `None` beyond what can be counted.
pub(super) fn bytes_of(element: Element, shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(element.size(), |bytes, &size| bytes.checked_mul(size))
}

impl<'a> Numbers<'a> {
    /// `None` if `bytes` is not as long as type and shape demand.
    pub(super) fn new(
        element: Element,
        order: Order,
        layout: Layout,
        shape: Vec<usize>,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> Option<Self> {
        let bytes = bytes.into();
        (bytes_of(element, &shape) == Some(bytes.len())).then_some(Self {
            element,
            order,
            layout,
            shape,
            bytes,
        })
    }

    /// The array as features: its first axis counts rows, the others make up a row.
    pub(super) fn features(&self, origin: Origin<'_>, limit: u64) -> Result<Features, Unreadable> {
        let [rows, row_shape @ ..] = self.shape.as_slice() else {
            return Err(origin.whole("it is a single number, not rows of features".to_owned()));
        };
        if row_shape.is_empty() {
            return Err(origin.whole(format!(
                "it has one axis of {rows}; features have at least two, [rows, values]"
            )));
        }
        // Numbers::new has counted the bytes: none of these products overflows.
        let dims: usize = row_shape.iter().product();
        if *rows == 0 || dims == 0 {
            return Err(origin.whole(format!("it is empty: its shape is {:?}", self.shape)));
        }
        let count = (*rows as u64).saturating_mul(dims as u64);
        origin.within(count.saturating_mul(4), limit, "its features")?;
        let mut values = self.floats();
        if self.layout == Layout::Fortran {
            values = row_major(&values, &self.shape);
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (index / dims, index % dims);
            return Err(origin.row(
                row,
                format!(
                    "value {column} is {}; all must be finite 32-bit floats",
                    values[index]
                ),
            ));
        }
        Ok(Features {
            values,
            rows: *rows,
            row_shape: row_shape.to_vec(),
        })
    }

    /// The array as labels: one axis, or others of size 1.
    pub(super) fn labels(&self, origin: Origin<'_>) -> Result<Vec<i64>, Unreadable> {
        let others = self.shape.iter().skip(1);
        if self.shape.is_empty() || others.clone().any(|&size| size != 1) {
            return Err(origin.whole(format!(
                "its shape is {:?}; labels have one integer a row (not one column a class)",
                self.shape
            )));
        }
        let labels: Vec<Option<i64>> = match self.element {
            Element::Bool => self.each(|[byte]| (byte < 2).then_some(i64::from(byte))),
            Element::U8 => self.each(|b| Some(u8::from_le_bytes(b).into())),
            Element::U16 => self.each(|b| Some(u16::from_le_bytes(b).into())),
            Element::U32 => self.each(|b| Some(u32::from_le_bytes(b).into())),
            Element::U64 => self.each(|b| u64::from_le_bytes(b).try_into().ok()),
            Element::I8 => self.each(|b| Some(i8::from_le_bytes(b).into())),
            Element::I16 => self.each(|b| Some(i16::from_le_bytes(b).into())),
            Element::I32 => self.each(|b| Some(i32::from_le_bytes(b).into())),
            Element::I64 => self.each(|b| Some(i64::from_le_bytes(b))),
            Element::F32 => self.each(|b| whole_number(f32::from_le_bytes(b).into())),
            Element::F64 => self.each(|b| whole_number(f64::from_le_bytes(b))),
        };
        let bad = labels.iter().position(Option::is_none);
        if let Some(row) = bad {
            return Err(origin.row(row, "its label is not an integer".to_owned()));
        }
        Ok(labels.into_iter().flatten().collect())
    }

    fn floats(&self) -> Vec<f32> {
        match self.element {
            Element::Bool | Element::U8 => self.each(|[byte]| f32::from(byte)),
            Element::U16 => self.each(|b| u16::from_le_bytes(b).into()),
            Element::U32 => self.each(|b| u32::from_le_bytes(b) as f32),
            Element::U64 => self.each(|b| u64::from_le_bytes(b) as f32),
            Element::I8 => self.each(|b| i8::from_le_bytes(b).into()),
            Element::I16 => self.each(|b| i16::from_le_bytes(b).into()),
            Element::I32 => self.each(|b| i32::from_le_bytes(b) as f32),
            Element::I64 => self.each(|b| i64::from_le_bytes(b) as f32),
            Element::F32 => self.each(f32::from_le_bytes),
            Element::F64 => self.each(|b| f64::from_le_bytes(b) as f32),
        }
    }

    /// Every element in stored order; `convert` gets its bytes, the least significant first.
    fn each<T, const N: usize>(&self, convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (chunks, _) = self.bytes.as_chunks::<N>();
        let ordered = chunks.iter().map(|&chunk| {
            let mut chunk = chunk;
            if self.order == Order::Big {
                chunk.reverse();
            }
            convert(chunk)
        });
        ordered.collect()
    }
}

/// The integer that a float is, if it is one.
pub(super) fn whole_number(value: f64) -> Option<i64> {
    // Beyond 2^53, floats are not exact integers.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

/// `values`, whose first index runs fastest, with the last index running fastest.
fn row_major(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut index = vec![0; shape.len()];
    let mut from = 0;
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[from]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}
