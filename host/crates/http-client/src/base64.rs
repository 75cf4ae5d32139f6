//! Base64, as far as signatures and the redaction of secrets need it.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the base64 text of bytes, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let sextets = (bytes.len() * 8).div_ceil(6);
    let padding = std::iter::repeat_n(b'=', (4 - sextets % 4) % 4);
    (0..sextets).filter_map(|index| character(bytes, index)).chain(padding).map(char::from).collect()
}

/// Returns what of the base64 text of any data with `value` in it depends on `value` alone, if `before` bytes (modulo 3)
/// precede it.
pub(crate) fn middle(value: &[u8], before: usize) -> Vec<u8> {
    let before = before % 3;
    // The bits of the neighbours are zero here, and the characters that contain some of them are left out.
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
    let first = (before * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    (first..end).filter_map(|index| character(&bytes, index)).collect()
}

/// Returns the character for six bits. Those behind the end of the bytes are zero.
fn character(bytes: &[u8], index: usize) -> Option<u8> {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let sextet = (0..6).fold(0_usize, |sum, offset| sum << 1 | usize::from(bit(index * 6 + offset)));
    STANDARD.get(sextet).copied()
}

/// Returns the same text in the alphabet of URLs.
pub(crate) fn for_urls(text: &[u8]) -> Vec<u8> {
    let replace = |byte: &u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    text.iter().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_part_of_every_encoding() {
        // base64("sk_live_0123456789")
        assert_eq!(middle(b"sk_live_0123456789", 0), b"c2tfbGl2ZV8wMTIzNDU2Nzg5");
        // base64("u:sk_live_0123456789!") = "dTpza19saXZlXzAxMjM0NTY3ODkh"
        let whole = "dTpza19saXZlXzAxMjM0NTY3ODkh";
        let part = String::from_utf8(middle(b"sk_live_0123456789", 2)).unwrap();
        assert!(whole.contains(&part) && part.len() >= 23, "{part}");
        // base64("xsk_live_0123456789") = "eHNrX2xpdmVfMDEyMzQ1Njc4OQ=="
        let part = String::from_utf8(middle(b"sk_live_0123456789", 1)).unwrap();
        assert!("eHNrX2xpdmVfMDEyMzQ1Njc4OQ==".contains(&part) && part.len() >= 22, "{part}");
    }

    #[test]
    fn bytes_are_encoded_with_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(encode(bytes.as_bytes()), text);
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn urls_have_another_alphabet() {
        assert_eq!(for_urls(b"a+b/c"), b"a-b_c");
    }
}
