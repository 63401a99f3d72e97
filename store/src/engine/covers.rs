//! Covers: granted to one member, by a roster or by themselves, and ended.

use std::sync::Arc;

use huzhu_domain::assessment::{Accumulators, Waiting};
use huzhu_domain::cover::{self, Cover, EndReason, Ended, Granted};
use huzhu_domain::decider::Decider;
use huzhu_domain::eligibility;
use huzhu_domain::enrolment::{self, Enrolment, Event};
use huzhu_domain::id::{CoverId, MemberId, OrganisationId, PlanCode, RosterId};
use huzhu_domain::member::{Member, Profile};
use huzhu_domain::money::Money;
use huzhu_domain::plan::{EnrolmentMode, NoVersion, Plan, PlanVersion};
use huzhu_domain::roster;
use huzhu_domain::term::Term;
use jiff::civil::Date;

use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::{Engine, EngineError, Envelope, Receipt, authority, streams};
use crate::port::StreamName;

/// Gives a member the right under a plan that members come into by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantCover {
    /// The plan.
    pub plan: PlanCode,
    /// Who.
    pub member: MemberId,
    /// The first day.
    pub start: Date,
}

/// What a cover is granted with.
pub(super) struct Terms<'a> {
    pub(super) version: &'a PlanVersion,
    pub(super) unit: &'a OrganisationId,
    pub(super) district: Option<&'a OrganisationId>,
    pub(super) roster: Option<RosterId>,
    pub(super) units: u32,
    pub(super) term: Term,
    pub(super) contribution: Money,
    pub(super) on: Date,
}

impl Flow for GrantCover {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::cover(CoverId::of(&self.plan, self.member, self.start))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let cover = draft.load_new::<Cover>(self.target(draft.envelope())).await?;
        draft.meet(&cover)?;
        let plan = draft.load::<Plan>(streams::plan(&self.plan)).await?;
        let none = || NoVersion::NoneHeld { date: self.start };
        let version = plan.state.versions_on(self.start).first().copied().ok_or_else(none)?;
        let mode = version.enrolment.mode;
        if mode != EnrolmentMode::Automatic {
            return Err(eligibility::Rejection::ModeDiffers { mode }.into());
        }
        let member = draft.load::<Member>(streams::member(self.member)).await?;
        let profile = member.state.registered()?;
        let unit = authority::is_unit(draft, &profile.unit).await?;
        authority::for_unit(draft, &profile.unit).await?;
        let has_union = unit.particulars.has_union;
        eligibility::check(&version.enrolment, profile, has_union, self.start)?;
        let tier = version.enrolment.tier(false, has_union);
        let units_max = version.enrolment.units.max;
        let not_sold = || roster::Rejection::UnitsNotSold { units: 1, units_max };
        let contribution = version.enrolment.contribution(tier, 1);
        let contribution = contribution.map_err(roster::Rejection::from)?.ok_or_else(not_sold)?;
        let terms = Terms {
            version,
            unit: &profile.unit,
            district: unit.particulars.district.as_ref(),
            roster: None,
            units: 1,
            term: version.term.from(self.start).ok_or_else(none)?,
            contribution,
            on: draft.envelope().on(),
        };
        Ok(grant(draft, profile, &terms).await??)
    }
}

/// Grants one cover: the enrolment first, so that terms which race meet there. The inner error says
/// that the member holds something that stands in the way.
pub(super) async fn grant(
    draft: &mut Draft<'_>,
    profile: &Profile,
    terms: &Terms<'_>,
) -> Result<Result<(), enrolment::Rejection>, Stop> {
    let (version, member) = (terms.version, profile.member);
    let id = CoverId::of(&version.plan, member, terms.term.start());
    let cover = draft.load_new::<Cover>(streams::cover(id)).await?;
    if cover.state.granted().is_ok_and(|right| right.granted.roster == terms.roster) {
        return Ok(Ok(()));
    }
    if let Err(held) = goes_with_others(draft, version, member, terms.term).await? {
        return Ok(Err(held));
    }
    let stream = streams::enrolment(&version.plan, member);
    let enrolment = draft.load_new::<Enrolment>(stream).await?;
    let grace = version.waiting.as_ref().and_then(|waiting| waiting.waived_on_renewal_within_days);
    let enrol = enrolment::Command::Enrol {
        cover: id,
        roster: terms.roster,
        version: version.version.clone(),
        term: terms.term,
        grace_days: grace.unwrap_or(0).into(),
    };
    let made = match enrolment.state.decide(enrol.clone()) {
        Ok(events) => events.into_iter().next(),
        Err(held) => return Ok(Err(held)),
    };
    let renews = match made {
        Some(Event::Made(made)) => made.renews,
        // Enrolled before a crash, and not yet granted.
        Some(Event::Ended(_)) | None => {
            enrolment.state.terms().iter().find(|held| held.cover == id).and_then(|h| h.renews)
        }
    };
    let waived = version.waiting.is_none() || renews.is_some() && grace.is_some();
    let granted = Arc::new(Granted {
        cover: id,
        member,
        plan: version.plan.clone(),
        version: version.version.clone(),
        roster: terms.roster,
        unit: terms.unit.clone(),
        district: terms.district.cloned(),
        class: profile.class,
        sex: profile.sex,
        born: profile.born,
        units: terms.units,
        term: terms.term,
        waiting: if waived { Waiting::Waived } else { Waiting::From(terms.term.start()) },
        renews,
        carried: carried(draft, &enrolment.state, id).await?,
        contribution: terms.contribution,
        on: terms.on,
    });
    let label = Some(&version.version);
    draft.decide_under(&enrolment, enrol, label)?;
    draft.decide_under(&cover, cover::Command::Grant(granted), label)?;
    Ok(Ok(()))
}

