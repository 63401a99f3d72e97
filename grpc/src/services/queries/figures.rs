//! Figures: what the events add up to, for analysts and back offices.

use huzhu_domain::id::checked::Icd10;
use huzhu_projections::query::{
    Answer, DiseaseFilter, GrowthFilter, HandlerActivityFilter, LedgerBalanceFilter, LedgerFilter,
    WorkFilter,
};
use huzhu_projections::views::claims::{DiseaseStatistic, HandlerActivity};
use huzhu_projections::views::joined::{Growth, LedgerBalance, WorkItem};
use huzhu_projections::views::ledger::LedgerEntry;
use tonic::{Request, Response};

use super::rows::{self, choice, text};
use super::{Answered, unanswered};
use crate::contract::huzhu::query::v1 as query;
use crate::services::{Desk, all};
use crate::wire::Check;
use crate::wire::spoken::Spoken;
use crate::wire::value::{date, money};
use query::figure_service_server::FigureService;

#[tonic::async_trait]
impl FigureService for Desk {
    async fn list_ledger_entries(
        &self,
        request: Request<query::ListLedgerEntriesRequest>,
    ) -> Answered<query::ListLedgerEntriesResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let order = match query::LedgerOrder::try_from(request.order_by) {
            Ok(query::LedgerOrder::Unspecified) => "",
            Ok(query::LedgerOrder::BookedOn) => "booked_on",
            Ok(query::LedgerOrder::BookedOnDesc) => "booked_on desc",
            Err(_) => check.fail("order_by", NO_VALUE).unwrap_or_default(),
        };
        let (ask, wish) = page!(check, request, order);
        let kind = check.choice_or_none("kind", request.kind);
        let plan = check.parse_or_none("plan", &request.plan);
        let district = check.parse_or_none("district_id", &request.district_id);
        let unit = check.parse_or_none("unit_id", &request.unit_id);
        let claim = check.parse_or_none("claim_id", &request.claim_id);
        let booked_from = check.date_or_none("from", request.from);
        let booked_until = check.date_or_none("until", request.until);
        let place = all!(plan, district, unit);
        let span = all!(booked_from, booked_until);
        let fields = all!(ask, wish, kind, claim, place, span);
        let (ask, wish, kind, claim, place, span) = check.finish(fields)?;
        let ((plan, district, unit), (booked_from, booked_until)) = (place, span);
        let filter = LedgerFilter { kind, plan, district, unit, claim, booked_from, booked_until };
        let answer = self.0.queries.list::<LedgerEntry>(filter, ask, wish).await;
        listed!(ListLedgerEntriesResponse { entries: entry }, answer)
    }

    async fn list_ledger_balances(
        &self,
        request: Request<query::ListLedgerBalancesRequest>,
    ) -> Answered<query::ListLedgerBalancesResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let plan = check.parse_or_none("plan", &request.plan);
        let from_month = check.month("from_month", request.from_month);
        let until_month = check.month("until_month", request.until_month);
        let fields = all!(ask, wish, plan, from_month, until_month);
        let (ask, wish, plan, from_month, until_month) = check.finish(fields)?;
        let filter = LedgerBalanceFilter { plan, from_month, until_month };
        let answer = self.0.queries.list::<LedgerBalance>(filter, ask, wish).await;
        listed!(ListLedgerBalancesResponse { balances: balance }, answer)
    }

    async fn list_disease_statistics(
        &self,
        request: Request<query::ListDiseaseStatisticsRequest>,
    ) -> Answered<query::ListDiseaseStatisticsResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let category = check.category("category", &request.category);
        let chapter = check.chapter("chapter", request.chapter);
        let sex = check.choice_or_none("sex", request.sex);
        let district = check
            .parse_or_none::<huzhu_domain::id::OrganisationId>("district_id", &request.district_id);
        let from_year = check.year("from_year", request.from_year);
        let until_year = check.year("until_year", request.until_year);
        let fields = all!(ask, wish, category, chapter, sex, district, from_year, until_year);
        let (ask, wish, category, chapter, sex, district, from_year, until_year) =
            check.finish(fields)?;
        let filter = DiseaseFilter {
            category,
            chapter,
            sex,
            district: district.map(|district| district.to_string()),
            from_year,
            until_year,
        };
        let answer = self.0.queries.list::<DiseaseStatistic>(filter, ask, wish).await;
        listed!(ListDiseaseStatisticsResponse { statistics: disease }, answer)
    }

    async fn list_organisation_growth(
        &self,
        request: Request<query::ListOrganisationGrowthRequest>,
    ) -> Answered<query::ListOrganisationGrowthResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let organisation = check.parse_or_none("organisation_id", &request.organisation_id);
        let level = check.choice_or_none("level", request.level);
        let from_month = check.month("from_month", request.from_month);
        let until_month = check.month("until_month", request.until_month);
        let fields = all!(ask, wish, organisation, level, from_month, until_month);
        let (ask, wish, organisation, level, from_month, until_month) = check.finish(fields)?;
        let filter = GrowthFilter { organisation, level, from_month, until_month };
        let answer = self.0.queries.list::<Growth>(filter, ask, wish).await;
        listed!(ListOrganisationGrowthResponse { growth: growth }, answer)
    }

    async fn list_work_queue(
        &self,
        request: Request<query::ListWorkQueueRequest>,
    ) -> Answered<query::ListWorkQueueResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let order = match query::WorkOrder::try_from(request.order_by) {
            Ok(query::WorkOrder::Unspecified) => "",
            Ok(query::WorkOrder::DueOn) => "due_sorted",
            Ok(query::WorkOrder::WaitingSince) => "waiting_since",
            Err(_) => check.fail("order_by", NO_VALUE).unwrap_or_default(),
        };
        let (ask, wish) = page!(check, request, order);
        let organisation = check.parse_or_none("organisation_id", &request.organisation_id);
        let level = check.choice_or_none("level", request.level);
        let district = check.parse_or_none("district_id", &request.district_id);
        let plan = check.parse_or_none("plan", &request.plan);
        let step = check.choice_or_none("step", request.step);
        let due_until = check.date_or_none("due_until", request.due_until);
        let fields = all!(ask, wish, organisation, level, district, plan, step, due_until);
        let (ask, wish, organisation, level, district, plan, step, due_until) =
            check.finish(fields)?;
        let filter = WorkFilter { organisation, level, district, plan, step, due_until };
        let answer = self.0.queries.list::<WorkItem>(filter, ask, wish).await;
        listed!(ListWorkQueueResponse { items: work }, answer)
    }

    async fn list_handler_activity(
        &self,
        request: Request<query::ListHandlerActivityRequest>,
    ) -> Answered<query::ListHandlerActivityResponse> {
        let request = request.into_inner();
        let mut check = Check::default();
        let (ask, wish) = page!(check, request, "");
        let organisation = check.parse_or_none("organisation_id", &request.organisation_id);
        let handler = check.parse_or_none("handler", &request.handler);
        let from_month = check.month("from_month", request.from_month);
        let until_month = check.month("until_month", request.until_month);
        let fields = all!(ask, wish, organisation, handler, from_month, until_month);
        let (ask, wish, organisation, handler, from_month, until_month) = check.finish(fields)?;
        let filter = HandlerActivityFilter { organisation, handler, from_month, until_month };
        let answer = self.0.queries.list::<HandlerActivity>(filter, ask, wish).await;
        listed!(ListHandlerActivityResponse { activity: activity }, answer)
    }
}

