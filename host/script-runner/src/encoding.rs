//! What TextEncoder and TextDecoder do. The prelude has the classes.

use rquickjs::{Array, Ctx, Exception, Object, Result, Value};

use crate::ffi;
use crate::host_function::{argument, define};

/// The characters of windows-1252 from 0x80 to 0x9F; the others are those of Unicode.
const WINDOWS_1252: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2C6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201C}',
    '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}', '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}',
    '\u{17E}', '\u{178}',
];

/// Adds `encode(text)` and `decode(bytes, encoding, fatal, isLast)`.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "encode", |ctx, arguments| {
        ffi::byte_array(ctx, ffi::text(&argument(ctx, arguments, 0))?.as_bytes())
    })?;
    define(native, "decode", decode)
}

/// Returns the text and how many bytes at the end are the beginning of a character.
fn decode<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let Some(bytes) = ffi::bytes(&argument(ctx, arguments, 0)) else {
        return Err(Exception::throw_type(ctx, "TextDecoder.decode takes a typed array or an ArrayBuffer"));
    };
    let flag = |index| argument(ctx, arguments, index).as_bool() == Some(true);
    let (is_fatal, is_last) = (flag(2), flag(3));
    let encoding = ffi::text(&argument(ctx, arguments, 1))?;
    let (text, rest, is_valid) = match encoding.as_str() {
        "utf-16le" => utf16(ctx, &bytes, u16::from_le_bytes, is_last)?,
        "utf-16be" => utf16(ctx, &bytes, u16::from_be_bytes, is_last)?,
        "windows-1252" => (ffi::string(ctx, &windows_1252(&bytes))?, 0, true),
        _ => utf8(ctx, &bytes, is_last)?,
    };
    if is_fatal && !is_valid {
        return Err(Exception::throw_type(ctx, &format!("the bytes are not valid {encoding}")));
    }
    let result = Array::new(ctx.clone())?;
    result.set(0, text)?;
    result.set(1, rest as u32)?;
    Ok(result.into_value())
}

type Decoded<'js> = (Value<'js>, usize, bool);

fn utf8<'js>(ctx: &Ctx<'js>, bytes: &[u8], is_last: bool) -> Result<Decoded<'js>> {
    let rest = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((ffi::string(ctx, text)?, 0, true)),
        // The error has no length if the text ends within a character.
        Err(error) if !is_last => incomplete_end(bytes, error.valid_up_to()),
        Err(_) => 0,
    };
    let whole = &bytes[..bytes.len() - rest];
    let is_valid = std::str::from_utf8(whole).is_ok();
    Ok((ffi::string(ctx, &String::from_utf8_lossy(whole))?, rest, is_valid))
}

/// Returns how many bytes at the end may be the beginning of a character.
fn incomplete_end(bytes: &[u8], valid: usize) -> usize {
    let earliest = bytes.len().saturating_sub(3).max(valid);
    (earliest..bytes.len())
        .find(|start| {
            std::str::from_utf8(&bytes[*start..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |start| bytes.len() - start)
}

fn utf16<'js>(ctx: &Ctx<'js>, bytes: &[u8], unit: fn([u8; 2]) -> u16, is_last: bool) -> Result<Decoded<'js>> {
    let mut units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    let mut rest = bytes.len() % 2;
    if !is_last && units.last().is_some_and(|last| (0xD800..0xDC00).contains(last)) {
        units.pop();
        rest += 2;
    }
    let is_valid = char::decode_utf16(units.iter().copied()).all(|unit| unit.is_ok()) && (!is_last || rest == 0);
    let mut text = String::from_utf16_lossy(&units);
    if is_last && rest > 0 {
        text.push('\u{FFFD}');
        rest = 0;
    }
    Ok((ffi::string(ctx, &text)?, rest, is_valid))
}

fn windows_1252(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}
