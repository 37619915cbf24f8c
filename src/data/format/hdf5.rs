//! HDF5 as h5py and Keras write it: numeric data sets, contiguous or in chunks, compressed with
//! deflate or LZF, shuffled, with checksums.
//!
//! The file's structure is read by the `hdf5-pure` crate, which believes the sizes and places that
//! a file announces. They are compared with the file's length and the array's shape here, before
//! any value is read: what was never written (HDF5 fills it in) is therefore refused as well.

use hdf5_pure::{
    Dataset, Datatype, DatatypeByteOrder, File, FloatingPointLayout, Layout as Storage,
};

use super::gzip::EXPANSION;
use super::npz::quoted;
use super::numbers::{Element, Features, Layout, Numbers, Order, bytes_of};
use super::unreadable::{Origin, Unreadable};
use super::{Options, choose_arrays, choose_labels};

/// Filters by their registered numbers: deflate, shuffle, Fletcher's checksum, LZF.
const FILTERS: [u16; 4] = [1, 2, 3, 32000];
/// More groups than this are not searched for names.
const GROUPS: usize = 100;

pub(super) fn parse(
    origin: Origin<'_>,
    bytes: Vec<u8>,
    options: &Options,
) -> Result<(Features, Option<Vec<i64>>), Unreadable> {
    let file = Content::open(origin, bytes)?;
    let asked = |name: &String| name.trim_start_matches('/').to_owned();
    let options = Options {
        features: options.features.as_ref().map(asked),
        ..options.clone()
    };
    let (features, labels) = choose_arrays(origin, &options, &file.arrays)?;
    let limit = options.limit;
    let labels = labels.map(|name| file.labels(&name, limit)).transpose()?;
    let name = quoted(&features);
    let numbers = file.read(&features, limit)?;
    Ok((numbers.features(origin.part(Some(&name)), limit)?, labels))
}

pub(super) fn labels(
    origin: Origin<'_>,
    bytes: Vec<u8>,
    limit: u64,
) -> Result<Vec<i64>, Unreadable> {
    let file = Content::open(origin, bytes)?;
    let name = choose_labels(origin, &file.arrays)?;
    file.labels(&name, limit)
}

struct Content<'a> {
    origin: Origin<'a>,
    file: File,
    /// Paths of data sets in the root and in its groups, `x` or `train/x`.
    arrays: Vec<String>,
    length: u64,
}

impl<'a> Content<'a> {
    fn open(origin: Origin<'a>, bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let length = bytes.len() as u64;
        let wrong = |error: hdf5_pure::Error| origin.whole(error.to_string());
        let file = File::from_bytes(bytes).map_err(wrong)?;
        let root = file.root();
        let mut arrays = root.datasets().map_err(wrong)?;
        for name in root.groups().map_err(wrong)?.iter().take(GROUPS) {
            // A group that cannot be read hides its own data sets only.
            let inside = root.group(name).and_then(|group| group.datasets());
            for array in inside.unwrap_or_default() {
                arrays.push(format!("{name}/{array}"));
            }
        }
        Ok(Self {
            origin,
            file,
            arrays,
            length,
        })
    }

    fn labels(&self, array: &str, limit: u64) -> Result<Vec<i64>, Unreadable> {
        let name = quoted(array);
        let origin = self.origin.part(Some(&name));
        self.read(array, limit)?.labels(origin)
    }

