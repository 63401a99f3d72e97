//! The organisations, people and plans of the demo, and what its callers do again and again.

use std::collections::BTreeMap;

use huzhu_domain::envelope::Role;
use huzhu_domain::id::checked::{CardNumber, ResidentId};
use huzhu_domain::plan::catalogue;
use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};

use super::DemoError;
use crate::client::{self, Desk, Desks, request_id};
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::simulate::people::checked;

/// The day before everything else happens.
const FOUNDED: Date = date(2012, 1, 4);

/// An organisation: id, level, Chinese name, parent, workers.
type Organisation = (&'static str, wire::Level, &'static str, &'static str, u32);

/// From the office down.
pub(super) const ORGANISATIONS: [Organisation; 11] = [
    ("office", wire::Level::Office, "中国职工保险互助会北京办事处", "", 0),
    ("miyun", wire::Level::District, "密云县总工会代办处", "office", 0),
    ("chaoyang", wire::Level::District, "朝阳区总工会代办处", "office", 0),
    ("shunyi", wire::Level::District, "顺义区总工会代办处", "office", 0),
    ("miyun-town", wire::Level::Township, "密云县乡镇工会", "miyun", 0),
    ("hydropower", wire::Level::Township, "水电系统工会", "chaoyang", 0),
    ("machinery", wire::Level::Township, "机械系统工会", "shunyi", 0),
    ("peng-unit", wire::Level::Unit, "彭女士所在单位", "miyun-town", 1),
    ("hydropower-2", wire::Level::Unit, "中国水利水电第二工程局有限公司", "hydropower", 1),
    ("beiyi", wire::Level::Unit, "北一机床", "machinery", 1_119),
    ("jingliang", wire::Level::Unit, "北京粮食集团", "miyun-town", 2),
];

/// The desks of the demo, made when they are first needed.
pub(super) struct World {
    desks: Desks,
}

/// The people who decide on claims of a unit, by step.
pub(super) struct Chain {
    pub(super) unit: &'static str,
    pub(super) township: &'static str,
    pub(super) district: &'static str,
}

impl World {
    pub(super) const fn new(desks: Desks) -> Self {
        Self { desks }
    }

    /// The handler of `organisation` who has `duty`; the staff number says so.
    pub(super) fn handler(&self, organisation: &str, duty: &str) -> Result<Desk, DemoError> {
        Ok(self.desks.handler(&format!("{organisation}-{duty}"), organisation)?)
    }

    pub(super) fn operator(&self) -> Result<Desk, DemoError> {
        Ok(self.desks.of(Role::Operator, "operator")?)
    }

    pub(super) fn auditor(&self) -> Result<Desk, DemoError> {
        Ok(self.desks.of(Role::Auditor, "auditor")?)
    }

    /// Publishes every plan version and the approval policy.
    pub(super) async fn publish(&self) -> Result<usize, DemoError> {
        let operator = self.operator()?;
        for (file, terms) in catalogue() {
            let request = command::PublishPlanRequest {
                request_id: request_id(),
                expected_revision: None,
                business_time: Some(morning(FOUNDED)),
                terms_json: (*terms).to_owned(),
            };
            done(file, operator.plans().publish_plan(operator.request(request)).await)?;
        }
        let request = command::PublishApprovalPolicyRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(FOUNDED)),
            label: "2012".to_owned(),
            from: Some(client::date(FOUNDED)),
            rules: vec![
                // Small sums need fewer eyes.
                rule(
                    Some("8000"),
                    &[
                        wire::Step::UnitEndorsement,
                        wire::Step::DistrictCheck,
                        wire::Step::FirstReview,
                        wire::Step::Finance,
                    ],
                ),
                rule(None, &STEPS.map(|(step, _, _)| step)),
            ],
            // The office promises the money within ten working days of its approval.
            deadlines: Some(command::Deadlines {
                pay_within_working_days: 10,
                ..command::Deadlines::default()
            }),
        };
        let published = operator.plans().publish_approval_policy(operator.request(request)).await;
        done("approval policy", published)?;
        Ok(catalogue().len())
    }

    /// Registers the organisations, and certifies a handler for each duty.
    pub(super) async fn organise(&self) -> Result<(), DemoError> {
        let operator = self.operator()?;
        for (id, level, name, parent, workers) in ORGANISATIONS {
            let request = command::RegisterOrganisationRequest {
                request_id: request_id(),
                expected_revision: None,
                business_time: Some(morning(FOUNDED)),
                organisation_id: id.to_owned(),
                level: level.into(),
                name: Some(wire::Name { zh: name.to_owned(), en: String::new() }),
                parent_id: parent.to_owned(),
                credit_code: String::new(),
                has_union: true,
                workers,
            };
            let mut organisations = operator.organisations();
            done(id, organisations.register_organisation(operator.request(request)).await)?;
            for (duty, name) in duties(level) {
                self.certify(&operator, id, *duty, name).await?;
            }
        }
        Ok(())
    }

    async fn certify(
        &self,
        operator: &Desk,
        organisation: &str,
        duty: wire::Duty,
        name: &str,
    ) -> Result<(), DemoError> {
        let handler = format!("{organisation}-{name}");
        let mut organisations = operator.organisations();
        let request = command::RegisterHandlerRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(FOUNDED)),
            organisation_id: organisation.to_owned(),
            handler: handler.clone(),
            member_id: String::new(),
            duties: vec![duty.into()],
        };
        done(&handler, organisations.register_handler(operator.request(request)).await)?;
        let request = command::CertifyHandlerRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(FOUNDED)),
            organisation_id: organisation.to_owned(),
            certificate: format!("2012-{handler}"),
            period: Some(wire::Term {
                start: Some(client::date(FOUNDED)),
                end: Some(client::date(date(2017, 12, 31))),
            }),
            handler: handler.clone(),
        };
        done(&handler, organisations.certify_handler(operator.request(request)).await).map(|_| ())
    }

    /// Registers a person with the unit.
    pub(super) async fn member(
        &self,
        unit: &str,
        name: &str,
        resident_id: String,
    ) -> Result<String, DemoError> {
        let desk = self.handler(unit, "file")?;
        let request = command::RegisterMemberRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(date(2012, 2, 1))),
            person: Some(wire::Person {
                name: name.to_owned(),
                card: card(&resident_id),
                resident_id,
                phone: String::new(),
            }),
            unit_id: unit.to_owned(),
            class: wire::MemberClass::Ordinary.into(),
            insured: true,
        };
        done(name, desk.members().register_member(desk.request(request)).await)
            .map(|answer| answer.member_id)
    }

    /// Enrols members of a unit in a plan from `start` on, and answers with their covers.
    pub(super) async fn enrol(
        &self,
        unit: &str,
        plan: &str,
        start: Date,
        members: &[(String, u32)],
        contribution: &str,
    ) -> Result<BTreeMap<String, String>, DemoError> {
        let desk = self.handler(unit, "file")?;
        let paid_on = start.saturating_sub(jiff::Span::new().days(7));
        let at = Some(morning(paid_on));
        let request = command::OpenRosterRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: at,
            plan: plan.to_owned(),
            version: String::new(),
            unit_id: unit.to_owned(),
            start: Some(client::date(start)),
        };
        let opened = done(plan, desk.rosters().open_roster(desk.request(request)).await)?;
        let header = command::RosterHeader {
            request_id: request_id(),
            expected_revision: None,
            business_time: at,
            roster_id: opened.roster_id.clone(),
        };
        let mut parts = vec![command::AddRosterMembersRequest {
            part: Some(command::add_roster_members_request::Part::Header(header)),
        }];
        let lines: Vec<_> = members
            .iter()
            .zip(1..)
            .map(|((member, units), number)| command::RosterLine {
                number,
                member_id: member.clone(),
                units: *units,
                high_risk: false,
            })
            .collect();
        parts.extend(lines.chunks(200).map(|lines| command::AddRosterMembersRequest {
            part: Some(command::add_roster_members_request::Part::Lines(command::RosterLines {
                lines: lines.to_vec(),
            })),
        }));
        let stream = futures::stream::iter(parts);
        done(plan, desk.rosters().add_roster_members(desk.request(stream)).await)?;
        let request = command::RecordContributionRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: at,
            roster_id: opened.roster_id.clone(),
            amount: Some(client::money(amount(contribution))),
            reference: format!("{unit}-{plan}-{start}"),
            on: Some(client::date(paid_on)),
        };
        done(plan, desk.rosters().record_contribution(desk.request(request)).await)?;
        let request = command::ConfirmRosterRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: at,
            roster_id: opened.roster_id.clone(),
        };
        let confirmed = done(plan, desk.rosters().confirm_roster(desk.request(request)).await)?;
        let at_least = confirmed.receipt.map(|receipt| receipt.position).unwrap_or_default();
        self.covers(&desk, &opened.roster_id, &at_least).await
    }

    /// The covers that a roster granted, by member.
    async fn covers(
        &self,
        desk: &Desk,
        roster: &str,
        at_least: &str,
    ) -> Result<BTreeMap<String, String>, DemoError> {
        let mut covers = BTreeMap::new();
        let mut page_token = String::new();
        loop {
            let request = crate::contract::huzhu::query::v1::ListCoversRequest {
                page_size: 1_000,
                page_token,
                at_least: at_least.to_owned(),
                roster_id: roster.to_owned(),
                ..Default::default()
            };
            let page = done("covers", desk.queries().list_covers(desk.request(request)).await)?;
            covers.extend(page.covers.into_iter().map(|cover| (cover.member_id, cover.cover_id)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(covers);
            }
        }
    }

    /// Grants a cover of a free plan for the year of `start`.
    pub(super) async fn grant(
        &self,
        unit: &str,
        plan: &str,
        member: &str,
        start: Date,
    ) -> Result<String, DemoError> {
        let desk = self.handler(unit, "file")?;
        let request = command::GrantCoverRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(start)),
            member_id: member.to_owned(),
            plan: plan.to_owned(),
            start: Some(client::date(start)),
        };
        done(plan, desk.covers().grant_cover(desk.request(request)).await)
            .map(|answer| answer.cover_id)
    }
}

