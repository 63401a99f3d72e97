//! What stands in a cell, and what it means; nothing here repeats what stands there.

use calamine::DataRef;
use huzhu_domain::money::Money;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Excel keeps so many digits of a number; what is longer has lost the rest.
const DIGITS_MAX: usize = 15;

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing, or only spaces.
    Empty,
    /// A text without spaces around it.
    Text(String),
    /// A number, in the fewest digits that stand for it.
    Number(String),
    /// A date.
    Date(Date),
    /// Something that cannot be read, and why.
    Unreadable(&'static str),
}

impl Cell {
    /// A cell with a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\0');
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

/// What Excel has in a cell.
pub(super) fn from_excel(value: &DataRef<'_>) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) => Cell::text(text),
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::Int(number) => Cell::Number(number.to_string()),
        // The shortest decimal that is this binary fraction is what was typed.
        DataRef::Float(number) => Cell::Number(number.to_string()),
        DataRef::Bool(yes) => Cell::Text(if *yes { "是" } else { "否" }.to_owned()),
        DataRef::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            let part = |part: u8| i8::try_from(part).unwrap_or_default();
            let year = i16::try_from(year).unwrap_or_default();
            Date::new(year, part(month), part(day))
                .map_or(Cell::Unreadable("is no date that there was"), Cell::Date)
        }
        DataRef::DateTimeIso(text) => text
            .get(..10)
            .and_then(|day| day.parse().ok())
            .map_or(Cell::Unreadable("is no date"), Cell::Date),
        DataRef::DateTime(_) | DataRef::DurationIso(_) => Cell::Unreadable("is a span of time"),
        DataRef::Error(_) => Cell::Unreadable("is a formula that failed"),
    }
}

/// What reading a cell comes to; the error says why not.
pub type Read<T> = Result<T, String>;

/// A text, such as a name or a code; a whole number will do.
///
/// # Errors
///
/// Why it is none.
pub fn text(cell: &Cell) -> Read<String> {
    match cell {
        Cell::Text(text) => Ok(text.clone()),
        Cell::Number(number) if is_whole(number) => Ok(number.clone()),
        Cell::Number(_) => Err("is a number with a fraction".into()),
        Cell::Date(date) => Ok(date.to_string()),
        Cell::Unreadable(why) => Err((*why).into()),
        Cell::Empty => Err("must be there".into()),
    }
}

/// The number of a person, a card or a phone: a text, since Excel rounds long numbers.
///
/// # Errors
///
/// Why it is none.
pub fn digits(cell: &Cell) -> Read<String> {
    let text = text(cell)?;
    let long = matches!(cell, Cell::Number(_)) && text.trim_start_matches('-').len() > DIGITS_MAX;
    if long {
        let why = "is a number, of which Excel keeps 15 digits: format the column as text";
        return Err(why.into());
    }
    let kept = text.trim_start_matches('\'').chars().filter(|c| !c.is_whitespace());
    Ok(kept.map(|c| c.to_ascii_uppercase()).collect())
}

/// A count.
///
/// # Errors
///
/// Why it is none.
pub fn count(cell: &Cell) -> Read<u32> {
    text(cell)?.parse().map_err(|_| "is no whole number".into())
}

/// An amount in yuan, exactly, not negative.
///
/// # Errors
///
/// Why it is none.
pub fn amount(cell: &Cell) -> Read<Money> {
    let written = match cell {
        Cell::Number(number) => number.clone(),
        Cell::Text(text) => text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, ',' | '，' | '¥' | '￥' | '元'))
            .collect(),
        Cell::Unreadable(why) => return Err((*why).into()),
        Cell::Date(_) => return Err("is a date, not an amount".into()),
        Cell::Empty => return Err("must be there".into()),
    };
    let number: Decimal = written.parse().map_err(|_| "is no amount such as 1200.50")?;
    let number = number.normalize();
    if number.scale() > 2 {
        return Err("has more than two decimal places".into());
    }
    let amount = Money::exact(number).map_err(|_| "is beyond any amount")?;
    if amount.is_negative() { Err("must not be negative".into()) } else { Ok(amount) }
}

