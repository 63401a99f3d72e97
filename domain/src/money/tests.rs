use rust_decimal::{Decimal, RoundingStrategy};

use super::*;

#[test]
fn an_amount_is_read_and_written_with_two_places() {
    assert_eq!("24208".parse::<Money>().unwrap().to_string(), "24208.00");
    assert_eq!("-0.5".parse::<Money>().unwrap().to_string(), "-0.50");
    assert_eq!("12.30".parse::<Money>().unwrap().fen(), 1230);
}

#[test]
fn what_is_not_a_plain_amount_is_refused() {
    for text in ["", "-", "1e3", "+1", ".5", "5.", "1,000", "１００", "--1", "NaN", "0x10"] {
        assert_eq!(text.parse::<Money>(), Err(MoneyError::NotANumber), "{text:?}");
    }
    assert_eq!("0.001".parse::<Money>(), Err(MoneyError::TooFine));
    assert_eq!("1000000000000.01".parse::<Money>(), Err(MoneyError::OutOfRange));
}

#[test]
fn the_bound_holds_under_every_operation() {
    let most = Money::exact(AMOUNT_MAX).unwrap();
    let fen = Money::from_fen(1).unwrap();
    assert_eq!(AMOUNT_MAX, Decimal::from(1_000_000_000_000_i64));
    assert_eq!(most.plus(fen), Err(MoneyError::OutOfRange));
    assert_eq!(Money::ZERO.minus(most).unwrap().minus(fen), Err(MoneyError::OutOfRange));
    assert_eq!(most.times(2), Err(MoneyError::OutOfRange));
    assert_eq!(most.minus(fen).unwrap().to_string(), "999999999999.99");
}

#[test]
fn rounding_is_the_callers_choice() {
    let half = Decimal::new(1005, 3);
    let down = Money::rounded(half, RoundingStrategy::ToZero).unwrap();
    let up = Money::rounded(half, RoundingStrategy::MidpointAwayFromZero).unwrap();
    assert_eq!((down.to_string(), up.to_string()), ("1.00".to_owned(), "1.01".to_owned()));
}
