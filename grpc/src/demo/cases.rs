//! The cases of the article, played through the public API.

use std::time::Duration;

use jiff::civil::{Date, date};

use super::world::{Chain, STEPS, World, amount, done, morning, resident_id};
use super::{DemoError, show};
use crate::client::{self, Desk, request_id, yuan};
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;

/// How many workers of 北一机床 are enrolled, and how many of them fall ill.
const ENROLLED: u32 = 1_119;
const FELL_ILL: usize = 40;

/// A claim that was played, with what the article says of it.
pub(super) struct Case {
    pub(super) who: &'static str,
    pub(super) plan: &'static str,
    pub(super) claim: String,
    pub(super) amount: &'static str,
}

/// Everything that was played.
pub(super) struct Played {
    pub(super) plans: usize,
    pub(super) cases: Vec<Case>,
    /// Claims of the 40 workers of 北一机床.
    pub(super) workers: Vec<String>,
    pub(super) batches: Vec<String>,
    /// Where the log stood at the end.
    pub(super) position: String,
}

const MIYUN: Chain = Chain { unit: "peng-unit", township: "miyun-town", district: "miyun" };
const JINGLIANG: Chain = Chain { unit: "jingliang", township: "miyun-town", district: "miyun" };
const HYDROPOWER: Chain =
    Chain { unit: "hydropower-2", township: "hydropower", district: "chaoyang" };
const BEIYI: Chain = Chain { unit: "beiyi", township: "machinery", district: "shunyi" };

pub(super) async fn play(world: &World) -> Result<Played, DemoError> {
    show::progress("publishing the plan catalogue and the approval policy");
    let plans = world.publish().await?;
    show::progress("registering organisations, certifying handlers");
    world.organise().await?;
    let mut cases = vec![peng(world).await?, liu(world).await?];
    cases.extend(tan(world).await?);
    cases.extend(one_bill(world).await?);
    let workers = beiyi(world).await?;
    let (batches, position) = pay(world, cases.len().saturating_add(workers.len())).await?;
    Ok(Played { plans, cases, workers, batches, position })
}

/// 彭女士: breast cancer found early in 2014, two units, four days of her first stay.
async fn peng(world: &World) -> Result<Case, DemoError> {
    show::progress("彭女士: 女工特疾, two units");
    let id = resident_id("110228", date(1975, 5, 8), 22);
    let member = world.member("peng-unit", "彭女士", id).await?;
    let start = date(2013, 1, 1);
    let covers =
        world.enrol("peng-unit", "female-disease", start, &[(member.clone(), 2)], "80").await?;
    let facts = wire::Facts {
        diagnoses: vec![diagnosis("C50.9", date(2014, 1, 20))],
        stays: vec![stay("PENG-1", date(2014, 2, 10), 4, "9000", "0")],
        ..illness(date(2014, 1, 20), date(2014, 11, 28))
    };
    let cover = covers.get(&member).cloned().unwrap_or_default();
    let days = (date(2014, 11, 28), date(2014, 12, 1));
    let claim = claim(world, &MIYUN, (cover, &[]), facts, days).await?;
    Ok(Case { who: "彭女士", plan: "女工特疾 V6", claim, amount: "24208.00" })
}

/// 刘某: four stays from September 2013, 260,000 of his own payments above the ceiling.
async fn liu(world: &World) -> Result<Case, DemoError> {
    show::progress("刘某: 暖·互助, four stays, self-paid 405,000");
    let id = resident_id("110105", date(1954, 6, 2), 17);
    let member = world.member("hydropower-2", "刘某", id).await?;
    let cover = world.grant("hydropower-2", "nuan-huzhu", &member, date(2013, 1, 1)).await?;
    let mut facts = illness(date(2013, 9, 2), date(2014, 2, 10));
    facts.diagnoses.push(diagnosis("K85.9", date(2013, 9, 3)));
    facts.stays = vec![
        stay("LIU-1", date(2013, 9, 2), 20, "40000", "60000"),
        stay("LIU-2", date(2013, 10, 2), 20, "40000", "70000"),
        stay("LIU-3", date(2013, 11, 2), 20, "40000", "80000"),
        stay("LIU-4", date(2013, 12, 2), 20, "25000", "50000"),
    ];
    let days = (date(2014, 2, 10), date(2014, 2, 17));
    let claim = claim(world, &HYDROPOWER, (cover, &["above-ceiling"]), facts, days).await?;
    Ok(Case { who: "刘某", plan: "暖·互助 2014-revised", claim, amount: "189000.00" })
}