/// The last year of the calendar.
const YEAR_MAX: u32 = 9_999;
const NO_VALUE: &str = "is not a value of its enum";

impl Check {
    /// A category of the ICD-10 such as `C50`; any if empty.
    fn category(&mut self, field: &str, category: &str) -> Option<Option<String>> {
        let code = self.parse_or_none::<Icd10>(field, category)?;
        match code {
            Some(code) if code.category() != code.as_str() => {
                self.fail(field, "is a subdivision of a category such as C50")
            }
            code => Some(code.map(|code| code.category().to_owned())),
        }
    }

    /// A calendar year; any if 0.
    fn year(&mut self, field: &str, year: u32) -> Option<Option<u32>> {
        if year <= YEAR_MAX {
            Some((year > 0).then_some(year))
        } else {
            self.fail(field, format!("must be at most {YEAR_MAX}"))
        }
    }

    /// A chapter of the ICD-10 in Roman numerals; any if empty.
    fn chapter(&mut self, field: &str, chapter: String) -> Option<Option<String>> {
        if chapter.is_empty() {
            Some(None)
        } else if Icd10::is_chapter(&chapter) {
            Some(Some(chapter))
        } else {
            self.fail(field, "is not a chapter from I to XXII")
        }
    }
}

fn entry(row: LedgerEntry) -> query::LedgerEntry {
    query::LedgerEntry {
        stream: row.stream,
        revision: row.revision,
        kind: row.kind.said(),
        booked_on: Some(date(row.booked_on)),
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        unit_id: row.unit.to_string(),
        district_id: text(row.district),
        amount: Some(money(row.amount_fen)),
        claim_id: text(row.claim),
        reference: row.reference.unwrap_or_default(),
    }
}

