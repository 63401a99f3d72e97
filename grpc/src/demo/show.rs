//! What the demo prints.

use huzhu_domain::money::Money;

use super::DemoError;
use super::cases::{Case, Played, check};
use super::world::{ORGANISATIONS, World, amount, done};
use crate::client::{Desk, yuan};
use crate::contract::huzhu::audit::v1 as audit;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;

pub(super) fn title(text: &str) {
    say!("\n=== {text}");
}

pub(super) fn progress(text: &str) {
    say!("  … {text}");
}

/// Prints people, decisions, assessments, payouts, views and the history of 刘某's claim.
pub(super) async fn everything(world: &World, played: &Played) -> Result<(), DemoError> {
    title("Organisations and plans");
    for (id, level, name, parent, workers) in ORGANISATIONS {
        let above = if parent.is_empty() { String::new() } else { format!(", below {parent}") };
        let workers = if workers > 0 { format!(", {workers} workers") } else { String::new() };
        say!("  {id:<13} {:<9} {name}{above}{workers}", format!("{level:?}").to_lowercase());
    }
    say!("  {} plan versions are published", played.plans);

    let desk = world.auditor()?;
    for case in &played.cases {
        one(&desk, case, &played.position).await?;
    }
    let sum = |who: &str| {
        let cases = played.cases.iter().filter(|case| case.who == who);
        Money::sum(cases.map(|case| amount(case.amount))).unwrap_or_default()
    };
    title("Together");
    say!("  谭女士, three plans on one illness: {} yuan", grouped(sum("谭女士")));
    say!("  the free and the paid plan on one bill: {} yuan", grouped(sum("一名职工")));
    workers(&desk, played).await?;
    payouts(&desk, played).await?;
    statistics(&desk, &played.position).await?;
    if let Some(liu) = played.cases.iter().find(|case| case.who == "刘某") {
        history(&desk, liu).await?;
    }
    title("Every amount is what the article says");
    Ok(())
}

async fn one(desk: &Desk, case: &Case, position: &str) -> Result<(), DemoError> {
    let request =
        query::GetClaimRequest { claim_id: case.claim.clone(), at_least: position.to_owned() };
    let answer = done("claim", desk.queries().get_claim(desk.request(request)).await)?;
    let claim = answer.claim.unwrap_or_default();
    check(case, &claim)?;
    title(&format!("{} · {} · claim {}", case.who, case.plan, case.claim));
    for decision in &claim.decisions {
        say!(
            "  {} {:<17} {} by {} of {}",
            day(decision.on.as_ref()),
            name(decision.step().as_str_name(), "STEP_"),
            name(decision.kind().as_str_name(), "DECISION_KIND_"),
            decision.handler,
            decision.organisation_id,
        );
    }
    assessment(&answer.assessment.unwrap_or_default());
    say!("  → {} yuan approved and paid", grouped(yuan(claim.approved.as_ref())));
    Ok(())
}

fn assessment(assessment: &wire::Assessment) {
    say!("  How the amount comes about:");
    for (step, number) in assessment.trace.iter().zip(1_u32..) {
        say!("  {number:>4}. {}", step.text);
    }
    for line in &assessment.lines {
        say!(
            "        {:<18} {:<24} {:>12}",
            line.benefit,
            line.subject,
            grouped(yuan(line.amount.as_ref()))
        );
    }
}

async fn workers(desk: &Desk, played: &Played) -> Result<(), DemoError> {
    let mut paid = Money::ZERO;
    let mut people = std::collections::BTreeSet::new();
    for claim in &played.workers {
        let request =
            query::GetClaimRequest { claim_id: claim.clone(), at_least: played.position.clone() };
        let answer = done("claim", desk.queries().get_claim(desk.request(request)).await)?;
        let claim = answer.claim.unwrap_or_default();
        if claim.state() == query::ClaimState::Paid {
            paid = paid.plus(yuan(claim.approved.as_ref())).unwrap_or(paid);
            people.insert(claim.member_id);
        }
    }
    say!("  北一机床: {} people were paid {} yuan", people.len(), grouped(paid));
    if people.len() == 40 && paid == amount("47800") {
        return Ok(());
    }
    Err(DemoError::Amount {
        what: format!("北一机床, {} people", people.len()),
        expected: "47800.00".to_owned(),
        actual: paid.to_string(),
    })
}

