//! Queries: what the events add up to, as the views have it.

/// What a request of a page brings besides its filter.
macro_rules! page {
    ($check:ident, $request:ident, $order:expr) => {
        (
            $check.ask($request.page_size, &$request.page_token, $order),
            $check.wish(&$request.at_least),
        )
    };
}

/// Answers a page of rows: the next token and what it reflects come with it.
macro_rules! listed {
    ($response:ident { $rows:ident: $turn:expr }, $answer:expr) => {{
        let Answer { value, freshness } = $answer.map_err(unanswered)?;
        Ok(Response::new(query::$response {
            $rows: value.rows.into_iter().map($turn).collect(),
            next_page_token: value.next.unwrap_or_default(),
            freshness: Some(rows::freshness(freshness)),
        }))
    }};
}

mod figures;
mod rows;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::checked::ResidentId;
use huzhu_projections::query::{
    Answer, Ask, BatchFilter, ClaimFilter, CoverFilter, MemberFilter, OrganisationFilter,
    PayoutFilter, PlanVersionFilter, QueryError, RosterFilter, StatisticsFilter, Wish,
};
use huzhu_projections::views;
use huzhu_projections::worker::Late;
use huzhu_store::port::Position;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::{Desk, actor, all};
use crate::contract::huzhu::query::v1 as query;
use crate::status;
use crate::wire::{self, Check, Malformed};
use query::get_member_request::Key;
use query::query_service_server::QueryService;

/// How long an answer waits for the views to come as far as the caller asks.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How many rows a page has at most.
const PAGE_ROWS_MAX: u32 = 500;

