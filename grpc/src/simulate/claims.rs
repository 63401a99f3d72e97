//! A month's claims, each from what happened to what became of it.

use std::sync::Arc;

use huzhu_domain::claim::facts::{DocumentKind, Facts};
use huzhu_domain::claim::{Claim, RefusalReason, Wanted};
use huzhu_domain::envelope::Actor;
use huzhu_domain::id::{CaseId, ClaimId, PayoutId};
use huzhu_domain::step::Step;
use huzhu_store::engine::{
    FileClaim, PassStep, RefuseClaim, ReturnClaim, SupplementClaim, WithdrawClaim, streams,
};
use jiff::civil::Date;

use super::enrolling::{ALLOWANCE, DISEASE, FREE, MEDICAL, term_begins};
use super::facts::{Happening, facts, paper};
use super::random::Random;
use super::{Run, SimulateError, Unit, days_after, handler, month, morning, plan_code};

/// How many members in a thousand something happens to in a month.
const HAPPENS: u32 = 25;

/// What becomes of a claim, as far as the rules allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Approved,
    Returned,
    Refused,
    Withdrawn,
    Pending,
}

/// What happened to a member in a month.
struct Incident<'a> {
    unit: &'a Unit,
    unit_number: u64,
    member: u32,
    month: Date,
    filed: Date,
    name: String,
    happening: Happening,
    facts: Facts,
}

/// A claim under way.
struct Under<'a> {
    incident: &'a Incident<'a>,
    name: String,
    claim: ClaimId,
    fate: Fate,
    turn: u32,
}

impl Run {
    /// Lives through the claims of a month; answers with the payouts that are due then.
    pub(super) async fn claims_of(
        &self,
        number: u32,
        month: Date,
    ) -> Result<Vec<PayoutId>, SimulateError> {
        let members = self.setting.units().iter().zip(0_u64..).flat_map(|(unit, unit_number)| {
            unit.members.clone().map(move |member| (unit, unit_number, member))
        });
        let happened =
            members.filter(|(_, _, member)| self.chances(number, *member).chance(HAPPENS));
        let due = self
            .each(happened, |(unit, unit_number, member)| async move {
                let incident = self.incident(unit, unit_number, member, number, month)?;
                self.case(&incident).await
            })
            .await?;
        Ok(due.into_iter().flatten().collect())
    }

    fn chances(&self, month: u32, member: u32) -> Random {
        self.random("incident", u64::from(month) << 32 | u64::from(member))
    }