/// 谭女士: three plans on one illness.
async fn tan(world: &World) -> Result<Vec<Case>, DemoError> {
    show::progress("谭女士: one illness, three plans");
    let id = resident_id("110228", date(1970, 3, 15), 46);
    let tan = world.member("jingliang", "谭女士", id).await?;
    let id = resident_id("110228", date(1980, 3, 15), 46);
    let other = world.member("jingliang", "京粮职工", id).await?;
    let start = date(2015, 1, 1);
    let both = [(tan.clone(), 1), (other, 1)];
    let medical = world.enrol("jingliang", "hospital-medical", start, &both, "100").await?;
    let illness_cover = world.enrol("jingliang", "critical-illness", start, &both, "80").await?;
    let free = world.grant("jingliang", "nuan-huzhu", &tan, start).await?;

    let mut facts = illness(date(2015, 2, 1), date(2015, 7, 1));
    facts.diagnoses.push(diagnosis("C34.1", date(2015, 2, 1)));
    facts.stays = vec![
        stay("TAN-1", date(2015, 2, 10), 30, "54225", "218330"),
        stay("TAN-2", date(2015, 6, 1), 10, "4740", "0"),
    ];
    let cover = |covers: &std::collections::BTreeMap<String, String>| {
        covers.get(&tan).cloned().unwrap_or_default()
    };
    let mut cases = Vec::new();
    for (cover, plan, amount) in [
        (free, "暖·互助 2014-revised", "162900.00"),
        (cover(&medical), "住院医疗 2011", "33800.00"),
        (cover(&illness_cover), "重疾 2014", "7000.00"),
    ] {
        let days = (date(2015, 7, 1), date(2015, 7, 6));
        let claim = claim(world, &JINGLIANG, (cover, &[]), facts.clone(), days).await?;
        cases.push(Case { who: "谭女士", plan, claim, amount });
    }
    Ok(cases)
}

/// The free and the paid plan on one bill of 9,300.
async fn one_bill(world: &World) -> Result<Vec<Case>, DemoError> {
    show::progress("one bill of 9,300, the free plan and the paid one");
    let id = resident_id("110228", date(1982, 9, 1), 31);
    let member = world.member("peng-unit", "一名职工", id).await?;
    let start = date(2014, 1, 1);
    let paid =
        world.enrol("peng-unit", "hospital-medical", start, &[(member.clone(), 1)], "50").await?;
    let free = world.grant("peng-unit", "nuan-huzhu", &member, start).await?;
    let paid = paid.get(&member).cloned().unwrap_or_default();
    let mut cases = Vec::new();
    for (cover, plan, asks, amount) in [
        (free, "暖·互助 2014-revised", &["inpatient"][..], "1600.00"),
        (paid, "住院医疗 2011", &[][..], "4800.00"),
    ] {
        let mut facts = illness(date(2014, 3, 3), date(2014, 4, 1));
        facts.stays = vec![stay("BILL-9300", date(2014, 3, 3), 10, "9300", "0")];
        let days = (date(2014, 4, 1), date(2014, 4, 8));
        let claim = claim(world, &MIYUN, (cover, asks), facts, days).await?;
        cases.push(Case { who: "一名职工", plan, claim, amount });
    }
    Ok(cases)
}

/// 北一机床: 1,119 workers in two plans for two years, 40 of them ill in the first.
async fn beiyi(world: &World) -> Result<Vec<String>, DemoError> {
    show::progress("北一机床: registering 1,119 workers");
    let mut members = Vec::new();
    for number in 0..ENROLLED {
        let born = date(1965, 1, 1)
            .saturating_add(jiff::Span::new().days(i64::from(number).saturating_mul(7)));
        let id = resident_id("110113", born, number.checked_rem(1_000).unwrap_or(0));
        let name = format!("职工{:04}", number.saturating_add(1));
        members.push((world.member("beiyi", &name, id).await?, 1));
        if number.checked_rem(300) == Some(299) {
            show::progress(&format!("  {} registered", number.saturating_add(1)));
        }
    }
    let mut covers = Vec::new();
    for (year, plan, contribution) in [
        (2014, "hospital-medical", "55950"),
        (2014, "hospital-allowance", "67140"),
        (2015, "hospital-medical", "55950"),
        (2015, "hospital-allowance", "67140"),
    ] {
        show::progress(&format!("北一机床: one roster of 1,119 in {plan} for {year}"));
        let start = date(year, 1, 1);
        covers.push(world.enrol("beiyi", plan, start, &members, contribution).await?);
    }
    show::progress("北一机床: 40 claims, each through its levels");
    let mut claims = Vec::new();
    for (number, (member, _)) in members.iter().take(FELL_ILL).enumerate() {
        let admitted = date(2014, 5, 5);
        let mut facts = illness(admitted, date(2014, 6, 3));
        let serial = format!("BEIYI-{number}");
        // Twenty of the bill: (4,300 − 1,300) × 60 %. Twenty of the days: the first is unpaid.
        let medical = number < 20;
        let days = if number == 20 { 11 } else { 16 };
        let bill = if medical { "4300" } else { "0" };
        facts.stays = vec![stay(&serial, admitted, days, bill, "0")];
        let plan = usize::from(!medical);
        let cover = covers.get(plan).and_then(|covers| covers.get(member)).cloned();
        let days = (date(2014, 6, 3), date(2014, 6, 9));
        let asked = (cover.unwrap_or_default(), &[][..]);
        claims.push(claim(world, &BEIYI, asked, facts, days).await?);
    }
    Ok(claims)
}