async fn payouts(desk: &Desk, played: &Played) -> Result<(), DemoError> {
    title("Payouts");
    for batch in &played.batches {
        let request =
            query::GetBatchRequest { batch_id: batch.clone(), at_least: played.position.clone() };
        let answer = done("batch", desk.queries().get_batch(desk.request(request)).await)?;
        let batch = answer.batch.unwrap_or_default();
        say!(
            "  bank file {}: {} payments, {} yuan; {} settled, {} returned",
            batch.batch_id,
            batch.payments,
            grouped(yuan(batch.total.as_ref())),
            batch.settled,
            batch.returned
        );
    }
    Ok(())
}

async fn statistics(desk: &Desk, position: &str) -> Result<(), DemoError> {
    title("The views: plans by district and month (人 persons, 人次 payments, 赔付率 loss ratio)");
    say!(
        "  {:<20} {:<9} {:<8} {:>13} {:>5} {:>5} {:>13} {:>8} {:>8}",
        "plan",
        "district",
        "month",
        "contributions",
        "人",
        "人次",
        "benefits",
        "赔付率",
        "覆盖率"
    );
    let mut page_token = String::new();
    loop {
        let request = query::ListPlanStatisticsRequest {
            page_size: 200,
            page_token,
            at_least: position.to_owned(),
            ..Default::default()
        };
        let answer =
            done("statistics", desk.queries().list_plan_statistics(desk.request(request)).await)?;
        for row in &answer.statistics {
            say!(
                "  {:<20} {:<9} {:<8} {:>13} {:>5} {:>5} {:>13} {:>8} {:>8}",
                row.plan,
                row.district_id,
                row.month,
                grouped(yuan(row.contributions.as_ref())),
                row.persons_paid,
                row.payments,
                grouped(yuan(row.benefits.as_ref())),
                row.loss_ratio,
                row.coverage
            );
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

async fn history(desk: &Desk, case: &Case) -> Result<(), DemoError> {
    title(&format!("The history of {}'s claim, replayed from the log", case.who));
    let request = audit::ReplayClaimRequest { claim_id: case.claim.clone() };
    let mut events = done("replay", desk.audit().replay_claim(desk.request(request)).await)?;
    let failed = |status: tonic::Status| DemoError::Call {
        what: "replay".to_owned(),
        code: status.code(),
        message: status.message().to_owned(),
    };
    while let Some(answer) = events.message().await.map_err(failed)? {
        let event = answer.event.unwrap_or_default();
        let actor = event.actor.unwrap_or_default();
        let authority = event.authority.unwrap_or_default();
        let under = if authority.duty.is_empty() {
            String::new()
        } else {
            format!(", duty {} under certificate {}", authority.duty, authority.certificate)
        };
        say!(
            "  {:>3} {:<18} by {}{under} → {}",
            event.revision,
            event.name,
            actor.subject,
            event.summary
        );
    }
    Ok(())
}

fn day(date: Option<&crate::contract::google::r#type::Date>) -> String {
    date.map_or_else(String::new, |date| {
        format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
    })
}

fn name(wire: &str, prefix: &str) -> String {
    wire.strip_prefix(prefix).unwrap_or(wire).to_lowercase().replace('_', " ")
}

/// An amount with its thousands apart, as people read it.
fn grouped(amount: Money) -> String {
    let text = amount.to_string();
    let (whole, fen) = text.split_once('.').unwrap_or((&text, "00"));
    let digits: Vec<char> = whole.chars().rev().collect();
    let groups: Vec<String> =
        digits.chunks(3).map(|group| group.iter().collect::<String>()).collect();
    let whole: String = groups.join(",").chars().rev().collect();
    format!("{whole}.{fen}")
}
