//! A unit of the union, and what its people do from enrolment to approval.

use std::time::Duration;

use futures::{StreamExt, stream};

use super::{FOUNDED, Union};
use crate::caller::Caller;
use crate::command::add_roster_members_request::Part;
use crate::command::roster_service_client::RosterServiceClient;
use crate::command::{
    AddRosterMembersRequest, AddRosterMembersResponse, ConfirmRosterRequest, CountWorkersRequest,
    GrantCoverRequest, OpenRosterRequest, RecordContributionRequest, RegisterMemberRequest,
    RosterHeader, RosterLine, RosterLines, WithdrawClaimRequest,
};
use crate::facts::{at, date, yuan};
use crate::new_id;
use crate::requests::{claim_request, cover_id, pass_request};
use crate::wire::{Facts, MemberClass, Person, Receipt};

/// The largest answer that a caller takes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

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
        let messages = stream::iter(messages(request_id, roster, day, lines));
        // An answer that names tens of thousands of bad lines is larger than the default.
        let mut client = RosterServiceClient::new(self.filer.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX);
        let answer = client.add_roster_members(self.filer.request(messages)).await?;
        Ok(answer.into_inner())
    }

    /// Sends some lines into a roster, and then loses the connection.
    pub async fn add_lines_and_break(
        &self,
        request_id: &str,
        roster: &str,
        day: &str,
        lines: Vec<RosterLine>,
    ) {
        let silence = stream::pending();
        let messages = stream::iter(messages(request_id, roster, day, lines)).chain(silence);
        let mut client = RosterServiceClient::new(self.union.service.connect());
        let sending = client.add_roster_members(self.filer.request(messages));
        let broken = tokio::time::timeout(Duration::from_secs(2), sending).await;
        assert!(broken.is_err(), "{broken:?}");
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

/// A stream of lines, in messages of 1,000.
fn messages(
    request_id: &str,
    roster: &str,
    day: &str,
    lines: Vec<RosterLine>,
) -> Vec<AddRosterMembersRequest> {
    let header = RosterHeader {
        request_id: request_id.to_owned(),
        business_time: at(day),
        roster_id: roster.to_owned(),
        ..RosterHeader::default()
    };
    let header = AddRosterMembersRequest { part: Some(Part::Header(header)) };
    let lines = lines.chunks(1_000).map(|lines| {
        let lines = RosterLines { lines: lines.to_vec() };
        AddRosterMembersRequest { part: Some(Part::Lines(lines)) }
    });
    std::iter::once(header).chain(lines).collect()
}