/// Files a claim for the unit on the day it applies, and takes it through its levels from `first`
/// on.
async fn claim(
    world: &World,
    chain: &Chain,
    (cover, asks): (String, &[&str]),
    facts: wire::Facts,
    (on, first): (Date, Date),
) -> Result<String, DemoError> {
    let desk = world.handler(chain.unit, "file")?;
    let request = command::FileClaimRequest {
        request_id: request_id(),
        expected_revision: None,
        business_time: Some(morning(on)),
        cover_id: cover,
        case_id: String::new(),
        benefits: asks.iter().map(|ask| (*ask).to_owned()).collect(),
        facts: Some(facts),
    };
    let filed = done("filing", desk.claims().file_claim(desk.request(request)).await)?;
    let at_least = filed.receipt.map(|receipt| receipt.position).unwrap_or_default();
    approve(world, chain, &filed.claim_id, first, at_least).await?;
    Ok(filed.claim_id)
}

/// Takes every step that is due, each by its own handler, until the claim is approved.
async fn approve(
    world: &World,
    chain: &Chain,
    claim: &str,
    first: Date,
    mut at_least: String,
) -> Result<(), DemoError> {
    let mut on = first;
    loop {
        let desk = world.handler(chain.unit, "file")?;
        let request = query::GetClaimRequest { claim_id: claim.to_owned(), at_least };
        let state = done("claim", desk.queries().get_claim(desk.request(request)).await)?;
        let due = state.claim.map(|claim| claim.step()).unwrap_or_default();
        let Some((step, level, duty)) = STEPS.into_iter().find(|(step, _, _)| *step == due) else {
            return Ok(());
        };
        let organisation = match level {
            wire::Level::Unit | wire::Level::Unspecified => chain.unit,
            wire::Level::Township => chain.township,
            wire::Level::District => chain.district,
            wire::Level::Office => "office",
        };
        let desk = world.handler(organisation, duty)?;
        let request = command::PassStepRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(on)),
            claim_id: claim.to_owned(),
            step: step.into(),
            expected_amount: None,
            note: String::new(),
            confirmed_diagnoses: Vec::new(),
        };
        let passed = done(duty, desk.claims().pass_step(desk.request(request)).await)?;
        at_least = passed.receipt.map(|receipt| receipt.position).unwrap_or_default();
        on = on.saturating_add(jiff::Span::new().days(2));
    }
}

/// Pays everything that is due. The bank sends one payment back; it is corrected and paid again.
async fn pay(world: &World, approved: usize) -> Result<(Vec<String>, String), DemoError> {
    show::progress("finance: one bank file, its answer, one returned payment paid again");
    let finance = world.handler("office", "finance")?;
    let mut batches = Vec::new();
    let mut position = String::new();
    for round in 0..2_u8 {
        let wanted = if round == 0 { approved } else { 1 };
        let ids = due(&finance, &position, wanted).await?;
        let on = date(2015, 8, 3).saturating_add(jiff::Span::new().days(i64::from(round)));
        let request = command::CreateBatchRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(on)),
            payout_ids: ids.clone(),
        };
        let batch = done("batch", finance.payouts().create_batch(finance.request(request)).await)?;
        let returned = (round == 0).then(|| ids.last().cloned()).flatten();
        answer(world, &batch.batch_id, &ids, returned.as_ref(), on).await?;
        batches.push(batch.batch_id);
        let Some(payout_id) = returned else { break };
        let request = command::CorrectPayoutRequest {
            request_id: request_id(),
            expected_revision: None,
            business_time: Some(morning(on)),
            payout_id,
            note: "换卡".to_owned(),
        };
        let corrected =
            done("correction", finance.payouts().correct_payout(finance.request(request)).await)?;
        position = corrected.receipt.map(|receipt| receipt.position).unwrap_or_default();
    }
    let position = paid(&finance, approved).await?;
    Ok((batches, position))
}

