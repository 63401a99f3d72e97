//! Which role may call which RPC. What is not in the table is refused.

use huzhu_domain::envelope::Role::{self, Analyst, Auditor, Handler, Operator, Service};

/// Everybody with a token.
const ALL: &[Role] = &[Handler, Operator, Auditor, Analyst, Service];
/// Those who take in what members and units ask for.
const COUNTER: &[Role] = &[Handler, Operator, Service];
/// Those who act for a unit.
const UNIT: &[Role] = &[Handler, Operator];

/// Those who may see the log itself.
const AUDIT: &[Role] = &[Auditor, Operator];
/// Nobody at all: only commands change the log.
const NOBODY: &[Role] = &[];
/// Those who may ask with SQL.
#[cfg(feature = "flight")]
pub const SQL: &[Role] = &[Operator, Auditor, Analyst];

/// A service, with the roles that may call each of its RPCs.
pub type Rights = (&'static str, &'static [(&'static str, &'static [Role])]);

/// The RPCs of each service, with the roles that may call them. Personal data of members is left out
/// of what an analyst gets.
pub const TABLE: &[Rights] = &[
    (
        "huzhu.command.v1.PlanService",
        &[("PublishPlan", &[Operator]), ("PublishApprovalPolicy", &[Operator])],
    ),
    (
        "huzhu.command.v1.OrganisationService",
        &[
            ("RegisterOrganisation", &[Operator]),
            ("CountWorkers", UNIT),
            ("RegisterHandler", &[Operator]),
            ("CertifyHandler", &[Operator]),
            ("SuspendHandler", &[Operator]),
            ("ReinstateHandler", &[Operator]),
        ],
    ),
    (
        "huzhu.command.v1.MemberService",
        &[
            ("RegisterMember", COUNTER),
            ("CorrectMember", COUNTER),
            ("ClassifyMember", UNIT),
            ("TransferMember", UNIT),
            ("RetireMember", UNIT),
            ("RecordDeath", UNIT),
        ],
    ),
    (
        "huzhu.command.v1.RosterService",
        &[
            ("OpenRoster", UNIT),
            ("AddRosterMembers", COUNTER),
            ("RemoveRosterMember", UNIT),
            ("RecordContribution", COUNTER),
            ("ConfirmRoster", UNIT),
            ("CancelRoster", UNIT),
        ],
    ),
    ("huzhu.command.v1.CoverService", &[("GrantCover", COUNTER), ("EndCover", UNIT)]),
    (
        "huzhu.command.v1.ClaimService",
        &[
            ("FileClaim", COUNTER),
            ("PassStep", &[Handler]),
            ("ReturnClaim", &[Handler]),
            ("RefuseClaim", &[Handler]),
            ("SupplementClaim", COUNTER),
            ("WithdrawClaim", COUNTER),
            ("PreviewAssessment", COUNTER),
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
            ("GetMember", ALL),
            ("ListMembers", ALL),
            ("GetCover", ALL),
            ("ListCovers", ALL),
            ("GetClaim", ALL),
            ("ListClaims", ALL),
            ("WatchClaim", ALL),
            ("WatchQueue", ALL),
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
        "huzhu.query.v1.FigureService",
        &[
            ("ListLedgerEntries", ALL),
            ("ListLedgerBalances", ALL),
            ("ListDiseaseStatistics", ALL),
            ("ListOrganisationGrowth", ALL),
            ("ListWorkQueue", ALL),
            ("ListHandlerActivity", ALL),
        ],
    ),
    (
        "huzhu.audit.v1.AuditService",
        &[
            ("ReplayClaim", AUDIT),
            ("ReplayStream", AUDIT),
            ("ExplainAssessment", &[Auditor, Operator, Handler]),
        ],
    ),
    (
        "event_store.client.streams.Streams",
        &[
            ("Read", AUDIT),
            ("Append", NOBODY),
            ("Delete", NOBODY),
            ("Tombstone", NOBODY),
            ("BatchAppend", NOBODY),
        ],
    ),
    ("event_store.client.persistent_subscriptions.PersistentSubscriptions", &[("List", AUDIT)]),
];

/// The service of Arrow Flight, as far as it is served: its contract is Arrow's, not ours. Who
/// shakes hands has no bearer token yet; the handshake looks at what they bring.
#[cfg(feature = "flight")]
pub const FLIGHT: Rights = (
    "arrow.flight.protocol.FlightService",
    &[
        ("GetFlightInfo", SQL),
        ("GetSchema", SQL),
        ("DoGet", SQL),
        ("DoPut", SQL),
        ("DoAction", SQL),
        ("ListActions", SQL),
    ],
);
#[cfg(feature = "flight")]
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";

/// Every service with its rights.
pub fn served() -> impl Iterator<Item = &'static Rights> {
    let served = TABLE.iter();
    #[cfg(feature = "flight")]
    let served = served.chain([&FLIGHT]);
    served
}

/// Services that anybody may call, token or not: they tell nothing of the business.
const OPEN: &[&str] = &[
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    // Clients ask these before they show who they are.
    "event_store.client.server_features.ServerFeatures",
    "event_store.client.gossip.Gossip",
];

/// What the paths of EventStoreDB's protocol begin with.
const EVENTSTORE: &str = "/event_store.client.";

/// Whether the RPC at `path` belongs to EventStoreDB's protocol, whose clients show their token as
/// the password of `Basic` credentials and know refusals of their own.
#[must_use]
pub fn is_eventstore(path: &str) -> bool {
    path.starts_with(EVENTSTORE)
}

/// What the table says of an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No token is needed.
    Open,
    /// A token of one of these roles is needed; where there is none, nobody may call it.
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
    #[cfg(feature = "flight")]
    if path == HANDSHAKE {
        return Rule::Open;
    }
    served()
        .find(|(name, _)| *name == service)
        .and_then(|(_, methods)| methods.iter().find(|(name, _)| *name == method))
        .map_or(Rule::Unknown, |(_, roles)| Rule::Roles(roles))
}

/// RPCs that stream, and may take their time.
const STREAMS: &[&str] = &[
    "/huzhu.command.v1.RosterService/AddRosterMembers",
    "/huzhu.command.v1.PayoutService/ExportBankFile",
    "/huzhu.query.v1.QueryService/WatchClaim",
    "/huzhu.query.v1.QueryService/WatchQueue",
    "/huzhu.audit.v1.AuditService/ReplayClaim",
    "/huzhu.audit.v1.AuditService/ReplayStream",
    "/event_store.client.streams.Streams/Read",
    "/event_store.client.streams.Streams/Append",
    "/event_store.client.streams.Streams/BatchAppend",
    "/arrow.flight.protocol.FlightService/Handshake",
    "/arrow.flight.protocol.FlightService/DoGet",
    "/arrow.flight.protocol.FlightService/DoPut",
    "/arrow.flight.protocol.FlightService/DoAction",
    "/arrow.flight.protocol.FlightService/ListActions",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Whether the RPC at `path` streams.
#[must_use]
pub fn streams(path: &str) -> bool {
    STREAMS.contains(&path)
}