type Answered<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl QueryService for Desk {
    async fn get_member(
        &self,
        request: Request<query::GetMemberRequest>,
    ) -> Answered<query::GetMemberResponse> {
        let actor = actor(&request)?;
        let request = request.into_inner();
        let mut check = Check::default();
        let wish = check.wish(&request.at_least);
        let queries = &self.0.queries;
        let answer = match request.key {
            Some(Key::ResidentId(_)) if !sees_persons(&actor) => {
                return Err(status::forbidden(actor.role));
            }
            Some(Key::ResidentId(id)) => {
                let resident = check.parse::<ResidentId>("resident_id", &id);
                let (wish, resident) = check.finish(all!(wish, resident))?;
                let key = self.0.residents.hash(&resident).ok_or_else(status::down)?;
                queries.member_of_resident(key, wish).await
            }
            key @ (Some(Key::MemberId(_)) | None) => {
                let id = key.map(|key| match key {
                    Key::MemberId(id) | Key::ResidentId(id) => id,
                });
                let member = check.parse("member_id", &id.unwrap_or_default());
                let (wish, member) = check.finish(all!(wish, member))?;
                queries.member(member, wish).await
            }
        };
        let (found, freshness) = found("member", answer)?;
        let person = found.person.as_ref().filter(|_| sees_persons(&actor));
        let member = Some(rows::member(&found.member, person));
        Ok(Response::new(query::GetMemberResponse { member, freshness }))
    }

    async fn list_members(
        &self,
        request: Request<query::ListMembersRequest>,
    ) -> Answered<query::ListMembersResponse> {
        let actor = actor(&request)?;
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let state = check.choice_or_none("state", request.state);
        let class = check.choice_or_none("class", request.class);
        let (ask, wish, unit, state, class) = check.finish(all!(ask, wish, unit, state, class))?;
        let queries = &self.0.queries;
        let filter = MemberFilter { unit, state, class };
        let answer = queries.list::<views::members::Member>(filter, ask, wish).await;
        let Answer { value, freshness } = answer.map_err(unanswered)?;
        let members = value.rows;
        let persons = if sees_persons(&actor) {
            let ids = members.iter().map(|row| row.member).collect();
            queries.persons(ids, wish).await.map_err(unanswered)?.value
        } else {
            std::collections::BTreeMap::new()
        };
        let member = |row: &views::members::Member| rows::member(row, persons.get(&row.member));
        Ok(Response::new(query::ListMembersResponse {
            members: members.iter().map(member).collect(),
            next_page_token: value.next.unwrap_or_default(),
            freshness: Some(rows::freshness(freshness)),
        }))
    }

    async fn get_cover(
        &self,
        request: Request<query::GetCoverRequest>,
    ) -> Answered<query::GetCoverResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let cover = check.parse("cover_id", &request.cover_id);
        let wish = check.wish(&request.at_least);
        let (cover, wish) = check.finish(all!(cover, wish))?;
        let (found, freshness) = found("cover", self.0.queries.cover(cover, wish).await)?;
        Ok(Response::new(query::GetCoverResponse {
            cover: Some(rows::cover(found.cover)),
            balances: found.balances.into_iter().map(rows::balance).collect(),
            freshness,
        }))
    }

    async fn list_covers(
        &self,
        request: Request<query::ListCoversRequest>,
    ) -> Answered<query::ListCoversResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let member = check.parse_or_none("member_id", &request.member_id);
        let plan = check.parse_or_none("plan", &request.plan);
        let roster = check.parse_or_none("roster_id", &request.roster_id);
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let fields = all!(ask, wish, member, plan, roster, unit);
        let (ask, wish, member, plan, roster, unit) = check.finish(fields)?;
        let filter = CoverFilter { member, plan, roster, unit, ..CoverFilter::default() };
        let answer = self.0.queries.list::<views::covers::Cover>(filter, ask, wish).await;
        listed!(ListCoversResponse { covers: rows::cover }, answer)
    }

    async fn get_claim(
        &self,
        request: Request<query::GetClaimRequest>,
    ) -> Answered<query::GetClaimResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let claim = check.parse("claim_id", &request.claim_id);
        let wish = check.wish(&request.at_least);
        let (claim, wish) = check.finish(all!(claim, wish))?;
        let (found, freshness) = found("claim", self.0.queries.claim(claim, wish).await)?;
        Ok(Response::new(query::GetClaimResponse {
            facts: found.facts.map(|row| wire::facts::facts(&row.facts.0)),
            assessment: found.assessment.map(|row| wire::assessment(&row.assessment.0)),
            claim: Some(rows::claim(found.claim, found.decisions)),
            freshness,
        }))
    }

    async fn list_claims(
        &self,
        request: Request<query::ListClaimsRequest>,
    ) -> Answered<query::ListClaimsResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let order = match query::ClaimOrder::try_from(request.order_by) {
            Ok(query::ClaimOrder::Unspecified | query::ClaimOrder::FiledOn) => "filed_on",
            Ok(query::ClaimOrder::FiledOnDesc) => "filed_on desc",
            Err(_) => check.fail("order_by", "is not a value of its enum").unwrap_or_default(),
        };
        let (ask, wish) = page!(check, request, order);
        let queue = check.parse_or_none("queue_id", &request.queue_id);
        let state = check.choice_or_none("state", request.state);
        let step = check.choice_or_none("step", request.step);
        let member = check.parse_or_none("member_id", &request.member_id);
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let plan = check.parse_or_none("plan", &request.plan);
        let case = check.parse_or_none("case_id", &request.case_id);
        let fields = all!(ask, wish, queue, state, step, member, unit, plan, case);
        let (ask, wish, queue, state, step, member, unit, plan, case) = check.finish(fields)?;
        let filter =
            ClaimFilter { queue, state, step, member, unit, plan, case, ..ClaimFilter::default() };
        let queries = &self.0.queries;
        let answer = queries.list::<views::claims::Claim>(filter, ask, wish).await;
        let Answer { value, freshness } = answer.map_err(unanswered)?;
        let ids = value.rows.iter().map(|row| row.claim).collect();
        let mut decisions = queries.decisions(ids, wish).await.map_err(unanswered)?.value;
        let claims = value.rows.into_iter().map(|row| {
            let decided = decisions.remove(&row.claim).unwrap_or_default();
            rows::claim(row, decided)
        });
        Ok(Response::new(query::ListClaimsResponse {
            claims: claims.collect(),
            next_page_token: value.next.unwrap_or_default(),
            freshness: Some(rows::freshness(freshness)),
        }))
    }

    type WatchClaimStream = BoxStream<'static, Result<query::WatchClaimResponse, Status>>;

    async fn watch_claim(
        &self,
        request: Request<query::WatchClaimRequest>,
    ) -> Answered<Self::WatchClaimStream> {
        self.watch_one_claim(request.into_inner()).await
    }

    type WatchQueueStream = BoxStream<'static, Result<query::WatchQueueResponse, Status>>;

    async fn watch_queue(
        &self,
        request: Request<query::WatchQueueRequest>,
    ) -> Answered<Self::WatchQueueStream> {
        self.watch_one_queue(request.into_inner()).await
    }

    async fn get_payout(
        &self,
        request: Request<query::GetPayoutRequest>,
    ) -> Answered<query::GetPayoutResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let payout = check.parse("payout_id", &request.payout_id);
        let wish = check.wish(&request.at_least);
        let (payout, wish) = check.finish(all!(payout, wish))?;
        let answer = self.0.queries.get::<views::payouts::Payout>((payout,), wish).await;
        let (found, freshness) = found("payout", answer)?;
        let payout = Some(rows::payout(found));
        Ok(Response::new(query::GetPayoutResponse { payout, freshness }))
    }

    async fn list_payouts(
        &self,
        request: Request<query::ListPayoutsRequest>,
    ) -> Answered<query::ListPayoutsResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let state = check.choice_or_none("state", request.state);
        let claim = check.parse_or_none("claim_id", &request.claim_id);
        let member = check.parse_or_none("member_id", &request.member_id);
        let batch = check.parse_or_none("batch_id", &request.batch_id);
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let fields = all!(ask, wish, state, claim, member, batch, unit);
        let (ask, wish, state, claim, member, batch, unit) = check.finish(fields)?;
        let filter = PayoutFilter { state, claim, member, batch, unit, ..PayoutFilter::default() };
        let answer = self.0.queries.list::<views::payouts::Payout>(filter, ask, wish).await;
        listed!(ListPayoutsResponse { payouts: rows::payout }, answer)
    }

    async fn get_batch(
        &self,
        request: Request<query::GetBatchRequest>,
    ) -> Answered<query::GetBatchResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let batch = check.parse("batch_id", &request.batch_id);
        let wish = check.wish(&request.at_least);
        let (batch, wish) = check.finish(all!(batch, wish))?;
        let answer = self.0.queries.get::<views::payouts::Batch>((batch,), wish).await;
        let (found, freshness) = found("batch", answer)?;
        let batch = Some(rows::batch(found));
        Ok(Response::new(query::GetBatchResponse { batch, freshness }))
    }

    async fn list_batches(
        &self,
        request: Request<query::ListBatchesRequest>,
    ) -> Answered<query::ListBatchesResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let state = check.choice_or_none("state", request.state);
        let (ask, wish, state) = check.finish(all!(ask, wish, state))?;
        let filter = BatchFilter { state };
        let answer = self.0.queries.list::<views::payouts::Batch>(filter, ask, wish).await;
        listed!(ListBatchesResponse { batches: rows::batch }, answer)
    }

    async fn get_organisation(
        &self,
        request: Request<query::GetOrganisationRequest>,
    ) -> Answered<query::GetOrganisationResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let organisation = check.parse("organisation_id", &request.organisation_id);
        let wish = check.wish(&request.at_least);
        let (organisation, wish) = check.finish(all!(organisation, wish))?;
        let answer = self.0.queries.organisation(organisation, wish).await;
        let (found, freshness) = found("organisation", answer)?;
        Ok(Response::new(query::GetOrganisationResponse {
            organisation: Some(rows::organisation(found.organisation)),
            handlers: found.handlers.into_iter().map(rows::handler).collect(),
            freshness,
        }))
    }

    async fn list_organisations(
        &self,
        request: Request<query::ListOrganisationsRequest>,
    ) -> Answered<query::ListOrganisationsResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let level = check.choice_or_none("level", request.level);
        let parent = check.parse_or_none("parent_id", &request.parent_id);
        let district = check.parse_or_none("district_id", &request.district_id);
        let fields = all!(ask, wish, level, parent, district);
        let (ask, wish, level, parent, district) = check.finish(fields)?;
        let filter = OrganisationFilter { level, parent, district };
        let queries = &self.0.queries;
        let answer = queries.list::<views::organisations::Organisation>(filter, ask, wish).await;
        listed!(ListOrganisationsResponse { organisations: rows::organisation }, answer)
    }

    async fn get_plan(
        &self,
        request: Request<query::GetPlanRequest>,
    ) -> Answered<query::GetPlanResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let plan = check.parse("plan", &request.plan);
        let version = check.parse_or_none("version", &request.version);
        let wish = check.wish(&request.at_least);
        let (plan, version, wish) = check.finish(all!(plan, version, wish))?;
        let answer = self.0.queries.plan_version(plan, version, wish).await;
        let (found, freshness) = found("plan version", answer)?;
        let terms_json = serde_json::to_string_pretty(&found.terms.0).unwrap_or_default();
        let plan = Some(rows::plan_version(found));
        Ok(Response::new(query::GetPlanResponse { plan, freshness, terms_json }))
    }

    async fn list_plans(
        &self,
        request: Request<query::ListPlansRequest>,
    ) -> Answered<query::ListPlansResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let plan = check.parse_or_none("plan", &request.plan);
        let (ask, wish, plan) = check.finish(all!(ask, wish, plan))?;
        let filter = PlanVersionFilter { plan, ..PlanVersionFilter::default() };
        let answer = self.0.queries.list::<views::plans::PlanVersion>(filter, ask, wish).await;
        listed!(ListPlansResponse { plans: rows::plan_version }, answer)
    }

    async fn get_roster(
        &self,
        request: Request<query::GetRosterRequest>,
    ) -> Answered<query::GetRosterResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let roster = check.parse("roster_id", &request.roster_id);
        let wish = check.wish(&request.at_least);
        let (roster, wish) = check.finish(all!(roster, wish))?;
        let answer = self.0.queries.get::<views::rosters::Roster>((roster,), wish).await;
        let (found, freshness) = found("roster", answer)?;
        let roster = Some(rows::roster(found));
        Ok(Response::new(query::GetRosterResponse { roster, freshness }))
    }

    async fn list_rosters(
        &self,
        request: Request<query::ListRostersRequest>,
    ) -> Answered<query::ListRostersResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let plan = check.parse_or_none("plan", &request.plan);
        let state = check.choice_or_none("state", request.state);
        let fields = all!(ask, wish, unit, plan, state);
        let (ask, wish, unit, plan, state) = check.finish(fields)?;
        let filter = RosterFilter { unit, plan, state };
        let answer = self.0.queries.list::<views::rosters::Roster>(filter, ask, wish).await;
        listed!(ListRostersResponse { rosters: rows::roster }, answer)
    }

    async fn list_plan_statistics(
        &self,
        request: Request<query::ListPlanStatisticsRequest>,
    ) -> Answered<query::ListPlanStatisticsResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let plan = check.parse_or_none("plan", &request.plan);
        let district = check
            .parse_or_none::<huzhu_domain::id::OrganisationId>("district_id", &request.district_id);
        let from_month = check.month("from_month", request.from_month);
        let until_month = check.month("until_month", request.until_month);
        let fields = all!(ask, wish, plan, district, from_month, until_month);
        let (ask, wish, plan, district, from_month, until_month) = check.finish(fields)?;
        let district = district.map(|district| district.to_string());
        let filter = StatisticsFilter { plan, district, from_month, until_month };
        let answer = self.0.queries.plan_statistics(filter, ask, wish).await;
        listed!(ListPlanStatisticsResponse { statistics: rows::statistic }, answer)
    }
}

