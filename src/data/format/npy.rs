//! NumPy's NPY, versions 1.0 to 3.0 (NEP 1; `numpy.lib.format`): a magic string, the length of a
//! header, the header, which is a Python dictionary, and the elements.
//!
//! Only such headers are read as NumPy writes for arrays of plain numbers: the three keys `descr`,
//! `fortran_order` and `shape` in any order, without nesting beyond the shape's.

use super::numbers::{Element, Layout, Numbers, Order, bytes_of};
use super::unreadable::{Origin, Unreadable};

/// NumPy writes 128 bytes; it refuses to evaluate more than these.
const LONGEST_HEADER: usize = 10_000;
/// NumPy's own limit.
const MOST_AXES: usize = 64;

pub(super) fn parse<'a>(origin: Origin<'_>, bytes: &'a [u8]) -> Result<Numbers<'a>, Unreadable> {
    let ends = || origin.byte(bytes.len(), "the file ends inside its header".to_owned());
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(origin.byte(0, "not an NPY file".to_owned()));
    }
    let &[_, _, _, _, _, _, major, minor, a, b, ..] = bytes else {
        return Err(ends());
    };
    let (start, length) = match (major, minor) {
        (1, 0) => (10, usize::from(u16::from_le_bytes([a, b]))),
        (2 | 3, 0) => {
            let &[c, d] = bytes.get(10..12).unwrap_or_default() else {
                return Err(ends());
            };
            (12, u32::from_le_bytes([a, b, c, d]) as usize)
        }
        _ => {
            return Err(origin.byte(
                6,
                format!("NPY version {major}.{minor}; 1.0, 2.0 and 3.0 are read"),
            ));
        }
    };
    if length > LONGEST_HEADER {
        return Err(origin.byte(
            8,
            format!("a header of {length} bytes; no array of plain numbers has one above {LONGEST_HEADER}"),
        ));
    }
    let header = bytes.get(start..start + length).ok_or_else(ends)?;
    let body = &bytes[start + length..];
    let Header {
        element,
        order,
        layout,
        shape,
    } = Reader {
        origin,
        header,
        start,
        next: 0,
    }
    .header()?;
    let expected = bytes_of(element, &shape);
    if expected != Some(body.len()) {
        let expected = expected.map_or("more than there can be".to_owned(), |e| e.to_string());
        let got = body.len();
        return Err(origin.byte(
            start + length,
            format!("shape {shape:?} takes {expected} bytes, but {got} follow the header"),
        ));
    }
    Numbers::new(element, order, layout, shape, body)
        .ok_or_else(|| origin.whole("its length does not match its shape".to_owned()))
}

struct Header {
    element: Element,
    order: Order,
    layout: Layout,
    shape: Vec<usize>,
}

/// Reads the header from byte `next` on.
struct Reader<'a, 'o> {
    origin: Origin<'o>,
    header: &'a [u8],
    /// Where in the file the header starts.
    start: usize,
    next: usize,
}