/// The steps of an approval, with where and by whom they are taken.
pub(super) const STEPS: [(wire::Step, wire::Level, &str); 6] = [
    (wire::Step::UnitEndorsement, wire::Level::Unit, "endorse"),
    (wire::Step::TownshipCheck, wire::Level::Township, "check"),
    (wire::Step::DistrictCheck, wire::Level::District, "check"),
    (wire::Step::FirstReview, wire::Level::Office, "first"),
    (wire::Step::SecondReview, wire::Level::Office, "second"),
    (wire::Step::Finance, wire::Level::Office, "finance"),
];

fn duties(level: wire::Level) -> &'static [(wire::Duty, &'static str)] {
    match level {
        wire::Level::Unspecified => &[],
        wire::Level::Unit => &[(wire::Duty::File, "file"), (wire::Duty::Endorse, "endorse")],
        wire::Level::Township => &[(wire::Duty::TownshipCheck, "check")],
        wire::Level::District => &[(wire::Duty::DistrictCheck, "check")],
        wire::Level::Office => &[
            (wire::Duty::FirstReview, "first"),
            (wire::Duty::SecondReview, "second"),
            (wire::Duty::Finance, "finance"),
        ],
    }
}

fn rule(up_to: Option<&str>, steps: &[wire::Step]) -> command::ApprovalRule {
    command::ApprovalRule {
        plan: String::new(),
        up_to: up_to.map(|up_to| client::money(amount(up_to))),
        steps: steps.iter().map(|step| (*step).into()).collect(),
    }
}

