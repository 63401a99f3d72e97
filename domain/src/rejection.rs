//! Every refusal of every aggregate, as one error with a stable reason and its figures.

use std::collections::BTreeMap;

use serde_json::Value;

macro_rules! rejections {
    ($($variant:ident of $aggregate:literal: $rejection:ty),+ $(,)?) => {
        /// Why a command was refused; nothing was recorded.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
        #[serde(untagged)]
        pub enum Rejection {
            $(
                #[doc = concat!("By the rules of ", $aggregate, ".")]
                #[error(transparent)]
                $variant($rejection),
            )+
        }

        $(impl From<$rejection> for Rejection {
            fn from(rejection: $rejection) -> Self {
                Self::$variant(rejection)
            }
        })+

        impl Rejection {
            /// Whose rules refuse.
            #[must_use]
            pub const fn aggregate(&self) -> &'static str {
                match self { $(Self::$variant(_) => $aggregate),+ }
            }
        }
    };
}

rejections! {
    ApprovalPolicy of "approval policy": crate::approval_policy::Rejection,
    Assessment of "assessment": crate::assessment::Rejection,
    Batch of "batch": crate::batch::Rejection,
    Claim of "claim": crate::claim::Rejection,
    Cover of "cover": crate::cover::Rejection,
    Eligibility of "plan": crate::eligibility::Rejection,
    Enrolment of "enrolment": crate::enrolment::Rejection,
    Member of "member": crate::member::Rejection,
    Organisation of "organisation": crate::organisation::Rejection,
    Payout of "payout": crate::payout::Rejection,
    Plan of "plan": crate::plan::Rejection,
    PlanVersion of "plan": crate::plan::NoVersion,
    Reservation of "reservation": crate::reservation::Rejection,
    Roster of "roster": crate::roster::Rejection,
}

impl Rejection {
    /// The stable code of the reason, such as `CEILING_EXCEEDED`.
    #[must_use]
    pub fn reason(&self) -> String {
        self.fields().remove("reason").unwrap_or_default()
    }

    /// The figures of the reason, by name.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, String> {
        let mut fields = self.fields();
        fields.remove("reason");
        fields
    }

    fn fields(&self) -> BTreeMap<String, String> {
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else {
            return BTreeMap::new();
        };
        fields.into_iter().filter_map(|(name, value)| Some((name, shown(value)?))).collect()
    }
}

/// A figure without the quotes of a string; nothing for what is absent.
fn shown(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;

    #[test]
    fn a_reason_is_told_with_its_figures() {
        let rejection = Rejection::from(roster::Rejection::ParticipationTooLow {
            members: 12,
            workers: 30,
            needed: 15,
        });
        assert_eq!(rejection.reason(), "PARTICIPATION_TOO_LOW");
        assert_eq!(rejection.aggregate(), "roster");
        let figures: Vec<_> = rejection.figures().into_iter().collect();
        let expected = [("members", "12"), ("needed", "15"), ("workers", "30")];
        assert_eq!(figures, expected.map(|(name, figure)| (name.into(), figure.into())));
    }

    #[test]
    fn a_reason_without_figures_has_none() {
        let rejection = Rejection::from(roster::Rejection::RosterEmpty);
        assert_eq!(rejection.reason(), "ROSTER_EMPTY");
        assert!(rejection.figures().is_empty());
    }
}
