//! A union with four levels, all plans, and what people do in it from enrolment to approval.

use futures::stream;
use huzhu_domain::envelope::Role;
use huzhu_domain::id::{ClaimId, CoverId, PayoutId};

use crate::caller::Caller;
use crate::command::add_roster_members_request::Part;
use crate::command::bank_answer_line::Outcome;
use crate::command::record_bank_answer_request::Answer;
use crate::command::roster_service_client::RosterServiceClient;
use crate::command::{
    AddRosterMembersRequest, AddRosterMembersResponse, ApprovalRule, BankAnswerLine,
    BankAnswerLines, BankReturned, BankSettled, CertifyHandlerRequest, ConfirmRosterRequest,
    CountWorkersRequest, CreateBatchRequest, FileClaimRequest, GrantCoverRequest,
    OpenRosterRequest, PassStepRequest, PublishApprovalPolicyRequest, PublishPlanRequest,
    RecordBankAnswerRequest, RecordContributionRequest, RegisterHandlerRequest,
    RegisterMemberRequest, RegisterOrganisationRequest, RosterHeader, RosterLine, RosterLines,
    WithdrawClaimRequest,
};
use crate::facts::{at, date, yuan};
use crate::new_id;
use crate::service::Service;
use crate::wire::{
    Duty, Facts, Level, MemberClass, Name, Person, Receipt, ReturnReason, Step, Term,
};

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

/// A unit of the union.
pub struct Unit<'u> {
    /// What it belongs to.
    pub union: &'u Union,
    /// Its id.
    pub id: String,
    /// Enrols members and files claims.
    pub filer: Caller,
    /// Endorses claims.
    pub endorser: Caller,
}

impl Unit<'_> {
    /// Registers a member of the ordinary class; answers the id.
    pub async fn member(&self, person: Person) -> String {
        self.member_of(person, MemberClass::Ordinary).await
    }

    /// Registers a member of a class.
    pub async fn member_of(&self, person: Person, class: MemberClass) -> String {
        let registered = self.filer.must(RegisterMemberRequest {
            request_id: new_id(),
            business_time: at(FOUNDED),
            person: Some(person),
            unit_id: self.id.clone(),
            class: class.into(),
            insured: true,
            ..Default::default()
        });
        registered.await.member_id
    }

    /// Grants a cover of a free plan from a day on; answers the id.
    pub async fn grant(&self, member: &str, plan: &str, start: &str) -> String {
        let granted = self.filer.must(GrantCoverRequest {
            request_id: new_id(),
            business_time: at(start),
            member_id: member.to_owned(),
            plan: plan.to_owned(),
            start: date(start),
            ..Default::default()
        });
        granted.await.cover_id
    }

    /// Opens a roster; answers the id.
    pub async fn open_roster(&self, plan: &str, version: &str, start: &str) -> String {
        let opened = self.filer.must(OpenRosterRequest {
            request_id: new_id(),
            business_time: at(start),
            plan: plan.to_owned(),
            version: version.to_owned(),
            unit_id: self.id.clone(),
            start: date(start),
            ..Default::default()
        });
        opened.await.roster_id
    }

    /// Sends lines into a roster, in messages of 1,000.
    pub async fn add_lines(
        &self,
        roster: &str,
        day: &str,
        lines: Vec<RosterLine>,
    ) -> Result<AddRosterMembersResponse, tonic::Status> {
        self.add_lines_as(&new_id(), roster, day, lines).await
    }

    /// The same, under a request id of one's own.
    pub async fn add_lines_as(
        &self,
        request_id: &str,
        roster: &str,
        day: &str,
        lines: Vec<RosterLine>,
    ) -> Result<AddRosterMembersResponse, tonic::Status> {
        let header = RosterHeader {
            request_id: request_id.to_owned(),
            business_time: at(day),
            roster_id: roster.to_owned(),
            ..RosterHeader::default()
        };
        let header = AddRosterMembersRequest { part: Some(Part::Header(header)) };
        let lines: Vec<_> = lines
            .chunks(1_000)
            .map(|lines| {
                let lines = RosterLines { lines: lines.to_vec() };
                AddRosterMembersRequest { part: Some(Part::Lines(lines)) }
            })
            .collect();
        let messages = stream::iter(std::iter::once(header).chain(lines));
        let mut client = RosterServiceClient::new(self.filer.channel.clone());
        let answer = client.add_roster_members(self.filer.request(messages)).await?;
        Ok(answer.into_inner())
    }

    /// Records what the unit paid.
    pub async fn contribute(&self, roster: &str, day: &str, amount: &str) {
        self.union
            .operator
            .must(RecordContributionRequest {
                request_id: new_id(),
                business_time: at(day),
                roster_id: roster.to_owned(),
                amount: yuan(amount),
                reference: new_id(),
                ..Default::default()
            })
            .await;
    }

    /// Confirms a roster.
    pub async fn confirm(&self, roster: &str, day: &str) -> Result<Receipt, tonic::Status> {
        let confirmed = self.filer.call(ConfirmRosterRequest {
            request_id: new_id(),
            business_time: at(day),
            roster_id: roster.to_owned(),
            ..Default::default()
        });
        Ok(confirmed.await?.receipt.unwrap())
    }

    /// Enrols members as all the workers of the unit, with so many units each, for what that costs;
    /// answers their covers.
    pub async fn enrol(
        &self,
        (plan, version): (&str, &str),
        start: &str,
        members: &[&str],
        units: u32,
        contribution: &str,
    ) -> Vec<String> {
        self.union
            .operator
            .must(CountWorkersRequest {
                request_id: new_id(),
                business_time: at(start),
                organisation_id: self.id.clone(),
                workers: u32::try_from(members.len()).unwrap(),
                ..Default::default()
            })
            .await;
        let roster = self.open_roster(plan, version, start).await;
        let lines = (1..)
            .zip(members)
            .map(|(number, member)| RosterLine {
                number,
                member_id: (*member).to_owned(),
                units,
                high_risk: false,
            })
            .collect();
        let added = self.add_lines(&roster, start, lines).await.unwrap();
        assert_eq!(added.refused, []);
        self.contribute(&roster, start, contribution).await;
        self.confirm(&roster, start).await.unwrap();
        members.iter().map(|member| cover_id(plan, member, start)).collect()
    }

    /// Files a claim under a cover; answers the id.
    pub async fn file(&self, cover: &str, benefits: &[&str], facts: Facts, day: &str) -> String {
        let filed = self.filer.must(claim_request(cover, benefits, facts, day));
        filed.await.claim_id
    }

    /// Takes a claim back.
    pub async fn withdraw(&self, claim: &str, day: &str) {
        self.filer
            .must(WithdrawClaimRequest {
                request_id: new_id(),
                business_time: at(day),
                claim_id: claim.to_owned(),
                note: "撤回".to_owned(),
                ..Default::default()
            })
            .await;
    }

    /// Takes a claim through the steps, from the one at `from` (0 for the first) up to and without
    /// the one at `to`.
    pub async fn pass(
        &self,
        claim: &str,
        steps: std::ops::Range<usize>,
        day: &str,
    ) -> Result<Option<Receipt>, tonic::Status> {
        let mut receipt = None;
        for decider in self.union.deciders(self).get(steps).unwrap() {
            receipt = decider.call(pass_request(claim, day)).await?.receipt;
        }
        Ok(receipt)
    }

    /// Takes a claim through all its steps; answers the receipt of the last.
    pub async fn approve(&self, claim: &str, day: &str) -> Receipt {
        match self.pass(claim, 0..6, day).await {
            Ok(receipt) => receipt.unwrap(),
            Err(status) => panic!("{claim} is not approved: {}", status.message()),
        }
    }
}

