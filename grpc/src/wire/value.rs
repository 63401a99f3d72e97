//! Money, dates, times and terms, both ways.

use std::ops::RangeInclusive;

use huzhu_domain::money::Money;
use huzhu_domain::term::Term;
use jiff::Timestamp;
use jiff::civil::Date;

use super::Check;
use crate::contract::google::r#type as google;
use crate::contract::huzhu::r#type::v1 as wire;

/// Nanos in a fen.
const FEN_NANOS: i32 = 10_000_000;
/// The years that anything here can be about.
const YEARS: RangeInclusive<i16> = 1900..=2199;
/// The only currency there is.
const CNY: &str = "CNY";

impl Check {
    /// A date that has to be there.
    pub fn date(&mut self, field: &str, date: Option<google::Date>) -> Option<Date> {
        match date {
            Some(date) => self.real_date(field, date),
            None => self.fail(field, "must be there"),
        }
    }

    /// A date that may be absent.
    pub fn date_or_none(
        &mut self,
        field: &str,
        date: Option<google::Date>,
    ) -> Option<Option<Date>> {
        match date {
            Some(date) => self.real_date(field, date).map(Some),
            None => Some(None),
        }
    }

    fn real_date(&mut self, field: &str, date: google::Date) -> Option<Date> {
        let part = |number: i32| i8::try_from(number).ok();
        let year = i16::try_from(date.year).ok().filter(|year| YEARS.contains(year));
        let real = year
            .zip(part(date.month))
            .zip(part(date.day))
            .and_then(|((year, month), day)| Date::new(year, month, day).ok());
        real.or_else(|| self.fail(field, "is not a date of the calendar from 1900 to 2199"))
    }

    /// An amount that has to be there.
    pub fn money(&mut self, field: &str, money: Option<google::Money>) -> Option<Money> {
        match money {
            Some(money) => self.exact_money(field, &money),
            None => self.fail(field, "must be there"),
        }
    }

    fn exact_money(&mut self, field: &str, money: &google::Money) -> Option<Money> {
        let google::Money { currency_code, units, nanos } = money;
        if currency_code != CNY {
            return self.fail(field, "must be of the currency CNY");
        }
        if nanos.unsigned_abs() > 999_999_999 {
            return self.fail(field, "nanos must be -999999999 to 999999999");
        }
        if *units < 0 && *nanos > 0 || *units > 0 && *nanos < 0 {
            return self.fail(field, "units and nanos must have the same sign");
        }
        if nanos % FEN_NANOS != 0 {
            return self.fail(field, "must be whole fen: nanos are a multiple of 10000000");
        }
        let fen = i64::from(nanos / FEN_NANOS);
        let all = units.checked_mul(100).and_then(|units| units.checked_add(fen));
        match all.map(Money::from_fen) {
            Some(Ok(money)) => Some(money),
            Some(Err(why)) => self.fail(field, why),
            None => self.fail(field, "is beyond the largest amount of 1000000000000 yuan"),
        }
    }

    /// An amount that is not negative.
    pub fn amount(&mut self, field: &str, money: Option<google::Money>) -> Option<Money> {
        let money = self.money(field, money)?;
        if money.is_negative() { self.fail(field, "must not be negative") } else { Some(money) }
    }

    /// The same, where absent stands for nothing.
    pub fn amount_or_zero(&mut self, field: &str, money: Option<google::Money>) -> Option<Money> {
        if money.is_none() { Some(Money::ZERO) } else { self.amount(field, money) }
    }

    /// The same, where it may be absent.
    pub fn amount_or_none(
        &mut self,
        field: &str,
        money: Option<google::Money>,
    ) -> Option<Option<Money>> {
        if money.is_none() { Some(None) } else { self.amount(field, money).map(Some) }
    }

    /// A span of days that has to be there.
    pub fn term(&mut self, field: &str, term: Option<wire::Term>) -> Option<Term> {
        self.message(field, term, |check, term| {
            let start = check.date("start", term.start);
            let end = check.date("end", term.end);
            match Term::new(start?, end?) {
                Ok(term) => Some(term),
                Err(_) => check.fail("end", "must not lie before the start"),
            }
        })
    }

    /// A moment that may be absent.
    pub fn moment(
        &mut self,
        field: &str,
        moment: Option<prost_types::Timestamp>,
    ) -> Option<Option<Timestamp>> {
        let Some(prost_types::Timestamp { seconds, nanos }) = moment else {
            return Some(None);
        };
        if !(0..=999_999_999).contains(&nanos) {
            return self.fail(field, "nanos must be 0 to 999999999");
        }
        match Timestamp::new(seconds, nanos) {
            Ok(moment) => Some(Some(moment)),
            Err(_) => self.fail(field, "is not a time of the calendar"),
        }
    }
}

/// A date as the contract has it.
#[must_use]
pub fn date(date: Date) -> google::Date {
    google::Date { year: date.year().into(), month: date.month().into(), day: date.day().into() }
}

/// An amount as the contract has it.
#[must_use]
pub fn money(money: Money) -> google::Money {
    let fen = money.fen();
    google::Money {
        currency_code: CNY.to_owned(),
        units: fen / 100,
        // Below 100 in either direction, so it fits.
        nanos: i32::try_from(fen % 100).unwrap_or(0).saturating_mul(FEN_NANOS),
    }
}

/// A span of days as the contract has it.
#[must_use]
pub fn term(term: Term) -> wire::Term {
    wire::Term { start: Some(date(term.start())), end: Some(date(term.end())) }
}

/// A moment as the contract has it.
#[must_use]
pub fn moment(moment: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }
}