/// Whether the member holds no plan that excludes this one (either/or).
pub(super) async fn goes_with_others(
    draft: &Draft<'_>,
    version: &PlanVersion,
    member: MemberId,
    term: Term,
) -> Result<Result<(), enrolment::Rejection>, Stop> {
    for plan in &version.either_or {
        let other = draft.load::<Enrolment>(streams::enrolment(plan, member)).await?;
        if let Some(held) = other.state.terms().iter().find(|held| held.term.overlaps(term)) {
            let (plan, cover, term) = (plan.clone(), held.cover, held.term);
            return Ok(Err(enrolment::Rejection::OtherPlanHeld { plan, cover, term }));
        }
    }
    Ok(Ok(()))
}

/// The sums that outlive the member's earlier covers under the plan.
async fn carried(
    draft: &Draft<'_>,
    enrolment: &Enrolment,
    cover: CoverId,
) -> Result<Accumulators, Stop> {
    let earlier = enrolment.terms().iter().filter(|held| held.cover != cover);
    let Some(last) = earlier.max_by_key(|held| held.term.end()) else {
        return Ok(Accumulators::new());
    };
    let last = draft.load::<Cover>(streams::cover(last.cover)).await?;
    Ok(last.state.granted().map(cover::Right::lifetime).unwrap_or_default())
}

/// A right ends before its term does.
struct EndCover {
    cover: CoverId,
    ended: Ended,
}

impl Flow for EndCover {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::cover(self.cover)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let cover = draft.load::<Cover>(streams::cover(self.cover)).await?;
        draft.meet(&cover)?;
        authority::for_unit(draft, &cover.state.granted()?.granted.unit).await?;
        draft.decide(&cover, cover::Command::End(self.ended.clone()))?;
        end_term(draft, &cover.state.granted()?.granted, self.ended.on).await
    }
}

/// Ends the enrolment's term with its cover, so that the member may enrol anew.
pub(super) struct EndTerm {
    pub(super) cover: CoverId,
}

impl Flow for EndTerm {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::cover(self.cover)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let cover = draft.load::<Cover>(streams::cover(self.cover)).await?;
        let right = cover.state.granted()?;
        match &right.ended {
            // What a payment ended may go on, should the payment be taken back.
            Some(Ended { reason: EndReason::BenefitPaid, .. }) | None => Ok(()),
            Some(Ended { on, .. }) => end_term(draft, &right.granted, *on).await,
        }
    }
}

async fn end_term(draft: &mut Draft<'_>, granted: &Granted, on: Date) -> Result<(), Stop> {
    let stream = streams::enrolment(&granted.plan, granted.member);
    let enrolment = draft.load::<Enrolment>(stream).await?;
    let ended = enrolment::Ended { cover: granted.cover, on };
    draft.decide(&enrolment, enrolment::Command::End(ended))?;
    Ok(())
}

impl Engine {
    /// Gives a member the right under a plan that members come into by themselves. The cover's id
    /// is [`CoverId::of`] plan, member and first day.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn grant_cover(
        &self,
        envelope: &Envelope,
        command: GrantCover,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Ends a right before its term does; `on` is its last day.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn end_cover(
        &self,
        envelope: &Envelope,
        cover: CoverId,
        reason: EndReason,
        on: Date,
    ) -> Result<Receipt, EngineError> {
        let end = EndCover { cover, ended: Ended { reason, on } };
        let receipt = self.run(envelope, &end).await?;
        if receipt.repeated {
            self.run(&envelope.then("end"), &EndTerm { cover }).await?;
        }
        Ok(receipt)
    }
}
