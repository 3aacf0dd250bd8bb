//! Ranges of dates by which a list is filtered: today, the past week, and each year, month and day.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use tenantry_db::model::{Kind, Value};

/// A range of days, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Range {
    Today,
    /// Today and the six days before.
    Week,
    Year(i16),
    Month(i16, i8),
    Day(Date),
}

impl Range {
    /// The range of that name in an address.
    pub(in crate::admin) fn parse(name: &str) -> Option<Self> {
        match name {
            "today" => return Some(Self::Today),
            "week" => return Some(Self::Week),
            _ => {}
        }
        let plain = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let first = |rest: &str| format!("{name}{rest}").parse::<Date>().ok().filter(|_| plain);
        match name.len() {
            4 => first("-01-01").map(|day| Self::Year(day.year())),
            7 => first("-01").map(|day| Self::Month(day.year(), day.month())),
            10 => first("").map(Self::Day),
            _ => None,
        }
        .filter(|range| range.days().0.year() >= 1)
    }

    /// Its name in an address.
    pub(in crate::admin) fn name(self) -> String {
        match self {
            Self::Today => "today".to_owned(),
            Self::Week => "week".to_owned(),
            Self::Year(year) => format!("{year:04}"),
            Self::Month(year, month) => format!("{year:04}-{month:02}"),
            Self::Day(day) => day.to_string(),
        }
    }

    /// What people are shown.
    pub(in crate::admin) fn label(self) -> String {
        match self {
            Self::Today => "Today".to_owned(),
            Self::Week => "Past 7 days".to_owned(),
            Self::Year(year) => year.to_string(),
            Self::Month(..) => self.days().0.strftime("%B %Y").to_string(),
            Self::Day(day) => day.strftime("%-d %B %Y").to_string(),
        }
    }

    /// The first day, and the first one after it.
    fn days(self) -> (Date, Date) {
        let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
        let after = |from: Date, span: Span| from.checked_add(span).unwrap_or(Date::MAX);
        let first = |year, month| Date::new(year, month, 1).unwrap_or(Date::MAX);
        match self {
            Self::Today => (today, after(today, 1.day())),
            Self::Week => (after(today, -6.days()), after(today, 1.day())),
            Self::Year(year) => (first(year, 1), after(first(year, 1), 1.year())),
            Self::Month(year, month) => (first(year, month), after(first(year, month), 1.month())),
            Self::Day(day) => (day, after(day, 1.day())),
        }
    }

    /// The least value of a kind in it, and the least one after it.
    pub(in crate::admin) fn bounds(self, kind: Kind) -> (Value, Value) {
        let (from, end) = self.days();
        let value = |day: Date| match kind {
            Kind::DateTime => {
                let midnight = TimeZone::UTC.to_timestamp(DateTime::from(day));
                Value::DateTime(midnight.unwrap_or(Timestamp::MAX))
            }
            _ => Value::Date(day),
        };
        (value(from), value(end))
    }

    /// What it lies in, the widest first.
    pub(in crate::admin) fn around(self) -> Vec<Self> {
        match self {
            Self::Month(year, _) => vec![Self::Year(year)],
            Self::Day(day) => vec![Self::Year(day.year()), Self::Month(day.year(), day.month())],
            Self::Today | Self::Week | Self::Year(_) => Vec::new(),
        }
    }

    /// What lies in it: the months of a year, the days of a month.
    pub(in crate::admin) fn within(self) -> Vec<Self> {
        match self {
            Self::Year(year) => (1..=12).map(|month| Self::Month(year, month)).collect(),
            Self::Month(year, month) => {
                let days = (1..=31).filter_map(|day| Date::new(year, month, day).ok());
                days.map(Self::Day).collect()
            }
            Self::Today | Self::Week | Self::Day(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_range_and_back_or_nothing() {
        for (name, label) in [
            ("today", "Today"),
            ("week", "Past 7 days"),
            ("2026", "2026"),
            ("2024-02", "February 2024"),
            ("2024-02-29", "29 February 2024"),
            ("0001", "1"),
            ("9999-12-31", "31 December 9999"),
        ] {
            let range = Range::parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((range.name().as_str(), range.label().as_str()), (name, label));
        }
        for name in [
            "",
            "yesterday",
            "0000",
            "20",
            "-999",
            "2026-13",
            "2026-1",
            "2026-02-30",
            "2026-02-3x",
            "20261123",
            "+2026-",
        ] {
            assert_eq!(Range::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_range_begins_and_ends_where_it_should() {
        for (name, from, end) in [
            ("2024", "2024-01-01", "2025-01-01"),
            ("2024-02", "2024-02-01", "2024-03-01"),
            ("2023-12", "2023-12-01", "2024-01-01"),
            ("2024-02-29", "2024-02-29", "2024-03-01"),
        ] {
            let bounds = [from, end].map(|day| Value::Date(day.parse().unwrap()));
            assert_eq!(Range::parse(name).unwrap().bounds(Kind::Date), bounds.into());
        }
        assert_eq!(Range::Month(2024, 2).within().len(), 29);
        assert_eq!(
            Range::Day("2024-02-03".parse().unwrap()).around(),
            [Range::Year(2024), Range::Month(2024, 2)]
        );
    }
}