impl Check {
    /// What an answer has to reflect.
    fn wish(&mut self, at_least: &str) -> Option<Wish> {
        let at_least = self.parse_or_none::<Position>("at_least", at_least)?;
        // The end of the clock is far.
        let deadline = Instant::now().checked_add(WAIT_MAX)?;
        Some(Wish { at_least, deadline })
    }

    /// Which page is wanted.
    fn ask(&mut self, page_size: i32, page_token: &str, order_by: &str) -> Option<Ask> {
        let Ok(rows) = u32::try_from(page_size) else {
            return self.fail("page_size", "must not be negative");
        };
        let token = (!page_token.is_empty()).then(|| page_token.to_owned());
        Some(Ask { rows: rows.min(PAGE_ROWS_MAX), token, order_by: order_by.to_owned() })
    }

    /// A month such as `2014-07`; any if empty.
    fn month(&mut self, field: &str, month: String) -> Option<Option<String>> {
        if month.is_empty() {
            return Some(None);
        }
        let day = format!("{month}-01");
        if month.len() == 7 && day.parse::<jiff::civil::Date>().is_ok() {
            Some(Some(month))
        } else {
            self.fail(field, "is not a month such as 2014-07")
        }
    }
}

/// Whether the caller may see personal data of members.
fn sees_persons(actor: &Arc<Actor>) -> bool {
    actor.role != Role::Analyst
}

/// The row that was asked for, with what it reflects.
fn found<T>(
    what: &str,
    answer: Result<Answer<Option<T>>, QueryError>,
) -> Result<(T, Option<query::Freshness>), Status> {
    let Answer { value, freshness } = answer.map_err(unanswered)?;
    let value = value.ok_or_else(|| status::absent(what))?;
    Ok((value, Some(rows::freshness(freshness))))
}

pub(crate) fn unanswered(error: QueryError) -> Status {
    match error {
        QueryError::PageToken => {
            Malformed::field("page_token", "belongs to another list, filter or order").into()
        }
        QueryError::Order { .. } => Malformed::field("order_by", "is not an order").into(),
        QueryError::Late(Late::OtherStore(_)) => {
            Malformed::field("at_least", "is a position of another log").into()
        }
        QueryError::Late(Late::Behind { .. }) => status::behind(),
        QueryError::Late(Late::Stopped { view, at, wanted }) => {
            tracing::error!(view, at, wanted, "a view stands still");
            status::down()
        }
        QueryError::Deadline => status::late(),
        QueryError::Late(Late::Ended) | QueryError::Database(_) => {
            tracing::error!(why = %error, "the views do not answer");
            status::down()
        }
    }
}
