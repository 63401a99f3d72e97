//! A union with four levels and all plans, and the people who keep it.

mod unit;

use huzhu_domain::envelope::Role;

use crate::caller::Caller;
use crate::command::{
    ApprovalRule, CertifyHandlerRequest, CreateBatchRequest, PublishApprovalPolicyRequest,
    PublishPlanRequest, RegisterHandlerRequest, RegisterOrganisationRequest,
};
use crate::facts::{at, date};
use crate::new_id;
use crate::service::Service;
use crate::wire::{Duty, Level, Name, Step, Term};

pub use crate::requests::*;
pub use unit::Unit;

/// The day on which the union was set up.
pub const FOUNDED: &str = "2005-01-05";

/// The office: 北京办事处.
pub const OFFICE: &str = "beijing";
/// A district: 密云县.
pub const DISTRICT: &str = "miyun";
/// A township of that district.
pub const TOWNSHIP: &str = "gulou";

/// A union, and the service it works with.
pub struct Union {
    /// The service.
    pub service: Service,
    /// Publishes plans, keeps organisations.
    pub operator: Caller,
    /// Replays histories.
    pub auditor: Caller,
    /// Queries views.
    pub analyst: Caller,
    /// Pays.
    pub finance: Caller,
}

impl Union {
    /// A union with every plan of the catalogue, an approval policy of all six steps, an office, a
    /// district and a township with their certified handlers. It has no units yet.
    pub async fn found() -> Self {
        Self::found_with(Service::start()).await
    }

    /// The same, with a service of one's own.
    pub async fn found_with(service: Service) -> Self {
        let operator = service.caller(Role::Operator, "operator", None);
        for (_, terms) in huzhu_domain::plan::catalogue() {
            let terms_json = (*terms).to_owned();
            let request_id = new_id();
            operator
                .must(PublishPlanRequest {
                    request_id,
                    business_time: at(FOUNDED),
                    terms_json,
                    ..Default::default()
                })
                .await;
        }
        let union = Self {
            auditor: service.caller(Role::Auditor, "auditor", None),
            analyst: service.caller(Role::Analyst, "analyst", None),
            finance: service.caller(Role::Handler, "finance", Some(OFFICE)),
            operator,
            service,
        };
        union.publish_policy().await;
        union.organisation(OFFICE, Level::Office, "北京办事处", "", 30).await;
        union.organisation(DISTRICT, Level::District, "密云县总工会", OFFICE, 20).await;
        union.organisation(TOWNSHIP, Level::Township, "鼓楼街道总工会", DISTRICT, 10).await;
        union.handler(OFFICE, "first", &[Duty::FirstReview]).await;
        union.handler(OFFICE, "second", &[Duty::SecondReview]).await;
        union.handler(OFFICE, "finance", &[Duty::Finance]).await;
        union.handler(DISTRICT, "district", &[Duty::DistrictCheck]).await;
        union.handler(TOWNSHIP, "township", &[Duty::TownshipCheck]).await;
        union
    }

    /// The same union after its service was stopped and started again.
    #[must_use]
    pub fn restarted(mut self) -> Self {
        self.service.restart();
        let service = self.service;
        Self {
            operator: service.caller(Role::Operator, "operator", None),
            auditor: service.caller(Role::Auditor, "auditor", None),
            analyst: service.caller(Role::Analyst, "analyst", None),
            finance: service.caller(Role::Handler, "finance", Some(OFFICE)),
            service,
        }
    }

    async fn publish_policy(&self) {
        let steps = [
            Step::UnitEndorsement,
            Step::TownshipCheck,
            Step::DistrictCheck,
            Step::FirstReview,
            Step::SecondReview,
            Step::Finance,
        ];
        let steps = steps.map(i32::from).to_vec();
        self.operator
            .must(PublishApprovalPolicyRequest {
                request_id: new_id(),
                business_time: at(FOUNDED),
                label: "all-levels".to_owned(),
                from: date(FOUNDED),
                rules: vec![ApprovalRule { steps, ..ApprovalRule::default() }],
                ..Default::default()
            })
            .await;
    }

    /// Registers an organisation.
    pub async fn organisation(
        &self,
        id: &str,
        level: Level,
        name: &str,
        parent: &str,
        workers: u32,
    ) {
        self.operator
            .must(RegisterOrganisationRequest {
                request_id: new_id(),
                business_time: at(FOUNDED),
                organisation_id: id.to_owned(),
                level: level.into(),
                name: Some(Name { zh: name.to_owned(), en: String::new() }),
                parent_id: parent.to_owned(),
                has_union: true,
                workers,
                ..Default::default()
            })
            .await;
    }

