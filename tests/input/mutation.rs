//! Good files made bad, each change drawn from a seed.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Numbers at which arithmetic breaks.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x3fff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// What texts are broken with, beside the tokens of their own format.
const TOKENS: [&str; 24] = [
    "",
    "0",
    "-1",
    "1e999",
    "-0.0",
    "nan",
    "inf",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "4294967296",
    "null",
    "true",
    "\"",
    "'",
    "\\",
    "\n",
    "\u{feff}",
    "\u{e9}",
    "[",
    "{",
    "}",
    "]]",
];

/// One of the files, changed in one to four ways.
pub fn mutate(seed: u64, files: &[Vec<u8>], tokens: Option<&[&str]>) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = files[random.random_range(0..files.len())].clone();
    for _ in 0..random.random_range(1..=4) {
        let textual = tokens.is_some() && random.random_bool(0.5);
        match tokens {
            Some(tokens) if textual => change_text(&mut random, &mut bytes, tokens),
            _ => change_bytes(&mut random, &mut bytes, files),
        }
    }
    bytes
}

fn change_bytes(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>, files: &[Vec<u8>]) {
    if bytes.is_empty() {
        bytes.push(random.next_u32() as u8);
        return;
    }
    let at = random.random_range(0..bytes.len());
    let until = (at + random.random_range(1..=64)).min(bytes.len());
    match random.random_range(0..16) {
        0..=3 => bytes[at] ^= 1 << random.random_range(0..8),
        4..=5 => bytes[at] = random.next_u32() as u8,
        6 => bytes.truncate(at),
        7 => drop(bytes.drain(at..until)),
        8 => {
            let chunk = bytes[at..until].to_vec();
            bytes.splice(at..at, chunk);
        }
        9..=10 => {
            let other = &files[random.random_range(0..files.len())];
            let from = random.random_range(0..other.len());
            let chunk = &other[from..(from + until - at).min(other.len())];
            let end = if random.random() { at } else { until };
            bytes.splice(at..end, chunk.iter().copied());
        }
        _ => {
            let width = 1 << random.random_range(0..4);
            let number = match random.random_range(0..8) {
                0 => bytes.len() as u64,
                1 => at as u64,
                _ => NUMBERS[random.random_range(0..NUMBERS.len())],
            };
            let mut number = number.to_le_bytes()[..width].to_vec();
            if random.random() {
                number.reverse();
            }
            let at = at / width * width;
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
    }
}

/// Replaces, inserts, swaps or removes words.
fn change_text(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>, tokens: &[&str]) {
    let words = words(bytes);
    if words.is_empty() {
        return;
    }
    let (start, end) = words[random.random_range(0..words.len())];
    let pick = random.random_range(0..TOKENS.len() + tokens.len());
    let token = TOKENS.iter().chain(tokens).nth(pick).unwrap().as_bytes();
    match random.random_range(0..16) {
        0..=8 => drop(bytes.splice(start..end, token.iter().copied())),
        9..=10 => drop(bytes.splice(start..start, token.iter().copied())),
        11..=12 => {
            let (from, to) = words[random.random_range(0..words.len())];
            let other = bytes[from..to].to_vec();
            bytes.splice(start..end, other);
        }
        13..=14 => drop(bytes.drain(start..end)),
        _ => {
            // Deep enough to exhaust the stack of a parser that recurses without a limit.
            let opening = [b'[', b'{', b'('][random.random_range(0..3)];
            bytes.splice(start..start, std::iter::repeat_n(opening, 20_000));
        }
    }
}

/// Where words and single signs are.
fn words(bytes: &[u8]) -> Vec<(usize, usize)> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-+".contains(&byte);
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|&&byte| is_word(byte))
            .count();
        let end = at + length.max(1);
        if !bytes[at].is_ascii_whitespace() {
            words.push((at, end));
        }
        at = end;
    }
    words
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let files = [b"abc = [1, 2]\n".to_vec(), vec![7; 100]];
    let of = |seed| mutate(seed, &files, Some(&["x"]));
    assert!((0..100).all(|seed| of(seed) == of(seed)));
    let different: std::collections::BTreeSet<_> = (0..100).map(of).collect();
    assert!(different.len() > 80, "{}", different.len());
}
