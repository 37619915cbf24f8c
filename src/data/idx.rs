//! The IDX format of MNIST and its kin: big-endian header, then unsigned bytes.
//!
//! Header: two zero bytes, the type (8: unsigned byte), the number of dimensions, then each
//! dimension as 32 bits (`LeCun`, "The MNIST database"). Parsing is strict and borrows: the
//! header must say exactly what the file holds, so nothing is allocated on its word.

use super::error::Error;

const UNSIGNED_BYTE: u8 = 8;

/// Size of an IDX file of `rows` images.
pub(super) fn image_bytes(rows: usize, image: (usize, usize)) -> u64 {
    (16 + rows * image.0 * image.1) as u64
}

/// Size of an IDX file of `rows` labels.
pub(super) fn label_bytes(rows: usize) -> u64 {
    (8 + rows) as u64
}

/// The pixels of an IDX file of `rows` images, row-major. `file` is its name in errors.
///
/// # Errors
/// [`Error::Format`] with the byte where the file is not what it should be.
pub fn images<'a>(
    file: &str,
    bytes: &'a [u8],
    rows: usize,
    image: (usize, usize),
) -> Result<&'a [u8], Error> {
    body(file, bytes, &[rows, image.0, image.1])
}

/// The labels of an IDX file of `rows` labels, each below `classes`. `file` is its name in errors.
///
/// # Errors
/// [`Error::Format`] with the byte where the file is not what it should be.
pub fn labels<'a>(
    file: &str,
    bytes: &'a [u8],
    rows: usize,
    classes: usize,
) -> Result<&'a [u8], Error> {
    let labels = body(file, bytes, &[rows])?;
    match labels.iter().position(|&label| label as usize >= classes) {
        None => Ok(labels),
        Some(row) => Err(Error::Format {
            file: file.to_owned(),
            byte: (bytes.len() - labels.len() + row) as u64,
            message: format!(
                "row {row} has label {}, but the last class is {}",
                labels[row],
                classes.saturating_sub(1)
            ),
        }),
    }
}

/// The values after the header, which must announce exactly `dims`.
fn body<'a>(file: &str, bytes: &'a [u8], dims: &[usize]) -> Result<&'a [u8], Error> {
    let wrong = |byte: usize, message: String| Error::Format {
        file: file.to_owned(),
        byte: byte as u64,
        message,
    };
    let header = 4 + 4 * dims.len();
    if bytes.len() < header {
        return Err(wrong(
            bytes.len(),
            format!("the file ends inside the {header}-byte IDX header"),
        ));
    }
    if bytes[..2] != [0, 0] {
        return Err(wrong(
            0,
            format!(
                "not an IDX file: starts with {:02x}{:02x}, not 0000",
                bytes[0], bytes[1]
            ),
        ));
    }
    if bytes[2] != UNSIGNED_BYTE {
        return Err(wrong(
            2,
            format!(
                "IDX type 0x{:02x}, only unsigned bytes (0x08) are read",
                bytes[2]
            ),
        ));
    }
    if bytes[3] as usize != dims.len() {
        return Err(wrong(
            3,
            format!("{} dimensions, expected {}", bytes[3], dims.len()),
        ));
    }
    let (head, body) = bytes.split_at(header);
    for (axis, (&expected, field)) in dims.iter().zip(head[4..].chunks_exact(4)).enumerate() {
        let got = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
        if u64::from(got) != expected as u64 {
            return Err(wrong(
                4 + 4 * axis,
                format!("dimension {axis} is {got}, expected {expected}"),
            ));
        }
    }
    let product = |product: usize, &size: &usize| product.saturating_mul(size);
    let expected = dims.iter().fold(1, product);
    if body.len() != expected {
        return Err(wrong(
            header + body.len().min(expected),
            format!("{} bytes after the header, expected {expected}", body.len()),
        ));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Two images of 2 x 3 pixels.
    fn two_images() -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend(0..12);
        bytes
    }

    fn failure(bytes: &[u8]) -> (u64, String) {
        match images("f", bytes, 2, (2, 3)) {
            Err(Error::Format { byte, message, .. }) => (byte, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pixels_follow_the_header() {
        let bytes = two_images();
        let expected: Vec<u8> = (0..12).collect();
        assert_eq!(images("f", &bytes, 2, (2, 3)).unwrap(), expected);
        assert_eq!(bytes.len() as u64, image_bytes(2, (2, 3)));
    }

    #[test]
    fn every_header_field_is_checked_and_named_by_its_byte() {
        for (position, value, byte, words) in [
            (0, 0x1f, 0, "not an IDX file"),
            (2, 0x0d, 2, "IDX type 0x0d"),
            (3, 1, 3, "1 dimensions, expected 3"),
            (7, 3, 4, "dimension 0 is 3, expected 2"),
            (8, 0xff, 8, "dimension 1 is 4278190082, expected 2"),
            (15, 4, 12, "dimension 2 is 4, expected 3"),
        ] {
            let mut bytes = two_images();
            bytes[position] = value;
            let (at, message) = failure(&bytes);
            assert_eq!(at, byte, "{message}");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn short_and_long_files_are_refused() {
        let bytes = two_images();
        for length in 0..bytes.len() {
            assert_eq!(failure(&bytes[..length]).0, length as u64);
        }
        let mut long = bytes;
        long.push(0);
        let (at, message) = failure(&long);
        assert_eq!(at, 28);
        assert!(message.contains("13 bytes after the header"), "{message}");
    }

    #[test]
    fn a_label_beyond_the_classes_is_named_by_row_and_byte() {
        let bytes = [0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 9];
        assert_eq!(labels("f", &bytes, 3, 10).unwrap(), [1, 2, 9]);
        let error = labels("f", &bytes, 3, 9).unwrap_err().to_string();
        assert_eq!(
            error,
            "f, byte 10: row 2 has label 9, but the last class is 8"
        );
    }
}