/// A date: one of Excel, or a text such as 2014-07-01, 2014/7/1, 2014.7.1, 2014年7月1日, 20140701.
///
/// # Errors
///
/// Why it is none.
pub fn date(cell: &Cell) -> Read<Date> {
    let none = || "is no date such as 2014-07-01".to_owned();
    if let Cell::Date(date) = cell {
        return Ok(*date);
    }
    let text = text(cell)?;
    let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = if plain {
        let (year, rest) = text.split_at_checked(4).ok_or_else(none)?;
        let (month, day) = rest.split_at_checked(2).ok_or_else(none)?;
        vec![year, month, day]
    } else {
        let text = text.trim_end_matches('日');
        text.split(['-', '/', '.', '年', '月']).collect()
    };
    let [year, month, day] = parts.as_slice() else { return Err(none()) };
    let year = year.parse::<i16>().ok().filter(|year| (1900..=2200).contains(year));
    let (month, day) = (month.parse().map_err(|_| none())?, day.parse().map_err(|_| none())?);
    Date::new(year.ok_or_else(none)?, month, day).map_err(|_| none())
}

/// Yes or no.
///
/// # Errors
///
/// Why it is neither.
pub fn yes(cell: &Cell) -> Read<bool> {
    choice(
        cell,
        &[
            ("是", true),
            ("有", true),
            ("√", true),
            ("y", true),
            ("yes", true),
            ("true", true),
            ("1", true),
            ("否", false),
            ("无", false),
            ("×", false),
            ("n", false),
            ("no", false),
            ("false", false),
            ("0", false),
        ],
    )
    .map_err(|_| "must be 是 or 否".into())
}

/// One of several words.
///
/// # Errors
///
/// Which words there are.
pub fn choice<T: Copy>(cell: &Cell, words: &[(&str, T)]) -> Read<T> {
    let text = text(cell)?.to_lowercase();
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", words.join(", "))
    })
}

fn is_whole(number: &str) -> bool {
    number.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: f64) -> Cell {
        from_excel(&DataRef::Float(number))
    }

    #[test]
    fn an_amount_is_what_was_typed_and_never_a_rounded_one() {
        let yuan = |text: &str| text.parse::<Money>().unwrap();
        assert_eq!(amount(&number(0.1)), Ok(yuan("0.10")));
        assert_eq!(amount(&number(12_345.67)), Ok(yuan("12345.67")));
        assert_eq!(amount(&number(5_800.0)), Ok(yuan("5800.00")));
        assert_eq!(amount(&Cell::text("¥1,200.50 元")), Ok(yuan("1200.50")));
        assert_eq!(amount(&number(0.1 + 0.2)), Err("has more than two decimal places".into()));
        assert_eq!(amount(&Cell::text("1.005")), Err("has more than two decimal places".into()));
        assert_eq!(amount(&number(-1.0)), Err("must not be negative".into()));
        assert!(amount(&number(1e300)).is_err());
        assert!(amount(&number(f64::NAN)).is_err());
        assert!(amount(&Cell::text("一百")).is_err());
    }

    #[test]
    fn a_long_number_has_to_be_a_text() {
        let told = digits(&number(110_101_199_003_071_230.0)).unwrap_err();
        assert!(told.contains("15 digits") && !told.contains("1101"), "{told}");
        assert_eq!(digits(&number(13_812_345_678.0)), Ok("13812345678".into()));
        assert_eq!(digits(&Cell::text("'11010119900307123x ")), Ok("11010119900307123X".into()));
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        let expected: Date = "2014-07-01".parse().unwrap();
        for text in ["2014-07-01", "2014/7/1", "2014.7.1", "2014年7月1日", "20140701"] {
            assert_eq!(date(&Cell::text(text)), Ok(expected), "{text}");
        }
        assert_eq!(date(&number(20_140_701.0)), Ok(expected));
        for text in ["2014-02-30", "14-7-1", "7/1/2014", "昨天", "2014", "1"] {
            assert!(date(&Cell::text(text)).is_err(), "{text}");
        }
        // A number that Excel would show as a date is one only if it is formatted so.
        assert!(date(&number(41_821.0)).is_err());
    }

    #[test]
    fn yes_and_no_are_told_apart() {
        assert_eq!(yes(&Cell::text("是")), Ok(true));
        assert_eq!(yes(&number(0.0)), Ok(false));
        assert_eq!(yes(&Cell::text("也许")), Err("must be 是 or 否".into()));
    }
}
