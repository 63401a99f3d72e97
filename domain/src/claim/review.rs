use super::*;
use crate::claim::facts::Facts;

/// A filed claim on its way through the levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    filed: Arc<Filed>,
    facts: Arc<Facts>,
    assessed: Arc<Assessed>,
    passed: BTreeMap<Step, Subject>,
    // Who sent it back; a person who did may still take that very step.
    returned: Vec<(Step, Subject)>,
    // The diagnoses that reviewers confirmed.
    confirmed: Vec<Icd10>,
    last: Date,
}

impl Review {
    pub(super) fn new(filed: Arc<Filed>, assessed: &Arc<Assessed>) -> Self {
        let (facts, last) = (Arc::clone(&filed.facts), filed.on);
        let assessed = Arc::clone(assessed);
        let (passed, returned, confirmed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { filed, facts, assessed, passed, returned, confirmed, last }
    }

    /// What was filed.
    #[must_use]
    pub fn filed(&self) -> &Arc<Filed> {
        &self.filed
    }

    /// The facts as they stand, with supplements and what reviewers confirmed.
    #[must_use]
    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// The diagnoses that reviewers confirmed.
    #[must_use]
    pub fn confirmed(&self) -> &[Icd10] {
        &self.confirmed
    }

    /// `facts` with what reviewers have confirmed of their diagnoses.
    #[must_use]
    pub fn reviewed(&self, facts: &Arc<Facts>) -> Arc<Facts> {
        facts.confirming(&self.confirmed)
    }

    /// The last assessment, or that of a confirmation.
    #[must_use]
    pub fn assessed_with<'r>(
        &'r self,
        confirmation: Option<&'r Confirmation>,
    ) -> &'r Arc<Assessed> {
        confirmation.map_or(&self.assessed, |given| &given.assessed)
    }

    /// Whether nothing is left to decide once `step` is passed.
    #[must_use]
    pub fn ends_with(&self, step: Step, confirmation: Option<&Confirmation>) -> bool {
        let asked = &self.assessed_with(confirmation).steps;
        let passed = |other| other == step || self.passed.contains_key(&other);
        outstanding(asked, self.last_returned(), passed).next().is_none()
    }

    fn last_returned(&self) -> Option<Step> {
        self.returned.last().map(|(step, _)| *step)
    }

    /// The last assessment before approval.
    #[must_use]
    pub fn assessed(&self) -> &Arc<Assessed> {
        &self.assessed
    }

    /// The steps that are left to take, in order.
    #[must_use]
    pub fn remaining(&self) -> Vec<Step> {
        self.outstanding().collect()
    }

    fn outstanding(&self) -> impl Iterator<Item = Step> {
        let passed = |step| self.passed.contains_key(&step);
        outstanding(&self.assessed.steps, self.last_returned(), passed)
    }

    /// The step that is to be taken next.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        self.outstanding().next()
    }

    /// The organisation that has to take the next step.
    #[must_use]
    pub fn queue(&self) -> Option<&OrganisationId> {
        self.next().and_then(|step| self.filed.chain.at(step.level()))
    }

    /// How often it was sent back.
    #[must_use]
    pub const fn returns(&self) -> usize {
        self.returned.len()
    }

    /// Invariants 1, 2 and 5: the step, if the person may take it.
    pub(super) fn decidable(&self, decision: &Decision) -> Result<Step, Rejection> {
        let step = self.next().ok_or(Rejection::ClaimNotInReview { state: "decided" })?;
        if let Some(given) = decision.step.filter(|given| *given != step) {
            return Err(Rejection::WrongStep { expected: step, given });
        }
        let expected = self.filed.chain.at(step.level());
        if expected != Some(&decision.organisation) {
            return Err(Rejection::WrongOrganisation {
                step,
                expected: expected.unwrap_or(&self.filed.chain.office).clone(),
                given: decision.organisation.clone(),
            });
        }
        let by = || decision.by.clone();
        if decision.member == Some(self.filed.member) {
            return Err(Rejection::OwnClaim { by: by() });
        }
        let passed = self.passed.iter().map(|(step, who)| (*step, who));
        let elsewhere = self.returned.iter().filter(|(at, _)| *at != step);
        let before = passed
            .chain(elsewhere.map(|(step, who)| (*step, who)))
            .find(|(_, who)| **who == decision.by);
        if let Some((step, _)) = before {
            return Err(Rejection::DecidedBefore { by: by(), step });
        }
        self.follows(decision.on)?;
        Ok(step)
    }

    /// Invariant 5.
    pub(super) fn follows(&self, given: Date) -> Result<(), Rejection> {
        if given < self.last {
            Err(Rejection::ClaimDateBefore { last: self.last, given })
        } else {
            Ok(())
        }
    }

    pub(super) fn assessed_again(mut self, assessed: &Arc<Assessed>) -> Self {
        self.assessed = Arc::clone(assessed);
        self
    }

    pub(super) fn past_step(mut self, passed: &StepPassed) -> Option<Self> {
        if self.next() != Some(passed.step) {
            return None;
        }
        self.passed.insert(passed.step, passed.by.clone());
        self.confirmed.extend(passed.confirmed.iter().cloned());
        self.facts = self.reviewed(&self.facts);
        self.last = passed.on;
        Some(self)
    }

    pub(super) fn past_return(mut self, returned: &Returned) -> Self {
        self.returned.push((returned.step, returned.by.clone()));
        self.last = returned.on;
        self
    }

    pub(super) fn past_supplement(mut self, supplemented: &Supplemented) -> Self {
        self.facts = self.reviewed(&supplemented.facts);
        self.last = supplemented.on;
        self
    }

    pub(super) fn past_refusal(mut self, refused: &Refused) -> Self {
        self.last = refused.on;
        self
    }
}

/// Invariant 2: the steps that are left to take, in order, of those that the last assessment asks
/// for. Who last sent the claim back decides on it again, even if its new worth no longer asks for
/// that step: else a claim could come back with no step left to take.
pub fn outstanding(
    asked: &[Step],
    returned: Option<Step>,
    passed: impl Fn(Step) -> bool,
) -> impl Iterator<Item = Step> {
    let wanted = move |step: &Step| asked.contains(step) || returned == Some(*step);
    Step::ALL.into_iter().filter(move |step| wanted(step) && !passed(*step))
}
