//! What stands beside every event: who asked, by which command, and when it counts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{CommandId, OrganisationId, Subject, VersionLabel};

/// What a token makes of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A certified person of one organisation (经办人).
    Handler,
    /// Publishes plans and policies, keeps organisations and their handlers (管理员).
    Operator,
    /// Replays histories (审计).
    Auditor,
    /// Queries views, without personal data (统计).
    Analyst,
    /// A card or app back end (系统账户).
    Service,
}

/// Who asked: taken from the verified token, never from a field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The subject of the token.
    pub subject: Subject,
    /// The role the token gives.
    pub role: Role,
    /// The organisation the subject acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
}

/// The metadata of a stored event. The recorded time and the body's version are the log's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The command that the event follows from.
    pub command: CommandId,
    /// SHA-256 of the command's content, in hexadecimal: the same id with another content is
    /// refused.
    pub content: String,
    /// What belongs together: the first command of the flow.
    pub correlation: Uuid,
    /// The event that this one follows from, if a process asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// Who asked.
    pub actor: Actor,
    /// When it counts (业务时间).
    pub at: Timestamp,
    /// The plan version that a decision was made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_version: Option<VersionLabel>,
}

/// The calendar date in Beijing (UTC+8, without daylight saving) at `instant`.
#[must_use]
pub fn beijing_date(instant: Timestamp) -> Date {
    TimeZone::fixed(Offset::constant(8)).to_datetime(instant).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_beijing_begins_at_sixteen_hundred_utc() {
        let before: Timestamp = "2014-02-28T15:59:59Z".parse().unwrap();
        let after: Timestamp = "2014-02-28T16:00:00Z".parse().unwrap();
        assert_eq!(beijing_date(before).to_string(), "2014-02-28");
        assert_eq!(beijing_date(after).to_string(), "2014-03-01");
    }
}
