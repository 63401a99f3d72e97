//! What claims add up to: by plan, district and month, by disease and year, and by who handled them.

use huzhu_domain::id::{OrganisationId, Subject};
use huzhu_domain::member::Registered;
use huzhu_domain::money::Money;
use huzhu_domain::term::days_between;
use jiff::civil::Date;

use super::disease::{Claimant, DiseaseStatistic, cell};
use super::tables::{BenefitPerson, BenefitStatistic, Claim, HandlerActivity};
use super::{Claims, StepOutcome};
use crate::projection::{Poison, Stop, month, up};
use crate::record::Record;
use crate::rows::Source;
use crate::views::age::year;

const CLAIMS: &str = "claims of a month";
const PAYMENTS: &str = "payments of a month";

impl Claims {
    pub(super) fn registered(&mut self, body: &Registered) -> Result<(), Stop> {
        let (member, sex, born_year) = (body.member, body.sex, year(body.born));
        Ok(self.claimants.create(Claimant { member, sex, born_year })?)
    }

    pub(super) fn count_filed(
        &mut self,
        claim: &Claim,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        up(&mut self.statistic(claim, claim.filed_on, source)?.filed, CLAIMS)?;
        let disease = self.disease(claim, claim.filed_on, source)?;
        up(&mut disease.claims, CLAIMS)?;
        if claim.opens_case {
            up(&mut disease.cases, "cases of a year")?;
        }
        let activity = self.activity(&claim.unit, &claim.filed_by, claim.filed_on, source)?;
        Ok(up(&mut activity.filed, CLAIMS)?)
    }

    /// Moves a claim whose papers say another disease or day now.
    pub(super) fn count_changed(
        &mut self,
        before: &Claim,
        after: &Claim,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        if cell(before, before.filed_on) == cell(after, after.filed_on) {
            return Ok(());
        }
        let cases = u32::from(before.opens_case);
        let counted = Poison::Count { what: CLAIMS };
        let old = self.disease(before, before.filed_on, source)?;
        old.claims = old.claims.checked_sub(1).ok_or_else(|| counted.clone())?;
        old.cases = old.cases.checked_sub(cases).ok_or_else(|| counted.clone())?;
        let new = self.disease(after, after.filed_on, source)?;
        new.claims = new.claims.checked_add(1).ok_or_else(|| counted.clone())?;
        new.cases = new.cases.checked_add(cases).ok_or(counted)?;
        Ok(())
    }

    pub(super) fn count_decided(
        &mut self,
        organisation: &OrganisationId,
        by: &Subject,
        (outcome, on, waited_days): (StepOutcome, Date, i64),
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let activity = self.activity(organisation, by, on, source)?;
        let count = match outcome {
            StepOutcome::Passed => &mut activity.passed,
            StepOutcome::Returned => &mut activity.returned,
            StepOutcome::Refused => &mut activity.refused,
        };
        up(count, "decisions of a month")?;
        let waited = activity.waited_days.checked_add(waited_days);
        activity.waited_days = waited.ok_or(Poison::Count { what: "days waited" })?;
        Ok(())
    }

    pub(super) fn count_refused(
        &mut self,
        claim: &Claim,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        Ok(up(&mut self.statistic(claim, on, source)?.refused, CLAIMS)?)
    }

    pub(super) fn count_withdrawn(
        &mut self,
        claim: &Claim,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        Ok(up(&mut self.statistic(claim, on, source)?.withdrawn, CLAIMS)?)
    }

    pub(super) fn count_approved(
        &mut self,
        claim: &Claim,
        (amount, on): (Money, Date),
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let statistic = self.statistic(claim, on, source)?;
        up(&mut statistic.approved, CLAIMS)?;
        statistic.approved_fen = statistic.approved_fen.plus(amount)?;
        let disease = self.disease(claim, on, source)?;
        up(&mut disease.approved, CLAIMS)?;
        disease.approved_fen = disease.approved_fen.plus(amount)?;
        Ok(())
    }

    pub(super) fn count_paid(
        &mut self,
        claim: &Claim,
        (amount, on): (Money, Date),
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let (plan, version, district, month) = place(claim, on);
        let key = (plan, version, district, month, claim.member);
        let person = self.persons.edit_or(&key, source, || {
            let (plan, version, district, month, member) = key.clone();
            let (payments, benefits_fen) = (0, Money::ZERO);
            BenefitPerson { plan, version, district, month, member, payments, benefits_fen }
        })?;
        let first = person.payments == 0;
        up(&mut person.payments, PAYMENTS)?;
        person.benefits_fen = person.benefits_fen.plus(amount)?;

        let statistic = self.statistic(claim, on, source)?;
        up(&mut statistic.payments, PAYMENTS)?;
        if first {
            up(&mut statistic.persons, "persons of a month")?;
        }
        statistic.benefits_fen = statistic.benefits_fen.plus(amount)?;
        let days = days_between(claim.filed_on, on);
        let days = statistic.days_to_payment.checked_add(days);
        statistic.days_to_payment = days.ok_or(Poison::Count { what: "days to payment" })?;

        let disease = self.disease(claim, on, source)?;
        up(&mut disease.payments, PAYMENTS)?;
        disease.benefits_fen = disease.benefits_fen.plus(amount)?;
        Ok(())
    }

    /// What was paid in a month stays paid in it; what came back is counted when it came back.
    pub(super) fn count_reversed(
        &mut self,
        claim: &Claim,
        (amount, on): (Money, Date),
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let statistic = self.statistic(claim, on, source)?;
        up(&mut statistic.reversals, PAYMENTS)?;
        statistic.recovered_fen = statistic.recovered_fen.plus(amount)?;
        let disease = self.disease(claim, on, source)?;
        up(&mut disease.reversals, PAYMENTS)?;
        disease.recovered_fen = disease.recovered_fen.plus(amount)?;
        Ok(())
    }

    fn statistic(
        &mut self,
        claim: &Claim,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<&mut BenefitStatistic, Stop> {
        let key = place(claim, on);
        Ok(self.statistics.edit_or(&key, source, || {
            let (plan, version, district, month) = key.clone();
            BenefitStatistic {
                plan,
                version,
                district,
                month,
                filed: 0,
                approved: 0,
                approved_fen: Money::ZERO,
                refused: 0,
                withdrawn: 0,
                payments: 0,
                persons: 0,
                benefits_fen: Money::ZERO,
                reversals: 0,
                recovered_fen: Money::ZERO,
                days_to_payment: 0,
            }
        })?)
    }

    fn disease(
        &mut self,
        claim: &Claim,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<&mut DiseaseStatistic, Stop> {
        let key = cell(claim, on);
        let chapter = || claim.disease_chapter.clone().unwrap_or_default();
        let none = || DiseaseStatistic::none(key.clone(), chapter());
        Ok(self.diseases.edit_or(&key, source, none)?)
    }

    fn activity(
        &mut self,
        organisation: &OrganisationId,
        handler: &Subject,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<&mut HandlerActivity, Stop> {
        let key = (organisation.clone(), handler.clone(), month(on));
        Ok(self.activities.edit_or(&key, source, || {
            let (organisation, handler, month) = key.clone();
            HandlerActivity {
                organisation,
                handler,
                month,
                filed: 0,
                passed: 0,
                returned: 0,
                refused: 0,
                waited_days: 0,
            }
        })?)
    }
}

/// Where the statistics of plans count a claim.
fn place(claim: &Claim, on: Date) -> <BenefitStatistic as Record>::Key {
    let district = claim.district.as_ref().map_or_else(String::new, ToString::to_string);
    (claim.plan.clone(), claim.version.clone(), district, month(on))
}
