//! `fmt.Sprintf` and its relatives: Go's verbs for JavaScript's values.
//!
//! A number is a Go float64 without a fraction or an integer, as the verb wants it; objects and arrays are JSON. What does not
//! fit is shown as Go shows it: `%!d(string=x)`, `%!d(MISSING)`, `%!(EXTRA …)`.

use rquickjs::{Result, Value};

use crate::{ffi, inspect, json, properties};

/// The largest width and precision, so that a format cannot make a text of any size.
const MAX_WIDTH: usize = 1000;

/// One verb with its flags.
#[derive(Debug, Default)]
struct Directive {
    is_left: bool,
    is_zero_padded: bool,
    has_plus: bool,
    has_space: bool,
    is_alternative: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats: the first argument is the format, the others are what its verbs show.
pub(crate) fn sprintf(arguments: &[Value<'_>]) -> Result<String> {
    let Some((format, values)) = arguments.split_first() else { return Ok(String::new()) };
    let format = ffi::text(format)?;
    let mut text = String::with_capacity(format.len() + 32);
    let mut values = values.iter();
    let mut rest = format.as_str();
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = directive(&mut text, &rest[at + 1..], &mut values)?;
    }
    text.push_str(rest);
    if !values.as_slice().is_empty() {
        let extra: Vec<String> =
            values.map(|value| Ok(format!("{}={}", type_name(value), plain(value)?))).collect::<Result<_>>()?;
        text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(text)
}

/// Joins values with spaces.
pub(crate) fn sprint(values: &[Value<'_>]) -> Result<String> {
    let texts: Vec<String> = values.iter().map(plain).collect::<Result<_>>()?;
    Ok(texts.join(" "))
}

/// Formats one directive, whose `%` was read; returns what follows it.
fn directive<'t, 'a, 'js: 'a>(
    text: &mut String,
    format: &'t str,
    values: &mut std::slice::Iter<'a, Value<'js>>,
) -> Result<&'t str> {
    let mut directive = Directive::default();
    let mut rest = directive.flags(format);
    (directive.width, rest) = number(rest, values);
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after, values);
        // A dot alone means 0.
        directive.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    let Some(verb) = rest.chars().next() else {
        text.push_str("%!(NOVERB)");
        return Ok(rest);
    };
    rest = &rest[verb.len_utf8()..];
    if verb == '%' {
        text.push('%');
        return Ok(rest);
    }
    match values.next() {
        Some(value) => directive.format(text, verb, value)?,
        None => text.push_str(&format!("%!{verb}(MISSING)")),
    }
    Ok(rest)
}

/// Reads a width or precision: digits, or `*` for the next value.
fn number<'t, 'a, 'js: 'a>(format: &'t str, values: &mut std::slice::Iter<'a, Value<'js>>) -> (Option<usize>, &'t str) {
    if let Some(rest) = format.strip_prefix('*') {
        let width = values.next().and_then(Value::as_number).filter(|width| *width >= 0.0);
        return (width.map(|width| (width as usize).min(MAX_WIDTH)), rest);
    }
    let end = format.find(|character: char| !character.is_ascii_digit()).unwrap_or(format.len());
    (format[..end].parse::<usize>().ok().map(|width| width.min(MAX_WIDTH)), &format[end..])
}

impl Directive {
    /// Reads the flags; returns what follows them.
    fn flags<'t>(&mut self, format: &'t str) -> &'t str {
        let end = format.find(|flag| !"-0+ #".contains(flag)).unwrap_or(format.len());
        for flag in format[..end].chars() {
            match flag {
                '-' => self.is_left = true,
                '0' => self.is_zero_padded = true,
                '+' => self.has_plus = true,
                ' ' => self.has_space = true,
                _ => self.is_alternative = true,
            }
        }
        &format[end..]
    }

    fn format(&self, text: &mut String, verb: char, value: &Value<'_>) -> Result<()> {
        let shown = match verb {
            'v' => Some(if self.is_alternative { inspect::inspect(value) } else { plain(value)? }),
            's' => Some(self.shortened(plain(value)?)),
            'q' => Some(json::quote(&plain(value)?)),
            'j' => Some(json_text(value)?),
            'T' => Some(type_name(value).into()),
            't' => value.as_bool().map(|value| value.to_string()),
            'd' => whole(value).map(|number| self.signed(number.to_string())),
            'b' => whole(value).map(|number| self.signed(radix(number, |it| format!("{it:b}")))),
            'o' => whole(value).map(|number| self.signed(radix(number, |it| format!("{it:o}")))),
            'x' | 'X' => self.hexadecimal(verb, value)?,
            'c' => whole(value).and_then(|code| char::from_u32(u32::try_from(code).ok()?)).map(String::from),
            'U' => whole(value).map(|code| format!("U+{code:04X}")),
            'f' | 'F' => value.as_number().map(|number| self.signed(fixed(number, self.precision.unwrap_or(6)))),
            'e' | 'E' => {
                value.as_number().map(|number| self.signed(exponent(number, self.precision.unwrap_or(6), verb)))
            }
            'g' | 'G' => value.as_number().map(|_| plain(value)).transpose()?.map(|number| self.signed(number)),
            _ => None,
        };
        match shown {
            Some(shown) => self.pad(text, &shown, "dboxXfFeEgG".contains(verb) && value.is_number()),
            None => text.push_str(&format!("%!{verb}({}={})", type_name(value), plain(value)?)),
        }
        Ok(())
    }

    /// Shortens a string to the precision.
    fn shortened(&self, text: String) -> String {
        match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        }
    }

    fn signed(&self, number: String) -> String {
        match (number.starts_with('-'), self.has_plus, self.has_space) {
            (false, true, _) => format!("+{number}"),
            (false, false, true) => format!(" {number}"),
            _ => number,
        }
    }

    fn hexadecimal(&self, verb: char, value: &Value<'_>) -> Result<Option<String>> {
        let digits = if let Some(number) = whole(value) {
            let prefix = if self.is_alternative { "0x" } else { "" };
            self.signed(radix(number, |it| format!("{prefix}{it:x}")))
        } else if value.is_string() {
            ffi::text(value)?.bytes().map(|byte| format!("{byte:02x}")).collect()
        } else if let Some(bytes) = value.as_object().and_then(|_| ffi::bytes(value)) {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            return Ok(None);
        };
        Ok(Some(if verb == 'X' { digits.to_uppercase() } else { digits }))
    }

    fn pad(&self, text: &mut String, shown: &str, is_number: bool) {
        let missing = self.width.unwrap_or(0).saturating_sub(shown.chars().count());
        if missing == 0 {
            return text.push_str(shown);
        }
        if self.is_left {
            text.push_str(shown);
            text.extend(std::iter::repeat_n(' ', missing));
        } else if self.is_zero_padded && is_number {
            let digits = shown.find(|character: char| !"+- ".contains(character)).unwrap_or(0);
            text.push_str(&shown[..digits]);
            text.extend(std::iter::repeat_n('0', missing));
            text.push_str(&shown[digits..]);
        } else {
            text.extend(std::iter::repeat_n(' ', missing));
            text.push_str(shown);
        }
    }
}