/// Where the views stand once they show as many claims as are `wanted` as paid: a claim records its
/// payment right behind the bank's answer.
async fn paid(finance: &Desk, wanted: usize) -> Result<String, DemoError> {
    shown(&format!("{wanted} claims as paid"), async || {
        let request = query::ListClaimsRequest {
            page_size: 1_000,
            state: query::ClaimState::Paid.into(),
            ..Default::default()
        };
        let paid = done("claims", finance.queries().list_claims(finance.request(request)).await)?;
        let position = paid.freshness.map(|freshness| freshness.position).unwrap_or_default();
        Ok((paid.claims.len() >= wanted).then_some(position))
    })
    .await
}

/// The payouts that are due, the largest last, once the view shows as many as are `wanted`: a
/// payout is recorded right behind the approval that a receipt tells of.
async fn due(finance: &Desk, at_least: &str, wanted: usize) -> Result<Vec<String>, DemoError> {
    let mut due = shown(&format!("{wanted} payouts that are due"), async || {
        let request = query::ListPayoutsRequest {
            page_size: 1_000,
            at_least: at_least.to_owned(),
            state: query::PayoutState::Due.into(),
            ..Default::default()
        };
        let due = done("payouts", finance.queries().list_payouts(finance.request(request)).await)?;
        Ok((due.payouts.len() >= wanted).then_some(due.payouts))
    })
    .await?;
    // Ids differ from run to run, and what the bank sends back must not.
    due.sort_by_key(|payout| payout.amount.as_ref().map_or(0, |yuan| yuan.units));
    Ok(due.into_iter().map(|payout| payout.payout_id).collect())
}

/// Asks the views again and again until they show `what`, which is recorded behind an answer.
async fn shown<T>(
    what: &str,
    ask: impl AsyncFn() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    for _ in 0..100 {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(DemoError::System(format!("the views never showed {what}")))
}

async fn answer(
    world: &World,
    batch: &str,
    payouts: &[String],
    returned: Option<&String>,
    on: Date,
) -> Result<(), DemoError> {
    let finance = world.handler("office", "finance")?;
    let lines = payouts
        .iter()
        .zip(1..)
        .map(|(payout, number): (&String, u32)| {
            use command::bank_answer_line::Outcome;
            let outcome = if returned == Some(payout) {
                Outcome::Returned(command::BankReturned {
                    reason: wire::ReturnReason::AccountClosed.into(),
                    note: "账户已销户".to_owned(),
                })
            } else {
                Outcome::Settled(command::BankSettled { reference: format!("{on}-{number:04}") })
            };
            command::BankAnswerLine { payout_id: payout.clone(), outcome: Some(outcome) }
        })
        .collect();
    let request = command::RecordBankAnswerRequest {
        request_id: request_id(),
        expected_revision: None,
        business_time: Some(morning(on)),
        batch_id: batch.to_owned(),
        on: Some(client::date(on)),
        answer: Some(command::record_bank_answer_request::Answer::Lines(
            command::BankAnswerLines { lines },
        )),
    };
    let answered = finance.payouts().record_bank_answer(finance.request(request)).await;
    done("bank answer", answered).map(|_| ())
}

/// What a claim was approved with must be what the article says.
pub(super) fn check(case: &Case, claim: &query::Claim) -> Result<(), DemoError> {
    let actual = yuan(claim.approved.as_ref());
    if actual == amount(case.amount) && claim.state() == query::ClaimState::Paid {
        return Ok(());
    }
    Err(DemoError::Amount {
        what: format!("{} {}", case.who, case.plan),
        expected: case.amount.to_owned(),
        actual: actual.to_string(),
    })
}

fn illness(on: Date, applied_on: Date) -> wire::Facts {
    wire::Facts {
        incident: Some(wire::Incident {
            kind: wire::IncidentKind::Illness.into(),
            date: Some(client::date(on)),
        }),
        applied_on: Some(client::date(applied_on)),
        ..Default::default()
    }
}

fn diagnosis(code: &str, on: Date) -> wire::Diagnosis {
    wire::Diagnosis {
        code: code.to_owned(),
        severity: wire::Severity::Ordinary.into(),
        established_on: Some(client::date(on)),
        ..Default::default()
    }
}

fn stay(serial: &str, admitted: Date, days: i64, below: &str, above: &str) -> wire::Stay {
    let discharged = admitted.saturating_add(jiff::Span::new().days(days));
    wire::Stay {
        serial: serial.to_owned(),
        hospital_grade: 3,
        admitted: Some(client::date(admitted)),
        discharged: Some(client::date(discharged)),
        self_pay_one: Some(client::money(amount(below))),
        self_pay_one_above: Some(client::money(amount(above))),
        self_pay_two: Some(client::money(amount("0"))),
        own_expense: Some(client::money(amount("0"))),
        ..Default::default()
    }
}