    /// Registers and certifies a handler.
    pub async fn handler(&self, organisation: &str, subject: &str, duties: &[Duty]) {
        self.operator
            .must(RegisterHandlerRequest {
                request_id: new_id(),
                business_time: at(FOUNDED),
                organisation_id: organisation.to_owned(),
                handler: subject.to_owned(),
                duties: duties.iter().map(|duty| i32::from(*duty)).collect(),
                ..Default::default()
            })
            .await;
        self.operator
            .must(CertifyHandlerRequest {
                request_id: new_id(),
                business_time: at(FOUNDED),
                organisation_id: organisation.to_owned(),
                handler: subject.to_owned(),
                certificate: format!("证-{subject}"),
                period: Some(Term { start: date(FOUNDED), end: date("2035-12-31") }),
                ..Default::default()
            })
            .await;
    }

    /// A unit of the township with so many workers, and its two handlers.
    pub async fn unit(&self, id: &str, name: &str, workers: u32) -> Unit<'_> {
        self.organisation(id, Level::Unit, name, TOWNSHIP, workers).await;
        let (filer, endorser) = (format!("{id}-file"), format!("{id}-endorse"));
        self.handler(id, &filer, &[Duty::File]).await;
        self.handler(id, &endorser, &[Duty::Endorse]).await;
        self.known_unit(id)
    }

    /// A unit that is there already.
    #[must_use]
    pub fn known_unit(&self, id: &str) -> Unit<'_> {
        let (filer, endorser) = (format!("{id}-file"), format!("{id}-endorse"));
        Unit {
            union: self,
            id: id.to_owned(),
            filer: self.service.caller(Role::Handler, &filer, Some(id)),
            endorser: self.service.caller(Role::Handler, &endorser, Some(id)),
        }
    }

    /// Those who decide on claims of a unit, in the order of the steps.
    #[must_use]
    pub fn deciders(&self, unit: &Unit<'_>) -> [Caller; 6] {
        let of =
            |subject, organisation| self.service.caller(Role::Handler, subject, Some(organisation));
        [
            unit.endorser.clone(),
            of("township", TOWNSHIP),
            of("district", DISTRICT),
            of("first", OFFICE),
            of("second", OFFICE),
            self.finance.clone(),
        ]
    }

    /// Puts the payouts of approved claims into one bank file, lets the bank pay all of them, and
    /// answers what the members have now, as the log says.
    pub async fn pay(&self, claims: &[&str], day: &str) -> String {
        let payouts: Vec<_> = claims.iter().map(|claim| payout_id(claim)).collect();
        let batch = self.batch(&payouts, day).await;
        let lines = payouts.iter().map(|payout| settled(payout, "REF-1")).collect();
        self.finance.must(answer_request(&batch, lines, day)).await;
        let mut sum = rust_decimal::Decimal::ZERO;
        for (claim, payout) in claims.iter().zip(&payouts) {
            let paid = self.history(&format!("payout-{payout}")).await;
            let last = paid.last().unwrap();
            assert_eq!(last.name, "PayoutSettled");
            let body: serde_json::Value = serde_json::from_str(&last.body_json).unwrap();
            sum += body["amount"].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
            let history = self.history(&format!("claim-{claim}")).await;
            assert_eq!(history.last().unwrap().name, "ClaimPaid");
        }
        format!("{sum:.2}")
    }

    /// Opens a batch of payouts; answers its id.
    pub async fn batch(&self, payouts: &[String], day: &str) -> String {
        let batch = self.finance.must(CreateBatchRequest {
            request_id: new_id(),
            business_time: at(day),
            payout_ids: payouts.to_vec(),
            ..Default::default()
        });
        batch.await.batch_id
    }

    /// How a claim was last assessed, from the log.
    pub async fn assessed(&self, claim: &str) -> crate::wire::Assessment {
        let claim_id = claim.to_owned();
        let asked = crate::audit::ExplainAssessmentRequest { claim_id, revision: None };
        let explained = self.auditor.must(asked).await;
        assert!(explained.same, "the assessment comes out differently: {explained:#?}");
        explained.recorded.expect("a recorded assessment")
    }

    /// Every event of a stream, from the log.
    pub async fn history(&self, stream: &str) -> Vec<crate::audit::HistoryEvent> {
        use crate::audit::audit_service_client::AuditServiceClient;
        let mut client = AuditServiceClient::new(self.auditor.channel.clone());
        let asked = crate::audit::ReplayStreamRequest { stream: stream.to_owned() };
        let mut events =
            client.replay_stream(self.auditor.request(asked)).await.unwrap().into_inner();
        let mut history = Vec::new();
        while let Some(answer) = events.message().await.unwrap() {
            history.push(answer.event.unwrap());
        }
        history
    }
}
