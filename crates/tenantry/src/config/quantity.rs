//! Settings that are amounts: counts, lengths of time, bytes.

use std::num::NonZeroUsize;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Value, ValueError};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(usize);

/// Units by name, in lower case, and the bytes in each: the largest binary ones first, for showing.
const UNITS: [(&str, usize); 8] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
    ("", 1),
];

impl ByteSize {
    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl Value for ByteSize {
    const KIND: &'static str = "bytes, with B, KB, MB, GB, KiB, MiB or GiB, or with no unit";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let number = number.parse::<usize>().ok().filter(|number| *number > 0);
        let bytes = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Self).ok_or(ValueError::Size)
    }

    fn show(&self) -> String {
        match self.0 {
            bytes if bytes % (1 << 30) == 0 => format!("{}GiB", bytes >> 30),
            bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
            bytes if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
            bytes => bytes.to_string(),
        }
    }
}

impl Value for NonZeroUsize {
    const KIND: &'static str = "whole number above 0";

    fn parse(text: &str) -> Result<Self, ValueError> {
        text.trim().parse().map_err(|_| ValueError::Count)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    const KIND: &'static str = "whole number";

    fn parse(text: &str) -> Result<Self, ValueError> {
        text.trim().parse().map_err(|_| ValueError::Number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A number without a unit is seconds.
impl Value for Duration {
    const KIND: &'static str = "length of time such as 30s, 500ms or 2m; a number alone is seconds";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let length = match text.parse::<u32>() {
            Ok(seconds) => Some(Self::from_secs(seconds.into())),
            Err(_) => text.parse::<SignedDuration>().ok().and_then(|length| length.try_into().ok()),
        };
        length.filter(|length| !length.is_zero()).ok_or(ValueError::Duration)
    }

    fn show(&self) -> String {
        match self.as_millis() {
            millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
            millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
            millis => format!("{millis}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes, shown) in [
            ("500000", 500_000, "500000"),
            ("2MiB", 2 << 20, "2MiB"),
            (" 64 kib ", 64 << 10, "64KiB"),
            ("1GB", 1_000_000_000, "1000000000"),
            ("10b", 10, "10"),
            ("2048MiB", 2 << 30, "2GiB"),
        ] {
            let size = ByteSize::parse(text).unwrap();
            assert_eq!((size.bytes(), size.show().as_str()), (bytes, shown), "{text:?}");
        }
        for text in ["0", "-1", "MiB", "1.5MiB", "2 parsecs", "99999999999999999999", "99999999999GiB"] {
            assert_eq!(ByteSize::parse(text), Err(ValueError::Size), "{text:?}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        for (text, millis, shown) in [
            ("30", 30_000, "30s"),
            ("30s", 30_000, "30s"),
            ("500ms", 500, "500ms"),
            ("2m", 120_000, "2m"),
            ("1m 30s", 90_000, "90s"),
        ] {
            let length = Duration::parse(text).unwrap();
            assert_eq!((length, length.show().as_str()), (Duration::from_millis(millis), shown), "{text:?}");
        }
        for text in ["0", "0s", "-1s", "soon", "1 month", "s"] {
            assert_eq!(Duration::parse(text), Err(ValueError::Duration), "{text:?}");
        }
    }

    #[test]
    fn a_count_is_above_zero() {
        assert_eq!(NonZeroUsize::parse("10").map(NonZeroUsize::get), Ok(10));
        for text in ["0", "-1", "ten", "1e3"] {
            assert_eq!(NonZeroUsize::parse(text), Err(ValueError::Count), "{text:?}");
        }
    }

    #[test]
    fn a_number_may_be_zero() {
        assert_eq!(<u32 as Value>::parse(" 0 "), Ok(0));
        assert_eq!(<u32 as Value>::parse("31536000").unwrap().show(), "31536000");
        for text in ["-1", "1h", "4294967296", "1.5"] {
            assert_eq!(<u32 as Value>::parse(text), Err(ValueError::Number), "{text:?}");
        }
    }
}
