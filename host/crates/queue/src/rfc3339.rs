//! Times as RFC 3339 text, as they are on the wire. Written in UTC with milliseconds; the whole grammar is parsed.

use std::time::{Duration, UNIX_EPOCH};

use saggar_job::Timestamp;

/// The last time that has a year of four digits, in milliseconds.
const LAST_MS: u64 = 253_402_300_799_999;

/// Formats a time. Later times than the year 9999 are formatted as its last one.
pub fn write(at: Timestamp) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(at.0.min(LAST_MS));
    humantime::format_rfc3339_millis(at).to_string()
}

/// Parses a time in the grammar of RFC 3339 and nothing else: `T` and `Z` in either case, a space instead of the `T`, a
/// fraction of any length, any offset (`-00:00` too), a leap second where one is possible, years 0000 to 9999.
///
/// Fractions of a millisecond are rounded up, so that nothing happens before the requested time. A time before 1970 is
/// taken as the start of 1970, because nothing about a job is older.
///
/// # Errors
///
/// A sentence that says whether the format is wrong, or which part of the date or the time does not exist.
pub fn read(text: &str) -> Result<Timestamp, String> {
    let Parts { date, time, fraction_ms, east_min } = parts(text.as_bytes()).ok_or_else(|| {
        "expected a time as in RFC 3339, such as 2026-11-24T10:00:00Z or 2026-11-24T10:00:00+01:00 (in a query `+` is \
         written %2B)"
            .to_owned()
    })?;
    check_date(date)?;
    let days = days_since_1970(date);
    let [hour, minute, second] = time.map(i64::from);
    if hour > 23 || minute > 59 || second > 60 {
        return Err(format!("there is no time {hour:02}:{minute:02}:{second:02}; times go from 00:00:00 to 23:59:59"));
    }
    let minutes = days * 1_440 + hour * 60 + minute - east_min?;
    if second == 60 && !ends_month(minutes) {
        return Err(
            "second 60 is a leap second, which can only be at 23:59:60 UTC on the last day of a month".to_owned()
        );
    }
    let ms = (minutes * 60 + second) * 1_000 + fraction_ms;
    Ok(Timestamp(ms.max(0).unsigned_abs()))
}

/// The parts of a text in the right format.
struct Parts {
    /// Year, month and day.
    date: [u32; 3],
    /// Hour, minute and second.
    time: [u32; 3],
    fraction_ms: i64,
    /// Minutes east of UTC, or why the offset is invalid.
    east_min: Result<i64, String>,
}

fn parts(text: &[u8]) -> Option<Parts> {
    let (head, mut rest) = text.split_at_checked("2026-11-24T10:00:00".len())?;
    let is_separated = head[4] == b'-'
        && head[7] == b'-'
        && matches!(head[10], b'T' | b't' | b' ')
        && head[13] == b':'
        && head[16] == b':';
    let at = |from: usize, to: usize| number(&head[from..to]).filter(|_| is_separated);
    let date = [at(0, 4)?, at(5, 7)?, at(8, 10)?];
    let time = [at(11, 13)?, at(14, 16)?, at(17, 19)?];
    let mut fraction_ms = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = fraction.split_at(length);
        let (ms, beyond) = digits.split_at(length.min(3));
        let scale = [0, 100, 10, 1].get(ms.len()).copied().filter(|_| length > 0)?;
        fraction_ms = i64::from(number(ms)?) * scale + i64::from(beyond.iter().any(|digit| *digit != b'0'));
        rest = after;
    }
    Some(Parts { date, time, fraction_ms, east_min: offset(rest)? })
}

