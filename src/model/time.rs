//! The core's only notion of time: milliseconds since the run began, and spans between two such moments.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment of the run: milliseconds since it was opened. It is handed in with every input; nothing here reads a clock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

/// A length of time in milliseconds. In files it is written `90s`, `10m`, `1h30m`, `500ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Stamp {
    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Stamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Span {
        Span(seconds * 1000)
    }

    /// A span of whole minutes.
    pub const fn minutes(minutes: u64) -> Span {
        Span(minutes * 60_000)
    }

    /// The whole seconds in it.
    pub const fn whole_seconds(self) -> u64 {
        self.0 / 1000
    }
}

impl Add<Span> for Stamp {
    type Output = Stamp;

    fn add(self, span: Span) -> Stamp {
        Stamp(self.0.saturating_add(span.0))
    }
}

impl Add for Span {
    type Output = Span;

    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;

    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Stamp {
    /// `+00:04:12`, the way the line protocol and the reports print a moment of the run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        write!(f, "+{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}

impl fmt::Display for Span {
    /// `450ms`, `42s`, `4m12s`, `1h22m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let text = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0) if self.0 > 0 => format!("{}ms", self.0),
            (0, 0, s) => format!("{s}s"),
            (0, m, 0) => format!("{m}m"),
            (0, m, s) => format!("{m}m{s:02}s"),
            (h, 0, _) => format!("{h}h"),
            (h, m, _) => format!("{h}h{m:02}m"),
        };
        f.pad(&text)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("`{text}` is not a length of time; write it like 90s, 10m or 1h30m");
        let mut rest = text.trim();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let end = rest
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return Err(wrong()),
            };
            total = number
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(wrong)?;
            rest = &rest[end..];
        }
        Ok(Span(total))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        u64::deserialize(deserializer).map(Span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let check = |text: &str, ms| assert_eq!(text.parse(), Ok(Span(ms)), "{text}");
        check("90s", 90_000);
        check("1h30m", 5_400_000);
        check("250ms", 250);
        for wrong in [
            "",
            "10",
            "ten minutes",
            "5 m",
            "-5s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