impl<'a> Reader<'a, '_> {
    fn header(mut self) -> Result<Header, Unreadable> {
        let (mut descr, mut layout, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.take(b'}') {
            self.skip_space();
            let at = self.next;
            let key = self.text()?;
            self.expect(b':')?;
            let again = match key {
                b"descr" => descr.replace(self.descr()?).is_some(),
                b"fortran_order" => layout.replace(self.layout()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                _ => {
                    let key = String::from_utf8_lossy(key);
                    return Err(self.wrong(at, format!("unknown key `{key}`")));
                }
            };
            if again {
                return Err(self.wrong(at, "a key that was there before".to_owned()));
            }
            if !self.take(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.skip_space();
        if self.next < self.header.len() {
            return Err(self.wrong(self.next, "more text after the dictionary".to_owned()));
        }
        let absent = |key| self.wrong(0, format!("the header has no key `{key}`"));
        let (element, order) = descr.ok_or_else(|| absent("descr"))?;
        Ok(Header {
            element,
            order,
            layout: layout.ok_or_else(|| absent("fortran_order"))?,
            shape: shape.ok_or_else(|| absent("shape"))?,
        })
    }

    fn descr(&mut self) -> Result<(Element, Order), Unreadable> {
        self.skip_space();
        let at = self.next;
        if self.header.get(at) == Some(&b'[') {
            return Err(self.wrong(
                at,
                "an array of records; only arrays of plain numbers are read".to_owned(),
            ));
        }
        let text = self.text()?;
        let unknown = || {
            let text = String::from_utf8_lossy(text);
            self.wrong(
                at,
                format!("elements of type `{text}`; b1, u1 to u8, i1 to i8, f4 and f8 are read"),
            )
        };
        let (order, code) = text.split_at_checked(1).ok_or_else(unknown)?;
        let element = match code {
            b"b1" => Element::Bool,
            b"u1" => Element::U8,
            b"u2" => Element::U16,
            b"u4" => Element::U32,
            b"u8" => Element::U64,
            b"i1" => Element::I8,
            b"i2" => Element::I16,
            b"i4" => Element::I32,
            b"i8" => Element::I64,
            b"f4" => Element::F32,
            b"f8" => Element::F64,
            _ => return Err(unknown()),
        };
        match order {
            b"<" => Ok((element, Order::Little)),
            b">" => Ok((element, Order::Big)),
            b"|" if element.size() == 1 => Ok((element, Order::Little)),
            _ => Err(unknown()),
        }
    }

    fn layout(&mut self) -> Result<Layout, Unreadable> {
        self.skip_space();
        let rest = &self.header[self.next..];
        for (word, layout) in [("True", Layout::Fortran), ("False", Layout::C)] {
            if rest.starts_with(word.as_bytes()) {
                self.next += word.len();
                return Ok(layout);
            }
        }
        Err(self.wrong(self.next, "expected True or False".to_owned()))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Unreadable> {
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while !self.take(b')') {
            if shape.len() == MOST_AXES {
                return Err(self.wrong(self.next, format!("more than {MOST_AXES} axes")));
            }
            shape.push(self.number()?);
            if !self.take(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<usize, Unreadable> {
        self.skip_space();
        let at = self.next;
        let digits = self.header[at..].iter().take_while(|b| b.is_ascii_digit());
        let digits = &self.header[at..at + digits.count()];
        self.next += digits.len();
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok());
        // As Python 2 wrote large numbers.
        self.take(b'L');
        number.ok_or_else(|| self.wrong(at, "expected the size of an axis".to_owned()))
    }

    /// A string in single or double quotes, without escapes.
    fn text(&mut self) -> Result<&'a [u8], Unreadable> {
        self.skip_space();
        let at = self.next;
        let Some(&quote @ (b'\'' | b'"')) = self.header.get(at) else {
            return Err(self.wrong(at, "expected a string in quotes".to_owned()));
        };
        let rest = &self.header[at + 1..];
        match rest.iter().position(|&byte| byte == quote || byte == b'\\') {
            Some(end) if rest[end] == quote => {
                self.next = at + end + 2;
                Ok(&rest[..end])
            }
            _ => Err(self.wrong(
                at,
                "expected a string that ends, without escapes".to_owned(),
            )),
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Unreadable> {
        if self.take(wanted) {
            return Ok(());
        }
        let wanted = char::from(wanted);
        Err(self.wrong(self.next, format!("expected `{wanted}` in the header")))
    }

    fn take(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let there = self.header.get(self.next) == Some(&wanted);
        self.next += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        let space = |byte: &&u8| byte.is_ascii_whitespace();
        self.next += self.header[self.next..].iter().take_while(space).count();
    }

    fn wrong(&self, at: usize, message: String) -> Unreadable {
        self.origin.byte(self.start + at, message)
    }
}