    fn incident<'a>(
        &self,
        unit: &'a Unit,
        unit_number: u64,
        member: u32,
        number: u32,
        first_day: Date,
    ) -> Result<Incident<'a>, SimulateError> {
        let mut random = self.chances(number, member);
        // The first draw said that something happens.
        random.chance(HAPPENS);
        let happening = match random.between(0, 99) {
            0..=2 if self.is_woman(member) => Happening::Disease,
            0..=64 => Happening::Stay,
            _ => Happening::Outpatient,
        };
        let name = format!("{number}-{member}");
        let facts = facts(happening, first_day, &format!("S{name}"), &mut random)?;
        let filed = days_after(month(number.saturating_add(1))?, random.between(1, 5))?;
        Ok(Incident { unit, unit_number, member, month: first_day, filed, name, happening, facts })
    }

    /// Files what happened under each plan that the member has, one after the other: the claims of
    /// a member never race.
    async fn case(&self, incident: &Incident<'_>) -> Result<Vec<PayoutId>, SimulateError> {
        let plans: &[&str] = match incident.happening {
            Happening::Stay => &[FREE, MEDICAL, ALLOWANCE],
            Happening::Outpatient => &[FREE],
            Happening::Disease => &[DISEASE, FREE],
        };
        let (mut case, mut due) = (None, Vec::new());
        for plan in plans {
            if *plan != FREE && !self.bought(incident, plan) {
                continue;
            }
            let Some(claim) = self.file(incident, plan, case).await? else { continue };
            case = case.or(Some(claim.case));
            due.extend(self.decide(&claim.under).await?);
        }
        Ok(due)
    }

    /// Whether the unit bought the plan for the term that the month belongs to.
    fn bought(&self, incident: &Incident<'_>, plan: &str) -> bool {
        self.buys(incident.unit_number, plan, term_begins(plan, incident.month.year()))
    }

    async fn file<'a>(
        &self,
        incident: &'a Incident<'a>,
        plan: &str,
        case: Option<CaseId>,
    ) -> Result<Option<Filed<'a>>, SimulateError> {
        let name = format!("{} {plan}", incident.name);
        let clerk = self.clerk(incident)?;
        let envelope = self.ask(&format!("file {name}"), clerk, morning(incident.filed)?);
        let cover = self.cover(incident.member, &plan_code(plan)?, incident.month.year())?;
        let facts = Arc::new(incident.facts.clone());
        let command = FileClaim { cover, case, asks: Vec::new(), facts };
        let answer = self.engine.file_claim(&envelope, command).await;
        if self.count("claims filed", answer)?.is_none() {
            return Ok(None);
        }
        let mut random = self.random(&name, 0);
        let fate = match random.between(0, 99) {
            0..=5 => Fate::Returned,
            6..=8 => Fate::Refused,
            9..=10 => Fate::Withdrawn,
            11..=13 => Fate::Pending,
            _ => Fate::Approved,
        };
        let claim = ClaimId::of(envelope.command);
        let case = case.unwrap_or_else(|| CaseId::of(envelope.command));
        let turn = random.between(0, 999);
        Ok(Some(Filed { under: Under { incident, name, claim, fate, turn }, case }))
    }

    /// Takes the claim through its steps, a day each.
    async fn decide(&self, under: &Under<'_>) -> Result<Option<PayoutId>, SimulateError> {
        let mut returned = false;
        for day in 1..=14 {
            let loaded = self.engine.load::<Claim>(streams::claim(under.claim)).await;
            let loaded =
                loaded.map_err(|why| SimulateError::Engine { what: "claim".into(), why })?;
            let Ok(review) = loaded.state.in_review() else { break };
            let Some(step) = review.next() else { break };
            let on = days_after(under.incident.filed, day)?;
            let (last, early) = (review.remaining().len() == 1, day == 1);
            let nothing = !review.assessed().assessment.total.is_positive();
            match under.fate {
                _ if nothing && step.level() == huzhu_domain::step::Level::Office => {
                    self.refuse(under, step, RefusalReason::NothingPayable, on).await?;
                }
                Fate::Withdrawn if early => self.withdraw(under, on).await?,
                Fate::Refused if step == Step::FirstReview => {
                    self.refuse(under, step, RefusalReason::DocumentsMissing, on).await?;
                }
                Fate::Returned if step == Step::FirstReview && !returned => {
                    returned = true;
                    self.send_back(under, step, on).await?;
                }
                Fate::Pending if step == Step::FirstReview => break,
                Fate::Approved
                | Fate::Returned
                | Fate::Refused
                | Fate::Withdrawn
                | Fate::Pending => {
                    if !self.pass(under, step, on).await? {
                        break;
                    }
                    if last {
                        return Ok(Some(PayoutId::of(under.claim)));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn pass(&self, under: &Under<'_>, step: Step, on: Date) -> Result<bool, SimulateError> {
        let (claim, step_given, note) = (under.claim, Some(step), String::new());
        let (expected_amount, confirmed) = (None, Vec::new());
        let command = PassStep { claim, step: step_given, expected_amount, confirmed, note };
        let envelope =
            self.ask(&format!("pass {step:?} {}", under.name), self.at(under, step)?, morning(on)?);
        let answer = self.engine.pass_step(&envelope, command).await;
        Ok(self.count("steps passed", answer)?.is_some())
    }

    async fn refuse(
        &self,
        under: &Under<'_>,
        step: Step,
        reason: RefusalReason,
        on: Date,
    ) -> Result<(), SimulateError> {
        let (claim, note) = (under.claim, String::new());
        let command = RefuseClaim { claim, step: Some(step), reason, note };
        let envelope =
            self.ask(&format!("refuse {}", under.name), self.at(under, step)?, morning(on)?);
        let answer = self.engine.refuse_claim(&envelope, command).await;
        self.count("claims refused", answer)?;
        Ok(())
    }

    async fn withdraw(&self, under: &Under<'_>, on: Date) -> Result<(), SimulateError> {
        let clerk = self.clerk(under.incident)?;
        let envelope = self.ask(&format!("withdraw {}", under.name), clerk, morning(on)?);
        let note = "the member asked for it".to_owned();
        let command = WithdrawClaim { claim: under.claim, note };
        let answer = self.engine.withdraw_claim(&envelope, command).await;
        self.count("claims withdrawn", answer)?;
        Ok(())
    }

    /// A level wants a paper, and the unit brings it the next day.
    async fn send_back(
        &self,
        under: &Under<'_>,
        step: Step,
        on: Date,
    ) -> Result<(), SimulateError> {
        let (claim, document) = (under.claim, DocumentKind::DiagnosisCertificate);
        let wanted = Wanted { document: Some(document), text: "the original".to_owned() };
        let command =
            ReturnClaim { claim, step: Some(step), wanted: vec![wanted], note: String::new() };
        let envelope =
            self.ask(&format!("return {}", under.name), self.at(under, step)?, morning(on)?);
        let answer = self.engine.return_claim(&envelope, command).await;
        self.count("claims returned", answer)?;
        let mut facts = under.incident.facts.clone();
        facts.documents.push(paper(document, &mut self.random(&under.name, 1))?);
        let clerk = self.clerk(under.incident)?;
        let envelope = self.ask(&format!("supplement {}", under.name), clerk, morning(on)?);
        let command = SupplementClaim { claim, facts: Arc::new(facts) };
        let answer = self.engine.supplement_claim(&envelope, command).await;
        self.count("claims supplemented", answer)?;
        Ok(())
    }

    fn clerk(&self, incident: &Incident<'_>) -> Result<Actor, SimulateError> {
        handler(&incident.unit.clerk(), &incident.unit.id)
    }

    fn at(&self, under: &Under<'_>, step: Step) -> Result<Actor, SimulateError> {
        let (name, organisation) = self.setting.decider(under.incident.unit, step, under.turn);
        handler(&name, &organisation)
    }
}

/// A claim that was just filed, and the incident that it is part of.
struct Filed<'a> {
    under: Under<'a>,
    case: CaseId,
}
