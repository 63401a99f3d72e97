//! The bodies of a claim's events, and what a decision brings with it.

use super::*;
use crate::claim::facts::{DocumentKind, Facts};

/// The most papers that one return asks for.
pub const WANTED_MAX: usize = 20;

/// The most characters of a note.
pub const NOTE_MAX: usize = 2_000;

/// What has happened to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was opened.
    Filed(Arc<Filed>),
    /// Its worth was computed.
    Assessed(Arc<Assessed>),
    /// A level agreed.
    StepPassed(StepPassed),
    /// A level wants more papers.
    Returned(Returned),
    /// The unit brought them.
    Supplemented(Supplemented),
    /// A level turned it down.
    Refused(Refused),
    /// The last level agreed.
    Approved(Arc<Approved>),
    /// The unit took it back.
    Withdrawn(Withdrawn),
    /// A filing that never finished never will.
    FilingLapsed(FilingLapsed),
    /// The member has the money.
    Paid(Paid),
    /// The money came back.
    PaymentReversed(PaymentReversed),
}

stored_events!(Event {
    Filed => "ClaimFiled" @ 1,
    Assessed => "ClaimAssessed" @ 1,
    StepPassed => "ClaimStepPassed" @ 1,
    Returned => "ClaimReturned" @ 1,
    Supplemented => "ClaimSupplemented" @ 1,
    Refused => "ClaimRefused" @ 1,
    Approved => "ClaimApproved" @ 1,
    Withdrawn => "ClaimWithdrawn" @ 1,
    FilingLapsed => "ClaimFilingLapsed" @ 1,
    Paid => "ClaimPaid" @ 1,
    PaymentReversed => "ClaimPaymentReversed" @ 1,
});

/// The organisations that a claim goes through, as they stood when it was filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The unit that files and endorses.
    pub unit: OrganisationId,
    /// The township or industry union, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub township: Option<OrganisationId>,
    /// The district, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<OrganisationId>,
    /// The office.
    pub office: OrganisationId,
}

impl Chain {
    /// The organisation of a level.
    #[must_use]
    pub const fn at(&self, level: Level) -> Option<&OrganisationId> {
        match level {
            Level::Unit => Some(&self.unit),
            Level::Township => self.township.as_ref(),
            Level::District => self.district.as_ref(),
            Level::Office => Some(&self.office),
        }
    }

    /// Those of the `asked` steps that the chain has an organisation for.
    #[must_use]
    pub fn steps(&self, asked: &[Step]) -> Vec<Step> {
        asked.iter().copied().filter(|step| self.at(step.level()).is_some()).collect()
    }
}

/// It was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filed {
    /// Its id.
    pub claim: ClaimId,
    /// The cover it is against.
    pub cover: CoverId,
    /// Whose it is.
    pub member: MemberId,
    /// Who decides on it.
    pub chain: Chain,
    /// The plan.
    pub plan: PlanCode,
    /// The plan version that applies.
    pub version: VersionLabel,
    /// The incident it is part of.
    pub case: CaseId,
    /// The benefits that are asked for; all of the plan's if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<BenefitCode>,
    /// What happened.
    pub facts: Arc<Facts>,
    /// Who filed it.
    pub by: Subject,
    /// The day.
    pub on: Date,
}

/// Its worth was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessed {
    /// What it is worth, and why.
    pub assessment: Arc<Assessment>,
    /// Where the cover's stream stood.
    pub cover_revision: u64,
    /// The steps it needs.
    pub steps: Vec<Step>,
    /// The approval policy that asks for them.
    pub policy: VersionLabel,
}

/// A level agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPassed {
    /// Which step.
    pub step: Step,
    /// Who.
    pub by: Subject,
    /// For which organisation.
    pub organisation: OrganisationId,
    /// A remark.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The diagnoses of which the person confirmed what their code alone cannot tell (人工审核).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<Icd10>,
    /// The day.
    pub on: Date,
}

/// A level wants more papers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// Which step.
    pub step: Step,
    /// Who.
    pub by: Subject,
    /// For which organisation.
    pub organisation: OrganisationId,
    /// What is wanted.
    pub wanted: Vec<Wanted>,
    /// A remark.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The day.
    pub on: Date,
}

/// One thing that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The kind of paper, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentKind>,
    /// What is to be done.
    pub text: String,
}

/// The unit brought what was wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supplemented {
    /// The facts from now on.
    pub facts: Arc<Facts>,
    /// Who.
    pub by: Subject,
    /// The day.
    pub on: Date,
}

/// A level turned it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Which step.
    pub step: Step,
    /// Who.
    pub by: Subject,
    /// For which organisation.
    pub organisation: OrganisationId,
    /// Why, as a code.
    pub reason: RefusalReason,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The day.
    pub on: Date,
}

impl Refused {
    pub(super) fn new(step: Step, decision: Decision, reason: RefusalReason) -> Self {
        let Decision { by, organisation, note, on, .. } = decision;
        Self { step, by, organisation, reason, note, on }
    }
}

/// Why a claim is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The disease or event is not one of the plan's (不属保障范围).
    NotCovered,
    /// The event lies in the waiting period (免责期).
    Waiting,
    /// The disease was there before the cover (既往症).
    PreExisting,
    /// It was claimed too late (超过申请时限).
    TooLate,
    /// Papers are missing and were not brought (材料不全).
    DocumentsMissing,
    /// Papers are not genuine, or facts were held back (弄虚作假).
    Forgery,
    /// Nothing is left to pay (已达限额).
    NothingPayable,
    /// The plan excludes the cause (除外责任).
    Excluded,
    /// Something else, said in the note.
    Other,
}

/// The last level agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Which step.
    pub step: Step,
    /// Who.
    pub by: Subject,
    /// For which organisation.
    pub organisation: OrganisationId,
    /// What is paid.
    pub amount: Money,
    /// Why that much, as the cover stood.
    pub assessment: Arc<Assessment>,
    /// Where the cover's stream stood before the benefit was reserved.
    pub cover_revision: u64,
    /// The day.
    pub on: Date,
}

/// The unit took it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Who.
    pub by: Subject,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The day.
    pub on: Date,
}

/// A filing that never finished never will: its stays went to another claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilingLapsed {}

/// The member has the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paid {
    /// The payout.
    pub payout: PayoutId,
    /// How much.
    pub amount: Money,
    /// The day of the payment.
    pub on: Date,
}

/// The money came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentReversed {
    /// The payout.
    pub payout: PayoutId,
    /// How much.
    pub amount: Money,
    /// The day.
    pub on: Date,
}

/// A person's decision at a step: who, for whom, when. Duty, certificate and suspension were checked
/// against the organisation before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The step that the person believes to take; any if absent.
    pub step: Option<Step>,
    /// Who.
    pub by: Subject,
    /// For which organisation.
    pub organisation: OrganisationId,
    /// The member that the person is, if known.
    pub member: Option<MemberId>,
    /// A remark.
    pub note: String,
    /// The day.
    pub on: Date,
}

/// What a reviewer confirms of diagnoses, and what the claim is worth with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The codes of the diagnoses.
    pub codes: Vec<Icd10>,
    /// What the claim is worth then.
    pub assessed: Arc<Assessed>,
}

/// What the last step approves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What the claim is worth as the cover stands.
    pub assessment: Arc<Assessment>,
    /// Where the cover's stream stands.
    pub cover_revision: u64,
    /// What the person takes it to be worth, if they say so. Only who says so closes a claim that is
    /// worth nothing.
    pub expected: Option<Money>,
}
