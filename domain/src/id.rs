//! What things are called: ids that people choose, ids the engine makes, checked identifiers.
//!
//! An id that the engine makes derives from the command that asked for it, so that a retry of
//! the command meets the same stream and nothing is created twice.

pub mod checked;
mod icd;

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The namespace of every id the engine derives; changing it would orphan every stream.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d75_7475_616c_6169_6400_6875_7a68_7501);

/// Derives an id (a UUIDv5) from what it stands for. Parts are joined by `/`, which no part
/// contains.
#[must_use]
pub fn derive(parts: &[&str]) -> Uuid {
    // By a SHA-1 that uses the processor's own instructions: a filing derives several ids.
    let digest = Sha1::new().chain_update(NAMESPACE).chain_update(parts.join("/")).finalize();
    let (half, _) = digest.split_at(16);
    Builder::from_sha1_bytes(half.try_into().unwrap_or_default()).into_uuid()
}

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, or longer than the kind of id allows.
    #[error("must be {min} to {max} characters long, not {length}")]
    Length { min: usize, max: usize, length: usize },
    /// A character outside the kind's alphabet.
    #[error("may hold only {allowed}")]
    Alphabet { allowed: &'static str },
    /// Not a UUID in its hyphenated form.
    #[error("must be a UUID such as 7f1c0a9e-3b52-4d7e-9a51-0c9a6d1f2b3e")]
    NotAUuid,
}

/// An id that people choose: bounded text of a small alphabet, checked on the way in.
macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident: $min:literal..=$max:literal of $allowed:literal if $ok:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "std::borrow::Cow<'_, str>", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let length = text.chars().count();
                if !($min..=$max).contains(&length) {
                    return Err($crate::id::IdError::Length { min: $min, max: $max, length });
                }
                let ok: fn(char) -> bool = $ok;
                if !text.chars().all(ok) {
                    return Err($crate::id::IdError::Alphabet { allowed: $allowed });
                }
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<std::borrow::Cow<'_, str>> for $name {
            type Error = $crate::id::IdError;

            fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}
pub(crate) use text_ids;

/// An id that the engine makes.
macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(with = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID as this kind of id.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one id has one spelling.
                if text.len() != 36 {
                    return Err(IdError::NotAUuid);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::NotAUuid)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    )+};
}

text_ids! {
    /// A plan (保障计划), such as `nuan-huzhu`: lower-case, chosen by the operator who publishes it.
    PlanCode: 2..=40 of "a-z, 0-9 and -" if |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    /// A version of a plan, such as `V6` or `2014-revised`.
    VersionLabel: 1..=24 of "A-Z, a-z, 0-9, . _ and -" if |c| c.is_ascii_alphanumeric() || ".-_".contains(c);
    /// One benefit of a plan, such as `above-ceiling`.
    BenefitCode: 1..=40 of "a-z, 0-9 and -" if |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    /// A union organisation (工会), such as `miyun` or `bj-01-0042`.
    OrganisationId: 1..=40 of "A-Z, a-z, 0-9 and -" if |c| c.is_ascii_alphanumeric() || c == '-';
    /// Who asks: the subject of a bearer token. For a person who handles claims (经办人) it is the
    /// handler's staff number; never a name.
    Subject: 1..=64 of "A-Z, a-z, 0-9, . _ @ and -" if |c| c.is_ascii_alphanumeric() || "._@-".contains(c);
    /// The serial (交易流水号) of a hospital statement or receipt: the natural key of a stay or bill.
    StatementSerial: 1..=40 of "A-Z, a-z, 0-9 and -" if |c| c.is_ascii_alphanumeric() || c == '-';
    /// The keyed hash of a resident id, in lower-case hexadecimal.
    ResidentKey: 64..=64 of "0-9 and a-f" if |c| c.is_ascii_digit() || ('a'..='f').contains(&c);
    /// The SHA-256 digest of a document, in lower-case hexadecimal.
    Sha256: 64..=64 of "0-9 and a-f" if |c| c.is_ascii_digit() || ('a'..='f').contains(&c);
}

uuid_ids! {
    /// One command: the `request_id` of a request.
    CommandId;
    /// One person (职工).
    MemberId;
    /// A unit's group enrolment (投保清单) in one plan for one term.
    RosterId;
    /// One member's right under one plan version for one term.
    CoverId;
    /// One incident (事故) of one member.
    CaseId;
    /// One application (理赔申请) against one cover.
    ClaimId;
    /// One payment (给付) of an approved claim.
    PayoutId;
    /// Payouts grouped into one bank file.
    BatchId;
}

impl CommandId {
    /// The id of a command that follows from this one; `what` tells them apart.
    #[must_use]
    pub fn then(self, what: &str) -> Self {
        Self(derive(&["command", &self.to_string(), what]))
    }
}

impl MemberId {
    /// The member that `command` registers.
    #[must_use]
    pub fn of(command: CommandId) -> Self {
        Self(derive(&["member", &command.to_string()]))
    }
}

impl RosterId {
    /// The roster that `command` opens.
    #[must_use]
    pub fn of(command: CommandId) -> Self {
        Self(derive(&["roster", &command.to_string()]))
    }
}

impl CoverId {
    /// The cover of `member` under `plan` for the term that starts on `start`.
    #[must_use]
    pub fn of(plan: &PlanCode, member: MemberId, start: jiff::civil::Date) -> Self {
        Self(derive(&["cover", plan.as_str(), &member.to_string(), &start.to_string()]))
    }
}

impl CaseId {
    /// The case that the claim filed by `command` opens.
    #[must_use]
    pub fn of(command: CommandId) -> Self {
        Self(derive(&["case", &command.to_string()]))
    }
}

impl ClaimId {
    /// The claim that `command` files.
    #[must_use]
    pub fn of(command: CommandId) -> Self {
        Self(derive(&["claim", &command.to_string()]))
    }
}

impl PayoutId {
    /// The one payout of `claim`.
    #[must_use]
    pub fn of(claim: ClaimId) -> Self {
        Self(derive(&["payout", &claim.to_string()]))
    }
}

impl BatchId {
    /// The batch that `command` opens.
    #[must_use]
    pub fn of(command: CommandId) -> Self {
        Self(derive(&["batch", &command.to_string()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_the_uuid_that_any_tool_derives() {
        // Python: uuid.uuid5(UUID("6d757475-616c-6169-6400-68757a687501"), "claim/7f1c0a9e-…").
        let command: CommandId = "7f1c0a9e-3b52-4d7e-9a51-0c9a6d1f2b3e".parse().unwrap();
        assert_eq!(ClaimId::of(command).to_string(), "25d83429-b0e7-5da0-8e67-91c6d0e7c702");
    }
}
