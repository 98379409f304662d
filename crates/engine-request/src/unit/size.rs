//! A number of bytes: `64KB`, `10MB`.

use std::fmt;
use std::str::FromStr;

use super::{number_and_unit, parts};

/// A number of bytes: a number and one of the units `B`, `KB`, `MB`, `GB` (of 1000) or `KiB`, `MiB`, `GiB` (of 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// The units, the largest first, with their bytes.
const UNITS: [(&str, u128); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
];

impl Size {
    /// The regular expression that [`FromStr`] agrees with.
    pub const PATTERN: &'static str = r"^[0-9]{1,9}(\.[0-9]{1,9})?(B|KB|MB|GB|KiB|MiB|GiB)$";

    /// Makes a size of this many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (whole, fraction, unit) = number_and_unit(text)?;
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
            Some(Self(u64::try_from(parts(whole, fraction, *scale)?).ok()?))
        };
        read().ok_or_else(|| {
            format!(
                "[invalid-size] `{text}` is not a size\nhelp: write a number and one of the units `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`: `10MB`"
            )
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = u128::from(self.0);
        match UNITS.iter().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", bytes / scale),
            None => f.write_str("0B"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::Size;

    #[test]
    fn reads_a_number_and_a_unit() {
        for (text, bytes) in [
            ("64KB", 64_000),
            ("10MB", 10_000_000),
            ("1KiB", 1024),
            ("1.5MiB", 1_572_864),
            ("0B", 0),
            ("2GB", 2_000_000_000),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(size.to_string().parse::<Size>().unwrap(), size, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "10", "10mb", "10 MB", "MB", "-1B", "1kB", "1TB"] {
            assert!(text.parse::<Size>().unwrap_err().starts_with("[invalid-size] "), "{text}");
        }
    }
}
