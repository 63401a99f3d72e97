//! Which role may call which RPC. What is not in the table is refused.

use huzhu_domain::envelope::Role::{self, Analyst, Auditor, Handler, Operator, Service};

/// Everybody with a token.
const ALL: &[Role] = &[Handler, Operator, Auditor, Analyst, Service];
/// Those who may see personal data of members.
const PERSONAL: &[Role] = &[Handler, Operator, Auditor, Service];

/// An RPC and the roles that may call it.
type Row = (&'static str, &'static [Role]);

/// The RPCs of each service, with the roles that may call them.
pub const TABLE: &[(&str, &[Row])] = &[
    (
        "huzhu.command.v1.PlanService",
        &[("PublishPlan", &[Operator]), ("PublishApprovalPolicy", &[Operator])],
    ),
    (
        "huzhu.command.v1.OrganisationService",
        &[
            ("RegisterOrganisation", &[Operator]),
            ("CountWorkers", &[Operator, Handler]),
            ("RegisterHandler", &[Operator]),
            ("CertifyHandler", &[Operator]),
            ("SuspendHandler", &[Operator]),
            ("ReinstateHandler", &[Operator]),
        ],
    ),
    (
        "huzhu.command.v1.MemberService",
        &[
            ("RegisterMember", &[Handler, Service]),
            ("CorrectMember", &[Handler, Service]),
            ("ClassifyMember", &[Handler]),
            ("TransferMember", &[Handler]),
            ("RetireMember", &[Handler]),
            ("RecordDeath", &[Handler]),
        ],
    ),
    (
        "huzhu.command.v1.RosterService",
        &[
            ("OpenRoster", &[Handler]),
            ("AddRosterMembers", &[Handler]),
            ("RemoveRosterMember", &[Handler]),
            ("RecordContribution", &[Handler]),
            ("ConfirmRoster", &[Handler]),
            ("CancelRoster", &[Handler]),
        ],
    ),
    (
        "huzhu.command.v1.CoverService",
        &[("GrantCover", &[Handler, Service]), ("EndCover", &[Handler])],
    ),
    (
        "huzhu.command.v1.ClaimService",
        &[
            ("FileClaim", &[Handler, Service]),
            ("PassStep", &[Handler]),
            ("ReturnClaim", &[Handler]),
            ("RefuseClaim", &[Handler]),
            ("SupplementClaim", &[Handler, Service]),
            ("WithdrawClaim", &[Handler, Service]),
            ("PreviewAssessment", &[Handler, Service, Operator]),
        ],
    ),
    (
        "huzhu.command.v1.PayoutService",
        &[
            ("CreateBatch", &[Handler]),
            ("RecordBankAnswer", &[Handler, Service]),
            ("CorrectPayout", &[Handler]),
            ("ReversePayout", &[Handler]),
            ("ExportBankFile", &[Handler]),
        ],
    ),
    (
        "huzhu.query.v1.QueryService",
        &[
            ("GetMember", PERSONAL),
            ("ListMembers", PERSONAL),
            ("GetCover", ALL),
            ("ListCovers", ALL),
            ("GetClaim", ALL),
            ("ListClaims", ALL),
            ("GetPayout", ALL),
            ("ListPayouts", ALL),
            ("GetBatch", ALL),
            ("ListBatches", ALL),
            ("GetOrganisation", ALL),
            ("ListOrganisations", ALL),
            ("GetPlan", ALL),
            ("ListPlans", ALL),
            ("GetRoster", ALL),
            ("ListRosters", ALL),
            ("ListPlanStatistics", ALL),
        ],
    ),
    (
        "huzhu.audit.v1.AuditService",
        &[
            ("ReplayClaim", &[Auditor]),
            ("ReplayStream", &[Auditor]),
            ("ExplainAssessment", &[Auditor, Handler, Operator]),
        ],
    ),
];

/// Services that anybody may call, token or not: they tell nothing of the business.
const OPEN: &[&str] = &[
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// What the table says of an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No token is needed.
    Open,
    /// A token of one of these roles is needed.
    Roles(&'static [Role]),
    /// There is no such RPC.
    Unknown,
}

/// What the table says of the RPC at `path`, such as `/huzhu.audit.v1.AuditService/ReplayClaim`.
#[must_use]
pub fn rule(path: &str) -> Rule {
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/'))
    else {
        return Rule::Unknown;
    };
    if OPEN.contains(&service) {
        return Rule::Open;
    }
    TABLE
        .iter()
        .find(|(name, _)| *name == service)
        .and_then(|(_, methods)| methods.iter().find(|(name, _)| *name == method))
        .map_or(Rule::Unknown, |(_, roles)| Rule::Roles(roles))
}