/// Shows a value as `%v`: strings and numbers as they are, `<nil>` for null and undefined, else JSON.
fn plain(value: &Value<'_>) -> Result<String> {
    if value.is_null() || value.is_undefined() {
        return Ok("<nil>".into());
    }
    if value.as_object().is_none() && !value.is_symbol() {
        return ffi::text(value);
    }
    match ffi::kind(value) {
        ffi::Kind::Error => Ok(value.as_object().map(properties::summary).unwrap_or_default()),
        ffi::Kind::Plain | ffi::Kind::Array if value.is_object() => json_text(value),
        _ => Ok(inspect::inspect(value)),
    }
}

/// Returns a value as JSON; one that has none is shown as in a log.
fn json_text(value: &Value<'_>) -> Result<String> {
    match value.ctx().json_stringify(value.clone()) {
        Ok(Some(json)) => ffi::text(json.as_value()),
        Ok(None) => Ok("null".into()),
        // A cycle or a BigInt: a log must not fail for it.
        Err(_) => {
            value.ctx().catch();
            Ok(inspect::inspect(value))
        }
    }
}

/// Returns the Go type that a value is nearest to.
fn type_name(value: &Value<'_>) -> &'static str {
    match () {
        () if value.is_null() || value.is_undefined() => "<nil>",
        () if value.is_string() => "string",
        () if value.is_bool() => "bool",
        () if whole(value).is_some() => "int",
        () if value.is_number() => "float64",
        () if value.is_array() => "[]interface {}",
        () if value.is_function() => "func",
        () => "map[string]interface {}",
    }
}

/// Returns a number without a fraction, or a BigInt, that fits.
fn whole(value: &Value<'_>) -> Option<i64> {
    if value.is_big_int() {
        return ffi::text(value).ok()?.parse().ok();
    }
    let number = value.as_number()?;
    (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64)
}

fn radix(number: i64, digits: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", digits(number.unsigned_abs()))
}

fn fixed(number: f64, precision: usize) -> String {
    if number.is_finite() { format!("{number:.precision$}") } else { infinite(number) }
}

/// Returns `1.500000e+00`: Rust writes the exponent without sign and padding.
fn exponent(number: f64, precision: usize, verb: char) -> String {
    if !number.is_finite() {
        return infinite(number);
    }
    let text = format!("{number:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}{verb}{sign}{power:0>2}")
}

fn infinite(number: f64) -> String {
    match () {
        () if number.is_nan() => "NaN".into(),
        () if number > 0.0 => "+Inf".into(),
        () => "-Inf".into(),
    }
}