/// An amount of the demo's own text.
pub(super) fn amount(text: &str) -> huzhu_domain::money::Money {
    text.parse().unwrap_or_default()
}

/// Nine in the morning in Beijing.
pub(super) fn morning(day: Date) -> prost_types::Timestamp {
    let beijing = TimeZone::fixed(Offset::constant(8));
    let at = beijing.to_timestamp(day.at(9, 0, 0, 0));
    client::time(at.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

/// The answer, or what was asked and how it was refused.
pub(super) fn done<T>(
    what: &str,
    answer: Result<tonic::Response<T>, tonic::Status>,
) -> Result<T, DemoError> {
    answer.map(tonic::Response::into_inner).map_err(|status| DemoError::Call {
        what: what.to_owned(),
        code: status.code(),
        message: status.message().to_owned(),
    })
}

/// A resident id that holds: region, birth date, a number (odd for men), check digit.
pub(super) fn resident_id(region: &str, born: Date, number: u32) -> String {
    let body = format!("{region}{}{number:03}", born.strftime("%Y%m%d"));
    let id: Option<ResidentId> = checked(&body, "0123456789X");
    id.map(String::from).unwrap_or_default()
}

/// A card number that holds, made from the digits of a resident id.
fn card(resident_id: &str) -> String {
    let digits: String = resident_id.chars().filter(char::is_ascii_digit).skip(6).take(9).collect();
    let card: Option<CardNumber> = checked(&format!("621463{digits:0>9}"), "0123456789");
    card.map(String::from).unwrap_or_default()
}
