//! The canonical spelling of a number.

use std::borrow::Cow;

/// Maximum digits of an exponent in computations. Numbers with longer exponents are equal only if they are spelled
/// alike.
const MAX_EXPONENT_DIGITS: usize = 15;

/// Returns the canonical form of a number.
///
/// A number without fraction and exponent is an integer, and any other number a decimal. They are never equal, so `1`
/// is not `1.0`: plugins in typed languages distinguish them. Decimals are equal if their exact values are: `1.5`,
/// `1.50` and `15e-1` are equal. A zero keeps its sign. The form is that of the shortest decimal of a double if the
/// double has the exact digits, because fingerprints of such numbers were stored in that form.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).map_or((digits, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if exponent.is_none() && whole.len() == digits.len() {
        return if text == "-0" { "-0.0".into() } else { text.into() };
    }
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let significant = all.trim_matches('0');
    if significant.is_empty() {
        return format!("{sign}0.0").into();
    }
    match exponent.map_or(Some(0), small) {
        // The value is 0.SIGNIFICANT times ten to the power of this.
        Some(exponent) => write(sign, significant, whole.len() as i64 - leading as i64 + exponent).into(),
        None => text.to_ascii_lowercase().into(),
    }
}

/// Parses the exponent; `None` if it is too long to compute with.
fn small(exponent: &str) -> Option<i64> {
    let digits = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
    let value: i64 =
        if digits.is_empty() { 0 } else { (digits.len() <= MAX_EXPONENT_DIGITS).then(|| digits.parse().ok())?? };
    Some(if exponent.starts_with('-') { -value } else { value })
}

/// Writes 0.DIGITS times ten to the power of `point`.
fn write(sign: &str, digits: &str, point: i64) -> String {
    match usize::try_from(point) {
        Ok(point @ 1..=16) if point >= digits.len() => format!("{sign}{digits:0<point$}.0"),
        Ok(point @ 1..=16) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ if (-4..=0).contains(&point) => {
            let zeros = "0".repeat(usize::try_from(-point).unwrap_or_default());
            format!("{sign}0.{zeros}{digits}")
        }
        _ if digits.len() == 1 => format!("{sign}{digits}e{:+}", point - 1),
        _ => format!("{sign}{}.{}e{:+}", &digits[..1], &digits[1..], point - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_equal_value_have_one_form() {
        for (form, all) in [
            ("1.5", &["1.50", "15e-1", "0.15E1", "1500e-3", "1.5e0", "1.5e-0", "0.00015e+0004"][..]),
            ("100.0", &["1e2", "100.00", "1E+2", "0.1e3", "10000e-2"]),
            ("0.0", &["0e7", "0.00", "0E-99999999999999999999", "0e400"]),
            ("-0.0", &["-0", "-0.0", "-0e1"]),
            ("1e+400", &["1e400", "10e399", "1.0e400", "0.1E+401"]),
            ("1e-400", &["0.1e-399", "100e-402"]),
            ("0.1000000000000000055", &["1000000000000000055e-19"]),
        ] {
            assert_eq!(canonical(form), form);
            for other in all {
                assert_eq!(canonical(other), form, "{other}");
            }
        }
    }

    #[test]
    fn different_numbers_have_different_forms() {
        let different = [
            "18446744073709551616",
            "18446744073709551617",
            "18446744073709551616.0",
            "1e400",
            "1e401",
            "-1e400",
            "1",
            "1.0",
            "9007199254740993.0",
            "9007199254740992.0",
            "0.1",
            "0.1000000000000000055",
            "1e-400",
            "0",
            "0.0",
            "-0.0",
            "1e999999999999999999",
            "1e9999999999999999999",
            "100",
            "1e2",
        ];
        let forms: std::collections::BTreeSet<_> = different.iter().map(|text| canonical(text)).collect();
        assert_eq!(forms.len(), different.len(), "{forms:?}");
    }

    /// Fingerprints of earlier versions contain doubles as serde_json writes them. It reads numbers of few digits and a
    /// small exponent exactly.
    #[test]
    fn exact_doubles_keep_the_form_in_stored_fingerprints() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200_000 {
            let length = random.u32(1..15);
            let (digits, exponent) = (random.u64(..10_u64.pow(length)), random.i32(-22..23));
            let (whole, fraction) = (digits / 1_000, digits % 1_000);
            for text in [format!("{digits}e{exponent}"), format!("-{whole}.{fraction:03}"), digits.to_string()] {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(canonical(&text), value.to_string(), "{text}");
            }
        }
    }
}