fn offset(text: &[u8]) -> Option<Result<i64, String>> {
    let (sign, hours, minutes) = match text {
        b"Z" | b"z" => return Some(Ok(0)),
        [b'+', h1, h2, b':', m1, m2] => (1, [*h1, *h2], [*m1, *m2]),
        [b'-', h1, h2, b':', m1, m2] => (-1, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (i64::from(number(&hours)?), i64::from(number(&minutes)?));
    if hours > 23 || minutes > 59 {
        return Some(Err(format!("there is no offset {hours:02}:{minutes:02}; offsets go from 00:00 to 23:59")));
    }
    Some(Ok(sign * (hours * 60 + minutes)))
}

/// Parses decimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

fn check_date([year, month, day]: [u32; 3]) -> Result<(), String> {
    let Some(days) = days_of_month(year, month) else {
        return Err(format!("there is no month {month:02}; months go from 01 to 12"));
    };
    if (1..=days).contains(&day) {
        return Ok(());
    }
    Err(format!("there is no date {year:04}-{month:02}-{day:02}; that month has {days} days"))
}

fn days_of_month(year: u32, month: u32) -> Option<u32> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => Some(29),
        2 => Some(28),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Returns the days from 1970 to a date of the Gregorian calendar, extended back to the year 0.
fn days_since_1970([year, month, day]: [u32; 3]) -> i64 {
    // Days before a year, counted from the start of the year 0.
    let before = |year: i64| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let of_months: u32 = (1..month).filter_map(|month| days_of_month(year, month)).sum();
    before(i64::from(year)) - before(1970) + i64::from(of_months + day) - 1
}

/// Returns whether this minute, counted from 1970 in UTC, is the last one of a month.
fn ends_month(minutes: i64) -> bool {
    // There were no leap seconds before 1970.
    let Ok(ms) = u64::try_from((minutes + 1) * 60_000) else { return false };
    write(Timestamp(ms)).contains("-01T00:00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_parsed_as_it_was_written_and_with_any_offset() {
        let at = Timestamp(1_795_514_400_250);
        assert_eq!(read(&write(at)), Ok(at));
        assert_eq!(read("2026-11-24T10:00:00.25+01:00"), read("2026-11-24T09:00:00.25Z"));
        assert_eq!(read("2026-11-24T10:00:00-02:30"), read("2026-11-24T12:30:00Z"));
    }

    /// Random times up to the year 9999, and some days, against another implementation of the calendar.
    #[test]
    fn dates_agree_with_another_calendar() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let at = Timestamp(random.u64(..=LAST_MS));
            assert_eq!(read(&write(at)), Ok(at));
        }
        let day = |text: &str| days_since_1970(parts(text.as_bytes()).unwrap().date);
        assert_eq!(
            (day("1970-01-01T00:00:00Z"), day("1969-12-31T00:00:00Z"), day("0000-01-01T00:00:00Z")),
            (0, -1, -719_528)
        );
    }

    #[test]
    fn the_whole_grammar_is_parsed() {
        let at = read("2026-11-24T10:00:00Z").unwrap();
        for (text, later_ms) in [
            ("2026-11-24t10:00:00z", 0),
            ("2026-11-24 10:00:00Z", 0),
            ("2026-11-24T10:00:00-00:00", 0),
            ("2026-11-24T10:00:00+00:00", 0),
            ("2026-11-24T10:00:00.0Z", 0),
            ("2026-11-24T10:00:00.5z", 500),
            ("2026-11-24T10:00:00.000000000000000000000000000000Z", 0),
            ("2026-11-24T10:00:00.001000Z", 1),
            ("2026-11-24T10:00:00.0010000000000000000000000000001Z", 2),
            ("2026-11-24T10:00:00.9999999Z", 1_000),
            ("2026-11-25T09:59:00+23:59", 0),
            ("2026-11-23T10:01:00.75-23:59", 750),
        ] {
            assert_eq!(read(text), Ok(at.plus_ms(later_ms)), "{text}");
        }
        assert_eq!(read("9999-12-31T23:59:59.999Z"), Ok(Timestamp(LAST_MS)));
        assert!(read("2024-02-29T00:00:00Z").is_ok() && read("2000-02-29T00:00:00Z").is_ok());
    }

    #[test]
    fn a_leap_second_is_valid_only_at_the_end_of_a_month() {
        for (leap, next) in [
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
            ("2015-07-01T08:59:60.5+09:00", "2015-07-01T00:00:00.5Z"),
        ] {
            assert!(read(leap).is_ok_and(|at| Ok(at) == read(next)), "{leap}");
        }
        for bad in ["2016-12-31T23:58:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:59:60+01:00", "2016-12-31T12:00:60Z"]
        {
            assert!(read(bad).is_err_and(|why| why.contains("leap second")), "{bad}");
        }
    }

    #[test]
    fn times_before_1970_are_taken_as_its_start() {
        for old in
            ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "0000-02-29T23:59:59.9Z", "0000-01-01T00:00:00+23:59"]
        {
            assert_eq!(read(old), Ok(Timestamp(0)), "{old}");
        }
    }

    #[test]
    fn a_wrong_format_and_an_impossible_date_or_time_have_different_errors() {
        for bad in [
            "",
            "Z",
            "2026-11-24",
            "2026-11-24T10:00:00",
            "2026-11-24T10:00Z",
            "2026-11-24T10:00:00.Z",
            "2026-11-24T10:00:00,5Z",
            "2026-11-24T10:00:00 Z",
            " 2026-11-24T10:00:00Z",
            "2026-11-24T10:00:00Z ",
            "2026-11-24_10:00:00Z",
            "2026-11-24T10:00:00+1:00",
            "2026-11-24T10:00:00+0100",
            "2026-11-24T10:00:00+01",
            "2026-11-24T10:00:00 01:00",
            "2026-11-24T10:00:00\u{2212}01:00",
            "2026-W48-2T10:00:00Z",
            "20261124T100000Z",
            "+969-12-31T23:59:59Z",
            "12026-11-24T10:00:00Z",
            "\u{662}026-11-24T10:00:00Z",
            "éééééé",
            "tomorrow",
            "1795514400",
        ] {
            assert!(read(bad).is_err_and(|why| why.starts_with("expected a time as in RFC 3339")), "{bad}");
        }
        for (bad, why) in [
            ("2026-02-30T10:00:00Z", "there is no date 2026-02-30; that month has 28 days"),
            ("1900-02-29T10:00:00Z", "there is no date 1900-02-29; that month has 28 days"),
            ("2026-04-31t10:00:00z", "there is no date 2026-04-31; that month has 30 days"),
            ("2026-11-00T10:00:00Z", "there is no date 2026-11-00; that month has 30 days"),
            ("2026-13-01T10:00:00Z", "there is no month 13; months go from 01 to 12"),
            ("2026-00-01T10:00:00Z", "there is no month 00; months go from 01 to 12"),
            ("2026-11-24T24:00:00Z", "there is no time 24:00:00; times go from 00:00:00 to 23:59:59"),
            ("2026-11-24T10:60:00Z", "there is no time 10:60:00; times go from 00:00:00 to 23:59:59"),
            ("2026-11-24T10:00:61Z", "there is no time 10:00:61; times go from 00:00:00 to 23:59:59"),
            ("2026-11-24T10:00:00+24:00", "there is no offset 24:00; offsets go from 00:00 to 23:59"),
            ("2026-11-24T10:00:00-01:60", "there is no offset 01:60; offsets go from 00:00 to 23:59"),
        ] {
            assert_eq!(read(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_time_after_the_year_9999_is_written_as_its_last_one() {
        assert_eq!(write(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
