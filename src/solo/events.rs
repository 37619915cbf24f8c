//! `TensorBoard`'s event files: scalars by iteration.
//!
//! A file is a sequence of records (length, its checksum, bytes, their checksum) as TensorFlow's
//! `TFRecord` has them, with CRC-32C rotated and offset; each holds an `Event` message of
//! `tensorflow/core/util/event.proto`, of which a few fields are written here. No crate that does
//! this is kept up.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::files::create_folder;

/// An event file that grows.
#[derive(Debug)]
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Begins a new file in `folder`. What other files of the folder have at `first_step` or later is
    /// void from here on: `TensorBoard` leaves it out.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn begin(folder: &Path, first_step: u64) -> io::Result<Self> {
        create_folder(folder)?;
        let now = since_epoch();
        // TensorBoard reads files in the order of their names.
        let mut number = 0_u32;
        let file = loop {
            let name = format!(
                "events.out.tfevents.{:010}.{number:03}.replicate",
                now as u64
            );
            match File::create_new(folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 999 => {
                    number += 1;
                }
                opened => break opened?,
            }
        };
        let mut this = Self { file };
        let mut version = event_at(now, 0);
        field_bytes(&mut version, 3, b"brain.Event:2");
        this.record(&version)?;
        let mut start = event_at(now, first_step);
        // SessionLog { status: START }
        let mut log = Vec::new();
        field_varint(&mut log, 1, 1);
        field_bytes(&mut start, 7, &log);
        this.record(&start)?;
        Ok(this)
    }

    /// Adds scalars of one iteration; those that are not finite are left out.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> io::Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            if !value.is_finite() {
                continue;
            }
            let mut one = Vec::new();
            field_bytes(&mut one, 1, tag.as_bytes());
            one.push(2 << 3 | FIXED32);
            one.extend_from_slice(&(value as f32).to_le_bytes());
            field_bytes(&mut summary, 1, &one);
        }
        let mut event = event_at(since_epoch(), step);
        field_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// One write a record, so that a reader sees it whole.
    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut record = Vec::with_capacity(bytes.len() + 16);
        let length = (bytes.len() as u64).to_le_bytes();
        record.extend_from_slice(&length);
        record.extend_from_slice(&masked_checksum(&length).to_le_bytes());
        record.extend_from_slice(bytes);
        record.extend_from_slice(&masked_checksum(bytes).to_le_bytes());
        self.file.write_all(&record)
    }
}

/// Wire types of protocol buffers.
const FIXED64: u8 = 1;
const FIXED32: u8 = 5;
const LENGTH: u8 = 2;

/// An `Event` with its time and step.
fn event_at(time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | FIXED64];
    event.extend_from_slice(&time.to_le_bytes());
    field_varint(&mut event, 2, step);
    event
}

fn since_epoch() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |time| time.as_secs_f64())
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field_varint(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    varint(out, value);
}

fn field_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | LENGTH);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// `TFRecord`'s checksum: CRC-32C, rotated by 15 bits and offset, so that checksums of data that
/// hold checksums do not degenerate.
fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ (if value & 1 == 1 { 0x82f6_3b78 } else { 0 });
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    let step = |crc: u32, &byte: &u8| TABLE[((crc ^ u32::from(byte)) & 0xff) as usize] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and 0 to 31.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn messages_have_the_bytes_that_protobuf_gives() {
        // from tensorboard.compat.proto.event_pb2 import Event
        // e = Event(wall_time=1.5, step=300)
        // e.summary.value.add(tag="L", simple_value=0.25)
        // print(e.SerializeToString().hex())
        let mut event = event_at(1.5, 300);
        let mut one = Vec::new();
        field_bytes(&mut one, 1, b"L");
        one.push(2 << 3 | FIXED32);
        one.extend_from_slice(&0.25_f32.to_le_bytes());
        let mut summary = Vec::new();
        field_bytes(&mut summary, 1, &one);
        field_bytes(&mut event, 5, &summary);
        let hex = event
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(hex, "09000000000000f83f10ac022a0a0a080a014c150000803e");
    }

    #[test]
    fn a_file_is_whole_records_and_leaves_out_what_is_not_finite() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::begin(folder.path(), 0).unwrap();
        let values = [("a", 1.0), ("b", f64::NAN), ("c", f64::INFINITY)];
        events.scalars(7, values).unwrap();
        let second = EventFile::begin(folder.path(), 8).unwrap();
        drop(second);
        let mut paths: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        assert_eq!(paths.len(), 2);
        let bytes = std::fs::read(&paths[0]).unwrap();
        let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let sum = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            assert_eq!(sum(8), masked_checksum(&rest[..8]));
            assert_eq!(sum(12 + length), masked_checksum(&rest[12..12 + length]));
            records.push(rest[12..12 + length].to_vec());
            rest = &rest[16 + length..];
        }
        assert_eq!(records.len(), 3);
        assert!(records[0].ends_with(b"brain.Event:2"));
        let text = String::from_utf8_lossy(&records[2]).into_owned();
        assert!(
            text.contains('a') && !text.contains('b') && !text.contains('c'),
            "{text}"
        );
    }
}