/// A request that files a claim.
#[must_use]
pub fn claim_request(cover: &str, benefits: &[&str], facts: Facts, day: &str) -> FileClaimRequest {
    FileClaimRequest {
        request_id: new_id(),
        business_time: at(day),
        cover_id: cover.to_owned(),
        benefits: benefits.iter().map(|benefit| (*benefit).to_owned()).collect(),
        facts: Some(facts),
        ..FileClaimRequest::default()
    }
}

/// The bank's word that it paid.
#[must_use]
pub fn settled(payout: &str, reference: &str) -> BankAnswerLine {
    let settled = BankSettled { reference: reference.to_owned() };
    BankAnswerLine { payout_id: payout.to_owned(), outcome: Some(Outcome::Settled(settled)) }
}

/// The bank's word that an account is closed.
#[must_use]
pub fn returned(payout: &str) -> BankAnswerLine {
    let reason = ReturnReason::AccountClosed.into();
    let returned = BankReturned { reason, note: "账户已销户".to_owned() };
    BankAnswerLine { payout_id: payout.to_owned(), outcome: Some(Outcome::Returned(returned)) }
}

/// A request that records what the bank answered.
#[must_use]
pub fn answer_request(
    batch: &str,
    lines: Vec<BankAnswerLine>,
    day: &str,
) -> RecordBankAnswerRequest {
    RecordBankAnswerRequest {
        request_id: new_id(),
        business_time: at(day),
        batch_id: batch.to_owned(),
        answer: Some(Answer::Lines(BankAnswerLines { lines })),
        ..Default::default()
    }
}

/// A request that passes whichever step is due.
#[must_use]
pub fn pass_request(claim: &str, day: &str) -> PassStepRequest {
    PassStepRequest {
        request_id: new_id(),
        business_time: at(day),
        claim_id: claim.to_owned(),
        ..PassStepRequest::default()
    }
}

/// The cover that an enrolment gives: its id follows from the plan, the member and the first day.
#[must_use]
pub fn cover_id(plan: &str, member: &str, start: &str) -> String {
    let (plan, start) = (plan.parse().unwrap(), start.parse().unwrap());
    CoverId::of(&plan, member.parse().unwrap(), start).to_string()
}

/// The payout that an approval gives: its id follows from the claim.
#[must_use]
pub fn payout_id(claim: &str) -> String {
    PayoutId::of(claim.parse::<ClaimId>().unwrap()).to_string()
}
