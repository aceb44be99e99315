//! DER (X.690) to the last byte. The parser of certificates overlooks what follows inside a structure; an approver must
//! not, because whoever signs may read on.

/// One element: its identifier octet and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside; none if it is primitive, or they do not fill it.
    pub fn children(self) -> Option<Vec<Element<'a>>> {
        if self.tag & CONSTRUCTED == 0 { None } else { elements(self.content) }
    }
}

/// The elements that these bytes are made of. None if anything is left over or not DER.
pub fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = first(bytes)?;
        all.push(element);
        bytes = rest;
    }
    Some(all)
}

/// The first element and what follows it.
pub fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x83 => {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            let length = long.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            // The shortest form is the only one.
            if length < 0x80 || long.first() == Some(&0) {
                return None;
            }
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    // Tags of several octets occur in nothing that is read here.
    (tag & 0x1f != 0x1f).then_some((Element { tag, content }, rest))
}

/// Whether these bytes are DER all the way down.
pub fn is_der(bytes: &[u8]) -> bool {
    is_der_within(bytes, DEEPEST)
}

fn is_der_within(bytes: &[u8], depth: u8) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let is_sound = |it: &Element<'_>| it.tag & CONSTRUCTED == 0 || is_der_within(it.content, depth);
    elements(bytes).is_some_and(|all| all.iter().all(is_sound))
}

pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub const UTF8_STRING: u8 = 0x0c;
pub const PRINTABLE_STRING: u8 = 0x13;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// `[0]`, constructed.
pub const ATTRIBUTES: u8 = 0xa0;

const CONSTRUCTED: u8 = 0x20;
/// A PKCS#10 request has seven levels.
const DEEPEST: u8 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_length_is_one() {
        let content = [0; 0x80];
        let with = |length: &[u8]| [&[INTEGER], length, &content].concat();
        let read = |bytes: &[u8]| first(bytes).map(|(it, rest)| (it.content.len(), rest.len()));
        assert_eq!(
            [
                read(&with(&[0x81, 0x80])),
                read(&with(&[0x82, 0, 0x80])),
                read(&with(&[0x81, 0x7f])),
                read(&with(&[0x80]))
            ],
            [Some((0x80, 0)), None, None, None]
        );
    }

    #[test]
    fn what_follows_inside_a_structure_is_seen() {
        assert_eq!(
            [
                is_der(&[SEQUENCE, 3, INTEGER, 1, 0]),
                is_der(&[SEQUENCE, 4, INTEGER, 1, 0, 7]),
                is_der(&[SEQUENCE, 9, 0])
            ],
            [true, false, false]
        );
    }

    #[test]
    fn a_well_of_nested_structures_ends() {
        let nested =
            (0..40).fold(Vec::new(), |inner, _| [vec![SEQUENCE, u8::try_from(inner.len()).unwrap()], inner].concat());
        assert!(!is_der(&nested));
    }
}
