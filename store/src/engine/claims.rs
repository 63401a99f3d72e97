//! Claims on the unit's side: filed, supplemented, withdrawn.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use huzhu_domain::assessment::Assessment;
use huzhu_domain::claim::facts::Facts;
use huzhu_domain::claim::{self, Claim, Filed, Supplemented, Withdrawn};
use huzhu_domain::cover::{self, Cover};
use huzhu_domain::id::{BenefitCode, CaseId, ClaimId, CoverId, PlanCode, StatementSerial};
use huzhu_domain::member::Member;
use huzhu_domain::plan::Plan;
use huzhu_domain::reservation::{self, Reservation};

use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::judgement::{assessed, chain, worth};
use super::loaded::Loaded;
use super::{Engine, EngineError, Envelope, Receipt, authority, streams};
use crate::port::StreamName;

/// Files a claim against a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileClaim {
    /// The cover.
    pub cover: CoverId,
    /// The incident it is part of; a new one if absent.
    pub case: Option<CaseId>,
    /// The benefits that are asked for; all of the plan's if empty.
    pub asks: Vec<BenefitCode>,
    /// What happened.
    pub facts: Arc<Facts>,
}

/// Brings what was wanted for a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplementClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The facts from now on.
    pub facts: Arc<Facts>,
}

/// Takes a claim back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawClaim {
    /// The claim.
    pub claim: ClaimId,
    /// Why.
    pub note: String,
}

impl Flow for FileClaim {
    fn target(&self, envelope: &Envelope) -> StreamName {
        streams::claim(ClaimId::of(envelope.command))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (id, on) = (ClaimId::of(draft.envelope().command), draft.envelope().on());
        let claim = draft.load_new::<Claim>(streams::claim(id)).await?;
        draft.meet(&claim)?;
        let cover = draft.load::<Cover>(streams::cover(self.cover)).await?;
        let granted = Arc::clone(&cover.state.granted()?.granted);
        let member = draft.load::<Member>(streams::member(granted.member)).await?;
        let profile = member.state.registered()?.lived_through(&self.facts)?;
        let chain = chain(draft, &profile.unit).await?;
        authority::for_unit(draft, &chain.unit).await?;
        let assessed = assessed(draft, &cover, id, &chain, &self.asks, &self.facts, on).await?;
        let filed = Arc::new(Filed {
            claim: id,
            cover: self.cover,
            member: granted.member,
            chain,
            plan: granted.plan.clone(),
            version: assessed.assessment.version.clone(),
            case: self.case.unwrap_or_else(|| CaseId::of(draft.envelope().command)),
            asks: self.asks.clone(),
            facts: Arc::clone(&self.facts),
            by: draft.envelope().actor.subject.clone(),
            on,
        });
        let version = filed.version.clone();
        let command = claim::Command::File { filed, assessed };
        // Decided before anything is reserved: a refusal must not leave stays taken.
        draft.check(&claim, command.clone())?;
        reserve_stays(draft, &granted.plan, serials(&self.facts), id).await?;
        draft.decide_under(&claim, command, Some(&version))?;
        Ok(())
    }
}

impl Flow for SupplementClaim {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        draft.meet(&claim)?;
        let review = claim.state.awaiting_supplement()?;
        let filed = review.filed();
        authority::for_unit(draft, &filed.chain.unit).await?;
        let cover = draft.load::<Cover>(streams::cover(filed.cover)).await?;
        // What a reviewer confirmed before stays confirmed.
        let (facts, on) = (&review.reviewed(&self.facts), draft.envelope().on());
        let member = draft.load::<Member>(streams::member(filed.member)).await?;
        member.state.registered()?.lived_through(facts)?;
        let assessed =
            assessed(draft, &cover, self.claim, &filed.chain, &filed.asks, facts, on).await?;
        let version = assessed.assessment.version.clone();
        let by = draft.envelope().actor.subject.clone();
        let supplemented = Supplemented { facts: Arc::clone(&self.facts), by, on };
        let command = claim::Command::Supplement { supplemented, assessed };
        draft.check(&claim, command.clone())?;
        let held = serials(review.facts());
        let more = serials(facts).difference(&held).cloned().collect();
        reserve_stays(draft, &filed.plan, more, self.claim).await?;
        draft.decide_under(&claim, command, Some(&version))?;
        Ok(())
    }
}

