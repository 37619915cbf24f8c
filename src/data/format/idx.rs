//! IDX with any of its types: see [`crate::data::idx`], which reads the data sets of the manifest.

use super::numbers::{Element, Layout, Numbers, Order, bytes_of};
use super::unreadable::{Origin, Unreadable};

pub(super) fn parse<'a>(origin: Origin<'_>, bytes: &'a [u8]) -> Result<Numbers<'a>, Unreadable> {
    let short = |header: usize| {
        origin.byte(
            bytes.len(),
            format!("the file ends inside the {header}-byte IDX header"),
        )
    };
    let &[zero, other_zero, code, axes, ..] = bytes else {
        return Err(short(4));
    };
    if (zero, other_zero) != (0, 0) {
        return Err(origin.byte(0, "not an IDX file".to_owned()));
    }
    let element = match code {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        _ => {
            return Err(origin.byte(
                2,
                format!("IDX type 0x{code:02x}; there are 0x08, 0x09 and 0x0b to 0x0e"),
            ));
        }
    };
    let header = 4 + 4 * usize::from(axes);
    let Some((head, body)) = bytes.split_at_checked(header) else {
        return Err(short(header));
    };
    let (sizes, _) = head[4..].as_chunks::<4>();
    let shape: Vec<usize> = sizes
        .iter()
        .map(|&size| u32::from_be_bytes(size) as usize)
        .collect();
    let expected = bytes_of(element, &shape);
    let wrong = || {
        let expected = expected.map_or("more than there can be".to_owned(), |e| e.to_string());
        let count = body.len();
        origin.byte(
            4,
            format!(
                "sizes {shape:?} make {expected} bytes after the header, but there are {count}"
            ),
        )
    };
    Numbers::new(element, Order::Big, Layout::C, shape.clone(), body).ok_or_else(wrong)
}
