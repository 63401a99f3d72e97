//! Which events of the log a client wants to see.

use fancy_regex::{Regex, RegexBuilder};
use huzhu_store::port::Recorded;
use tonic::Status;

use super::wire_of::streams::read_req::options::filter_options::{Expression, Filter as Of};
use crate::status::eventstore as refused;

/// The longest regular expression, and all prefixes together, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// How long an expression may search in one name before the search is given up.
const STEPS_MAX: usize = 100_000;

/// A condition on the name of an event's stream or of its type.
#[derive(Debug)]
pub(super) struct Filter {
    of: Part,
    condition: Condition,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Stream,
    Type,
}

#[derive(Debug)]
enum Condition {
    /// Found anywhere in the name. With look-around: Python's own default has it.
    Regex(Box<Regex>),
    Prefixes(Vec<String>),
}

impl Filter {
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for an expression that is too long, or none.
    pub(super) fn new(given: Of) -> Result<Self, Status> {
        let (of, expression) = match given {
            Of::StreamIdentifier(expression) => (Part::Stream, expression),
            Of::EventType(expression) => (Part::Type, expression),
        };
        let Expression { regex, prefix } = expression;
        let prefixes = prefix.iter().map(String::len).fold(0_usize, usize::saturating_add);
        let bytes = prefixes.saturating_add(regex.len());
        if bytes > TEXT_BYTES_MAX {
            let why = format!("a filter holds at most {TEXT_BYTES_MAX} bytes, not {bytes}");
            return Err(refused::malformed(&why));
        }
        if regex.is_empty() {
            return Ok(Self { of, condition: Condition::Prefixes(prefix) });
        }
        let regex = RegexBuilder::new(&regex)
            .backtrack_limit(STEPS_MAX)
            .build()
            .map_err(|why| refused::malformed(&format!("the filter: {why}")))?;
        Ok(Self { of, condition: Condition::Regex(Box::new(regex)) })
    }

    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for an expression that searches for too long.
    pub(super) fn takes(&self, event: &Recorded) -> Result<bool, Status> {
        let name = match self.of {
            Part::Stream => event.stream.as_str(),
            Part::Type => &event.name,
        };
        match &self.condition {
            Condition::Regex(regex) => regex
                .is_match(name)
                .map_err(|why| refused::malformed(&format!("the filter: {why}"))),
            Condition::Prefixes(prefixes) => {
                Ok(prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use huzhu_store::port::{Position, Revision, StoreId};
    use uuid::Uuid;

    use super::*;

    fn event(stream: &str, name: &str) -> Recorded {
        Recorded {
            stream: stream.parse().unwrap(),
            revision: Revision::FIRST,
            position: Position { store: StoreId(Uuid::nil()), offset: 1 },
            id: Uuid::nil(),
            name: Arc::from(name),
            version: 1,
            data: bytes::Bytes::new(),
            metadata: bytes::Bytes::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn regex(regex: &str) -> Expression {
        Expression { regex: regex.to_owned(), prefix: Vec::new() }
    }

    #[test]
    fn an_expression_is_searched_for_and_may_look_ahead() {
        let system = Filter::new(Of::EventType(regex(r"^(?!\$.+$|Persistent.+$)"))).unwrap();
        for (name, takes) in [("ClaimFiled", true), ("$metadata", false), ("PersistentX", false)] {
            assert_eq!(system.takes(&event("claim-1", name)).unwrap(), takes, "{name}");
        }
        let anywhere = Filter::new(Of::StreamIdentifier(regex("aim-[0-9]"))).unwrap();
        assert!(anywhere.takes(&event("claim-1", "x")).unwrap());
        assert!(!anywhere.takes(&event("cover-1", "aim-1")).unwrap());
    }

    #[test]
    fn one_of_the_prefixes_is_enough_and_an_expression_wins_over_them() {
        let prefix = vec!["claim-".to_owned(), "互助".to_owned()];
        let expression = Expression { regex: String::new(), prefix };
        let filter = Filter::new(Of::StreamIdentifier(expression.clone())).unwrap();
        for (stream, takes) in [("claim-1", true), ("互助-1", true), ("a-claim-1", false)] {
            assert_eq!(filter.takes(&event(stream, "x")).unwrap(), takes, "{stream}");
        }
        let both = Expression { regex: "^cover".to_owned(), ..expression };
        let filter = Filter::new(Of::StreamIdentifier(both)).unwrap();
        assert!(!filter.takes(&event("claim-1", "x")).unwrap());
    }

    #[test]
    fn an_expression_that_cannot_be_or_never_ends_is_refused() {
        for wrong in ["(", &"x".repeat(9_000)] {
            assert!(Filter::new(Of::EventType(regex(wrong))).is_err());
        }
        // Backtracking without end, were it not for the limit.
        let endless = Filter::new(Of::EventType(regex(r"^(?=(a+)+b)\1"))).unwrap();
        let refused = endless.takes(&event("claim-1", &"a".repeat(60)));
        assert!(refused.is_err() || !refused.unwrap());
    }
}
