//! Moments as they are on the wire: RFC 3339 text in UTC with milliseconds; any offset is read.

use std::time::{Duration, UNIX_EPOCH};

use saggar_job::Timestamp;

/// The last moment that has a year of four digits, in milliseconds.
const LAST_MS: u64 = 253_402_300_799_999;

/// How a moment is written.
pub fn write(at: Timestamp) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(at.0.min(LAST_MS));
    humantime::format_rfc3339_millis(at).to_string()
}

/// Reads `2026-11-24T10:00:00Z`, `2026-11-24T10:00:00.25+01:00` and the like. What is before 1970 is taken as the first
/// moment of that year, since nothing of a job is older.
pub fn read(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        "a moment is written as RFC 3339 has it, such as 2026-11-24T10:00:00Z or 2026-11-24T10:00:00+01:00 (in a query \
         `+` is written %2B)"
            .to_owned()
    };
    let (time, east_s) = split_offset(text).ok_or_else(wrong)?;
    let (time, is_older) = later_alike(time).ok_or_else(wrong)?;
    let at = humantime::parse_rfc3339(&time).map_err(|_| wrong())?;
    let ms = at.duration_since(UNIX_EPOCH).map_err(|_| wrong())?.as_millis();
    let ms = i64::try_from(ms).map_err(|_| wrong())? - east_s * 1_000;
    Ok(Timestamp(if is_older { 0 } else { ms.max(0).unsigned_abs() }))
}

/// The text of a moment after 1970 that is right where `time` is: of the same moment, or, if that is older, of the one 2,000
/// years later, for the calendar repeats itself every 400. And whether it is older.
fn later_alike(time: String) -> Option<(String, bool)> {
    let (year, rest) = time.split_at_checked("1970".len())?;
    let year: u16 = year.bytes().all(|digit| digit.is_ascii_digit()).then(|| year.parse().ok())??;
    Some(if year < 1970 { (format!("{}{rest}", year + 2_000), true) } else { (time, false) })
}

/// The text as if it were in UTC, and how many seconds east of UTC it really is.
fn split_offset(text: &str) -> Option<(String, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((format!("{time}Z"), 0));
    }
    let (time, offset) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |digits: &str, below: i64| {
        let number = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<i64>().ok())??;
        (digits.len() == 2 && number < below).then_some(number)
    };
    Some((format!("{time}Z"), sign * (number(hours, 24)? * 3_600 + number(minutes, 60)? * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_was_written_and_with_any_offset() {
        let at = Timestamp(1_795_514_400_250);
        assert_eq!(read(&write(at)), Ok(at));
        assert_eq!(read("2026-11-24T10:00:00.25+01:00"), read("2026-11-24T09:00:00.25Z"));
        assert_eq!(read("2026-11-24T10:00:00-02:30"), read("2026-11-24T12:30:00Z"));
    }

    #[test]
    fn what_is_older_than_1970_is_taken_as_its_beginning() {
        for old in ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "0000-02-29T23:59:59.9Z"] {
            assert_eq!(read(old), Ok(Timestamp(0)), "{old}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "",
            "Z",
            "2026-11-24",
            "2026-11-24T10:00:00",
            "2026-11-24T10:00:00+1:00",
            "1969-02-29T00:00:00Z",
            "+969-12-31T23:59:59Z",
            "2026-11-24T10:00:00+24:00",
            "2026-02-30T10:00:00Z",
            "éééééé",
            "tomorrow",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_beyond_all_calendars_is_shown_as_the_last_one() {
        assert_eq!(write(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
