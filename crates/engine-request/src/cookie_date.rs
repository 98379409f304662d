//! The dates of cookies (RFC 6265 §5.1.1): whatever has a time, a day, a month and a year in it, in any order.

use jiff::civil::DateTime;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date in UTC, by the algorithm that browsers have: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
/// `Sun Nov  6 08:49:37 1994`.
pub(crate) fn parse(text: &str) -> Option<DateTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        // Each is taken where it is first found, in this order.
        if time.is_none()
            && let Some(found) = time_of(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let [hour, minute, second] = time?;
    if year < 1601 || second > 59 {
        return None;
    }
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, month?, small(day?)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}

fn is_delimiter(char: char) -> bool {
    matches!(char, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// Reads `8:49:37`; what follows a character that is no digit is passed over.
fn time_of(token: &str) -> Option<[i16; 3]> {
    let mut parts = token.splitn(3, ':');
    let mut exact = || parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let (hour, minute) = (exact()?, exact()?);
    Some([number(hour, 1..=2)?, number(minute, 1..=2)?, number(parts.next()?, 1..=2)?])
}

/// Reads as many digits, which no other digit follows.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let length = token.bytes().take_while(u8::is_ascii_digit).count();
    digits.contains(&length).then(|| token.get(..length)?.parse().ok()).flatten()
}

fn month_of(token: &str) -> Option<i8> {
    let start = token.get(..3)?;
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_every_form_that_servers_write() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
            "08:49:37 1994 Nov 06",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun,06 Nov 1994 08:49:37GMT",
            "6th Nov 94, 08:49:37.123",
        ] {
            assert_eq!(parse(text).map(|date| date.to_string()).as_deref(), Some("1994-11-06T08:49:37"), "{text}");
        }
        let year = |text: &str| parse(text).map(jiff::civil::DateTime::year);
        assert_eq!(year("1 Jan 70 0:0:0"), Some(1970));
        assert_eq!(year("1 Jan 69 0:0:0"), Some(2069));
        assert_eq!(year("Fri, 31 Dec 9999 23:59:59 GMT"), Some(9999));
    }

    #[test]
    fn takes_nothing_else_for_a_date() {
        for text in [
            "",
            "0",
            "never",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 08:49:37",
            "06 1994 08:49:37",
            "Nov 1994 08:49:37",
            "31 Feb 1994 08:49:37",
            "32 Nov 1994 08:49:37",
            "00 Nov 1994 08:49:37",
            "06 Nov 1600 08:49:37",
            "06 Nov 19941 08:49:37",
            "06 Nov 1994 24:00:00",
            "06 Nov 1994 08:60:00",
            "06 Nov 1994 08:49:60",
            "06 Nov 1994 08:49",
            "06 Nov 1994 008:49:37",
            "06 Név 1994 08:49:37",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