    fn read(&self, array: &str, limit: u64) -> Result<Numbers<'static>, Unreadable> {
        let name = quoted(array);
        let origin = self.origin.part(Some(&name));
        let wrong = |error: hdf5_pure::Error| origin.whole(error.to_string());
        let data = self.file.dataset(array).map_err(wrong)?;
        let kind = data.dtype().map_err(wrong)?;
        let stored = data.datatype().map_err(wrong)?;
        let (element, order) = element(&stored).ok_or_else(|| {
            origin.whole(format!("its elements are of type {kind}; integers of 8 to 64 bits and 32-bit and 64-bit floats are read"))
        })?;
        let sizes = data.shape().map_err(wrong)?;
        let shape: Option<Vec<usize>> = sizes.iter().map(|&size| size.try_into().ok()).collect();
        let bytes = shape.as_ref().and_then(|shape| bytes_of(element, shape));
        let (Some(shape), Some(bytes)) = (shape, bytes) else {
            return Err(origin.whole(format!("its shape {sizes:?} is more than there can be")));
        };
        origin.within(bytes as u64, limit, "it")?;
        self.check_storage(origin, &data, &sizes, bytes as u64, limit)?;
        let bytes = data.read_raw().map_err(wrong)?;
        let count = bytes.len();
        Numbers::new(element, order, Layout::C, shape, bytes).ok_or_else(|| {
            origin.whole(format!(
                "{count} bytes are stored, which does not match its shape {sizes:?}"
            ))
        })
    }

    /// Refuses a data set of `bytes` that the file cannot hold, before anything is allocated for it.
    fn check_storage(
        &self,
        origin: Origin<'_>,
        data: &Dataset,
        shape: &[u64],
        bytes: u64,
        limit: u64,
    ) -> Result<(), Unreadable> {
        let wrong = |error: hdf5_pure::Error| origin.whole(error.to_string());
        let filters = data.filters();
        if let Some(other) = filters.iter().find(|filter| !FILTERS.contains(filter)) {
            return Err(origin.whole(format!("its filter {other} is not read; use gzip or none")));
        }
        let most = if filters.is_empty() {
            self.length
        } else {
            self.length.saturating_mul(EXPANSION)
        };
        let absent = |bytes: u64| {
            origin.whole(format!(
                "it takes {bytes} bytes, more than a file of {} can hold: parts of it were never written",
                self.length
            ))
        };
        if bytes > most {
            return Err(absent(bytes));
        }
        let Storage::Chunked { chunk_shape, .. } = data.layout().map_err(wrong)? else {
            return Ok(());
        };
        let element = data.element_size().map_err(wrong)?;
        // Each chunk is stored whole, also where it reaches beyond the data set.
        let chunk = product(chunk_shape.iter().copied()).saturating_mul(element);
        if chunk > most {
            return Err(absent(chunk));
        }
        origin.within(chunk, limit, "one of its chunks")?;
        // Each takes a byte at least; their list is made before they are looked for.
        let counts = || {
            shape
                .iter()
                .zip(&chunk_shape)
                .map(|(&size, &chunk)| size.div_ceil(chunk.max(1)))
        };
        let chunks = product(counts());
        if chunks > self.length {
            return Err(absent(chunks));
        }
        // The crate adds to their places without looking, and fills in those that are missing.
        let mut places = Vec::new();
        for chunk in data.chunks().map_err(wrong)? {
            let place = place(&chunk.offset, shape, &chunk_shape);
            places.push(place.ok_or_else(|| {
                let outside = &chunk.offset;
                origin.byte(
                    chunk.address as usize,
                    format!("a chunk whose place in the array is said to be {outside:?}, outside of {shape:?}"),
                )
            })?);
        }
        places.sort_unstable();
        places.dedup();
        if places.len() as u64 != chunks {
            let count = places.len();
            return Err(origin.whole(format!("{count} of its {chunks} chunks were written")));
        }
        Ok(())
    }
}

/// The number of the chunk at `offset`, in row-major order.
fn place(offset: &[u64], shape: &[u64], chunk_shape: &[u64]) -> Option<u64> {
    if offset.len() != shape.len() || shape.len() != chunk_shape.len() {
        return None;
    }
    let axes = offset.iter().zip(shape).zip(chunk_shape);
    let mut place = 0_u64;
    for ((&offset, &size), &chunk) in axes {
        if chunk == 0 || offset >= size || offset % chunk != 0 {
            return None;
        }
        place = place
            .checked_mul(size.div_ceil(chunk))?
            .checked_add(offset / chunk)?;
    }
    Some(place)
}

/// The type of the stored numbers, if it is one of those that computers count with.
fn element(stored: &Datatype) -> Option<(Element, Order)> {
    let (element, byte_order) = match *stored {
        Datatype::FixedPoint {
            size,
            byte_order,
            layout,
        } if layout.bit_offset == 0 && u64::from(layout.bit_precision) == 8 * u64::from(size) => {
            let element = match (size, layout.signed) {
                (1, false) => Element::U8,
                (2, false) => Element::U16,
                (4, false) => Element::U32,
                (8, false) => Element::U64,
                (1, true) => Element::I8,
                (2, true) => Element::I16,
                (4, true) => Element::I32,
                (8, true) => Element::I64,
                _ => return None,
            };
            (element, byte_order)
        }
        Datatype::FloatingPoint {
            size,
            byte_order,
            layout,
        } => match (size, layout) {
            (4, FloatingPointLayout::IEEE754_BINARY32) => (Element::F32, byte_order),
            (8, FloatingPointLayout::IEEE754_BINARY64) => (Element::F64, byte_order),
            _ => return None,
        },
        _ => return None,
    };
    match byte_order {
        DatatypeByteOrder::LittleEndian => Some((element, Order::Little)),
        DatatypeByteOrder::BigEndian => Some((element, Order::Big)),
        DatatypeByteOrder::Vax => None,
    }
}

/// The product, or the largest number there is if it is beyond.
fn product(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(1, u64::saturating_mul)
}