impl Flow for WithdrawClaim {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        draft.meet(&claim)?;
        let filed = Arc::clone(claim.state.review()?.filed());
        authority::for_unit(draft, &filed.chain.unit).await?;
        let Envelope { actor, .. } = draft.envelope();
        let (by, on) = (actor.subject.clone(), draft.envelope().on());
        let withdrawn = Withdrawn { by, note: self.note.clone(), on };
        draft.decide(&claim, claim::Command::Withdraw(withdrawn))?;
        release(draft, &filed).await
    }
}

/// Lets go of what is set aside for a claim that will not be paid now.
pub(super) async fn release(draft: &mut Draft<'_>, filed: &Filed) -> Result<(), Stop> {
    let cover = draft.load::<Cover>(streams::cover(filed.cover)).await?;
    let_go(draft, &cover, filed.claim)
}

/// Lets go of what `cover` as it was read holds for a claim.
pub(super) fn let_go(
    draft: &mut Draft<'_>,
    cover: &Loaded<Cover>,
    claim: ClaimId,
) -> Result<(), Stop> {
    let entry = cover.state.granted()?.entries.get(&claim);
    if entry.is_some_and(|entry| entry.outcome == cover::Outcome::Reserved) {
        draft.decide(cover, cover::Command::Release { claim })?;
    }
    Ok(())
}

/// The statements and receipts that a claim rests on.
fn serials(facts: &Facts) -> BTreeSet<StatementSerial> {
    let stays = facts.stays.iter().map(|stay| &stay.serial);
    stays.chain(facts.bills.iter().map(|bill| &bill.serial)).cloned().collect()
}

/// Takes the statements for `claim`, from nobody or from a claim that has let go of them.
async fn reserve_stays(
    draft: &mut Draft<'_>,
    plan: &PlanCode,
    serials: BTreeSet<StatementSerial>,
    claim: ClaimId,
) -> Result<(), Stop> {
    let mut others: BTreeMap<ClaimId, Arc<Loaded<Claim>>> = BTreeMap::new();
    let mut places = Vec::with_capacity(serials.len());
    for serial in serials {
        let place = draft.load_new::<Reservation>(streams::stay(plan, &serial)).await?;
        let holder = place.state.holder().map(str::to_owned);
        if let Some(held) = holder.clone().filter(|held| *held != claim.to_string()) {
            let taken = || claim::Rejection::StayAlreadyClaimed {
                serial: serial.to_string(),
                claim: held.clone(),
                plan: plan.clone(),
            };
            let id: ClaimId = held.parse().map_err(|_| taken())?;
            let other = match others.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(draft.reload(streams::claim(id)).await?),
            };
            if holds(&other.state, &serial) {
                return Err(taken().into());
            }
        }
        places.push((place, holder));
    }
    for other in others.values().filter(|other| other.state == Claim::Unfiled) {
        // The other filing stopped half-way, or has not come to its end: now it never will.
        draft.decide(other, claim::Command::Lapse)?;
    }
    for (place, over) in places {
        let holder = claim.to_string();
        draft.decide(&place, reservation::Command::Reserve { holder, over })?;
    }
    Ok(())
}

/// Whether a claim still needs a statement that is reserved for it.
fn holds(claim: &Claim, serial: &StatementSerial) -> bool {
    !claim.has_let_go()
        && claim.review().is_ok_and(|review| serials(review.facts()).contains(serial))
}

impl Engine {
    /// Files a claim. Its id is [`ClaimId::of`] the command.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn file_claim(
        &self,
        envelope: &Envelope,
        command: FileClaim,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Brings what was wanted for a claim; it goes on at the step that sent it back.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn supplement_claim(
        &self,
        envelope: &Envelope,
        command: SupplementClaim,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Takes a claim back.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn withdraw_claim(
        &self,
        envelope: &Envelope,
        command: WithdrawClaim,
    ) -> Result<Receipt, EngineError> {
        self.run_and_tidy(envelope, command.claim, &command).await
    }

    /// What a claim would be worth, as the cover stands. Records nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn preview_assessment(
        &self,
        cover: CoverId,
        asks: &[BenefitCode],
        facts: &Facts,
    ) -> Result<Assessment, EngineError> {
        let cover = self.load::<Cover>(streams::cover(cover)).await?;
        let right = cover.state.granted()?;
        let plan = self.load::<Plan>(streams::plan(&right.granted.plan)).await?;
        let nobody = ClaimId::new(uuid::Uuid::nil());
        worth(&plan.state, right, nobody, asks, facts)
    }
}
