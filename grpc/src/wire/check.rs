//! Collects every bad field of a request, each under its full path.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::wire::spoken::Spoken;

/// The most bad fields that are told at once: more would not fit into the trailers of an answer.
const VIOLATIONS_MAX: usize = 25;
/// The most characters that are said of one of them, for the same reason.
const WHY_MAX: usize = 200;

/// A field that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its full path, such as `facts.stays[2].admitted`.
    pub field: String,
    /// What is wrong with it; never what it holds.
    pub why: String,
}

/// A request with bad fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} of the request's fields do not hold", .violations.len())]
pub struct Malformed {
    /// Each of them.
    pub violations: Vec<Violation>,
}

impl Malformed {
    /// One field that does not hold.
    #[must_use]
    pub fn field(field: &str, why: &str) -> Self {
        Self { violations: vec![Violation { field: field.to_owned(), why: why.to_owned() }] }
    }
}

/// The fields of one request as they are looked at. What does not hold is noted, and its value is
/// `None`; the caller looks at the other fields all the same.
#[derive(Debug, Default)]
pub struct Check {
    path: String,
    violations: Vec<Violation>,
}

impl Check {
    /// Notes that `field` does not hold.
    pub fn fail<T>(&mut self, field: &str, why: impl Display) -> Option<T> {
        if self.violations.len() < VIOLATIONS_MAX {
            let dot = if self.path.is_empty() || field.is_empty() { "" } else { "." };
            let field = format!("{}{dot}{field}", self.path);
            let why = why.to_string().chars().take(WHY_MAX).collect();
            self.violations.push(Violation { field, why });
        }
        None
    }

    /// The result, if every field holds.
    ///
    /// # Errors
    ///
    /// [`Malformed`] names the fields that do not.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Malformed> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(Malformed { violations: self.violations }),
        }
    }

    /// Looks at what stands inside `field`.
    pub fn within<T>(&mut self, field: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(field);
        let value = look(self);
        self.path.truncate(before);
        value
    }

    /// Looks at a message that has to be there.
    pub fn message<M, T>(
        &mut self,
        field: &str,
        message: Option<M>,
        look: impl FnOnce(&mut Self, M) -> Option<T>,
    ) -> Option<T> {
        match message {
            Some(message) => self.within(field, |check| look(check, message)),
            None => self.fail(field, "must be there"),
        }
    }

    /// Looks at a message that may be absent.
    pub fn maybe<M, T>(
        &mut self,
        field: &str,
        message: Option<M>,
        look: impl FnOnce(&mut Self, M) -> Option<T>,
    ) -> Option<Option<T>> {
        match message {
            Some(message) => self.within(field, |check| look(check, message)).map(Some),
            None => Some(None),
        }
    }

    /// Looks at each of `items`, of which there may be so many.
    pub fn each<M, T>(
        &mut self,
        field: &str,
        items: Vec<M>,
        count: RangeInclusive<usize>,
        mut look: impl FnMut(&mut Self, M) -> Option<T>,
    ) -> Option<Vec<T>> {
        if !count.contains(&items.len()) {
            let (min, max) = (count.start(), count.end());
            return self.fail(field, format!("must be {min} to {max}, not {}", items.len()));
        }
        let number = items.len();
        let looked: Vec<T> = items
            .into_iter()
            .enumerate()
            .filter_map(|(i, item)| {
                self.within(&format!("{field}[{i}]"), |check| look(check, item))
            })
            .collect();
        (looked.len() == number).then_some(looked)
    }

    /// A text that has to be of a certain form.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() && !field.is_empty() {
            return self.fail(field, "must be there");
        }
        text.parse().map_or_else(|why| self.fail(field, why), Some)
    }

    /// The same, where the text may be empty.
    pub fn parse_or_none<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.parse(field, text).map(Some) }
    }

    /// A text for people: bounded, and without control characters.
    pub fn text(
        &mut self,
        field: &str,
        text: String,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        let given = text.chars().count();
        if !length.contains(&given) {
            let (min, max) = (length.start(), length.end());
            return self.fail(field, format!("must be {min} to {max} characters, not {given}"));
        }
        if text.chars().any(char::is_control) {
            return self.fail(field, "must hold no control characters");
        }
        if given > 0 && text.trim().is_empty() {
            return self.fail(field, "must not be blank");
        }
        Some(text)
    }

    /// One of the values of an enum.
    pub fn choice<T: Spoken>(&mut self, field: &str, value: i32) -> Option<T> {
        match T::heard(value) {
            Some(Some(choice)) => Some(choice),
            Some(None) => self.fail(field, "must be specified"),
            None => self.fail(field, "is not a value of its enum"),
        }
    }

    /// The same, where it may be unspecified.
    pub fn choice_or_none<T: Spoken>(&mut self, field: &str, value: i32) -> Option<Option<T>> {
        T::heard(value).or_else(|| self.fail(field, "is not a value of its enum"))
    }

    /// A number that fits the domain's.
    pub fn number<T: TryFrom<u32>>(&mut self, field: &str, value: u32, max: u32) -> Option<T> {
        T::try_from(value)
            .ok()
            .filter(|_| value <= max)
            .or_else(|| self.fail(field, format!("must be at most {max}")))
    }
}