fn balance(row: LedgerBalance) -> query::LedgerBalance {
    query::LedgerBalance {
        plan: row.plan.to_string(),
        month: row.month,
        contributed: Some(money(row.contributed_fen)),
        reserved: Some(money(row.reserved_fen)),
        released: Some(money(row.released_fen)),
        approved: Some(money(row.approved_fen)),
        paid: Some(money(row.paid_fen)),
        returned: Some(money(row.returned_fen)),
        recovered: Some(money(row.recovered_fen)),
        balance: Some(money(row.balance_fen)),
        set_aside: Some(money(row.set_aside_fen)),
        owed: Some(money(row.owed_fen)),
    }
}

fn disease(row: DiseaseStatistic) -> query::DiseaseStatistics {
    let benefits = row.benefits_fen.minus(row.recovered_fen).unwrap_or_default();
    query::DiseaseStatistics {
        age_band: row.age_band.name().to_owned(),
        category: row.category,
        chapter: row.chapter,
        sex: row.sex.said(),
        district_id: row.district,
        year: row.year,
        cases: row.cases,
        claims: row.claims,
        approved: row.approved,
        approved_amount: Some(money(row.approved_fen)),
        payments: row.payments,
        benefits: Some(money(benefits)),
    }
}

fn growth(row: Growth) -> query::OrganisationGrowth {
    query::OrganisationGrowth {
        organisation_id: row.organisation.to_string(),
        level: choice(row.level),
        month: row.month,
        members_change: row.members_change,
        members_in_force: row.members_in_force,
        workers_change: row.workers_change,
        workers: row.workers,
        coverage: text(row.coverage),
    }
}

fn work(row: WorkItem) -> query::WorkItem {
    query::WorkItem {
        claim_id: row.claim.to_string(),
        organisation_id: row.organisation.to_string(),
        level: row.level.said(),
        state: row.state.said(),
        step: choice(row.step),
        unit_id: row.unit.to_string(),
        district_id: text(row.district),
        plan: row.plan.to_string(),
        assessed: Some(money(row.assessed_fen)),
        filed_on: Some(date(row.filed_on)),
        waiting_since: Some(date(row.waiting_since)),
        due_on: row.due_on.map(date),
        returns: row.returns,
    }
}

fn activity(row: HandlerActivity) -> query::HandlerActivity {
    query::HandlerActivity {
        organisation_id: row.organisation.to_string(),
        handler: row.handler.to_string(),
        month: row.month,
        filed: row.filed,
        passed: row.passed,
        returned: row.returned,
        refused: row.refused,
        waited_days: row.waited_days,
    }
}
