//! What every command of the contract brings: its id, and when it counts.

use huzhu_domain::envelope::Actor;
use huzhu_store::engine::{Envelope, Receipt, digest};
use huzhu_store::port::Revision;
use jiff::{SignedDuration, Timestamp};
use prost::Message;

use super::Check;
use crate::contract::huzhu::command::v1 as request;
use crate::contract::huzhu::r#type::v1 as wire;

/// How far a business time may run ahead of the server's clock: clocks differ a little.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A request that is a command.
pub trait Command: Message {
    /// Its name: two commands of different names never have the same content.
    const NAME: &'static str;
    /// Its id.
    fn request_id(&self) -> &str;
    /// Where the caller believes the target to stand.
    fn expected_revision(&mut self) -> &mut Option<u64>;
    /// When it counts.
    fn business_time(&self) -> Option<prost_types::Timestamp>;
}

macro_rules! commands {
    ($($name:ident),+ $(,)?) => {$(
        impl Command for request::$name {
            const NAME: &'static str = stringify!($name);

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn expected_revision(&mut self) -> &mut Option<u64> {
                &mut self.expected_revision
            }

            fn business_time(&self) -> Option<prost_types::Timestamp> {
                self.business_time
            }
        }
    )+};
}

commands! {
    PublishPlanRequest, PublishApprovalPolicyRequest,
    RegisterOrganisationRequest, CountWorkersRequest, RegisterHandlerRequest,
    CertifyHandlerRequest, SuspendHandlerRequest, ReinstateHandlerRequest,
    RegisterMemberRequest, CorrectMemberRequest, ClassifyMemberRequest, TransferMemberRequest,
    RetireMemberRequest, RecordDeathRequest,
    OpenRosterRequest, RosterHeader, RemoveRosterMemberRequest, RecordContributionRequest,
    ConfirmRosterRequest, CancelRosterRequest,
    GrantCoverRequest, EndCoverRequest,
    FileClaimRequest, PassStepRequest, ReturnClaimRequest, RefuseClaimRequest,
    SupplementClaimRequest, WithdrawClaimRequest,
    CreateBatchRequest, RecordBankAnswerRequest, CorrectPayoutRequest, ReversePayoutRequest,
}

impl Check {
    /// What every command brings. The content of the command is everything but where the caller
    /// believes the target to stand: a retry may know better. A command may be dated back by at most so
    /// many days; by any number if absent.
    pub fn envelope<C: Command>(
        &mut self,
        request: &mut C,
        actor: &Actor,
        now: Timestamp,
        backdate_days_max: Option<u32>,
    ) -> Option<Envelope> {
        let command = self.parse("request_id", request.request_id());
        let at = self.moment("business_time", request.business_time());
        let at = at.and_then(|at| self.in_time(at.unwrap_or(now), now, backdate_days_max));
        let expected = request.expected_revision().take();
        let mut content = format!("{}\0{}\0", C::NAME, actor.subject).into_bytes();
        // A vector grows as it has to, so this does not fail.
        let _ = request.encode(&mut content);
        *request.expected_revision() = expected;
        let command: huzhu_domain::id::CommandId = command?;
        Some(Envelope {
            command,
            content: digest(&content),
            expected: expected.map(Revision),
            actor: actor.clone(),
            at: at?,
            correlation: command.uuid(),
            causation: None,
        })
    }

    fn in_time(
        &mut self,
        at: Timestamp,
        now: Timestamp,
        backdate_days_max: Option<u32>,
    ) -> Option<Timestamp> {
        if at.duration_since(now) > AHEAD_MAX {
            return self.fail("business_time", "must not lie in the future");
        }
        let back = now.duration_since(at);
        match backdate_days_max {
            Some(days) if back > SignedDuration::from_hours(i64::from(days).saturating_mul(24)) => {
                self.fail("business_time", format!("must lie at most {days} days back"))
            }
            Some(_) | None => Some(at),
        }
    }
}

/// A receipt as the contract has it.
#[must_use]
pub fn receipt(receipt: &Receipt) -> wire::Receipt {
    wire::Receipt {
        stream: receipt.stream.to_string(),
        revision: receipt.revision.map(|revision| revision.0),
        position: receipt.position.to_string(),
        request_id: receipt.command.to_string(),
        events: receipt
            .events
            .iter()
            .map(|(name, revision)| wire::ReceiptEvent {
                name: (*name).to_owned(),
                revision: revision.0,
            })
            .collect(),
        repeated: receipt.repeated,
    }
}
