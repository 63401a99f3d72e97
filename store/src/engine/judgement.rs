//! What a claim is worth as its cover stands, and who has to agree.

use std::sync::Arc;

use huzhu_domain::approval_policy::ApprovalPolicy;
use huzhu_domain::assessment::{Assessment, assess};
use huzhu_domain::claim::facts::Facts;
use huzhu_domain::claim::{Assessed, Chain};
use huzhu_domain::cover::{Cover, Right};
use huzhu_domain::id::{BenefitCode, ClaimId, OrganisationId};
use huzhu_domain::organisation::{self, Organisation};
use huzhu_domain::plan::{NoVersion, Plan, PlanVersion, Selection};
use huzhu_domain::step::Level;
use jiff::civil::Date;

use super::draft::Draft;
use super::flow::Stop;
use super::loaded::Loaded;
use super::{EngineError, streams};

/// The terms that judge what `facts` say of a cover.
pub(super) fn terms_for<'p>(
    plan: &'p Plan,
    right: &Right,
    facts: &Facts,
) -> Result<&'p Arc<PlanVersion>, NoVersion> {
    let bound = &right.granted.version;
    let selection = plan.version(bound).map(|terms| terms.selection);
    // An illness may have begun the year before; what counts is the year that the cover is for.
    let event = match selection {
        Some(Selection::ExpenseYear) => right.granted.term.start(),
        Some(Selection::Term | Selection::EventDate) | None => facts.incident.date,
    };
    plan.version_for(bound, event)
}

/// What `facts` are worth to `claim`, as the cover stands without it.
pub(super) fn worth(
    plan: &Plan,
    right: &Right,
    claim: ClaimId,
    asks: &[BenefitCode],
    facts: &Facts,
) -> Result<Assessment, EngineError> {
    let terms = terms_for(plan, right, facts)?;
    Ok(assess(terms, &right.standing_for(claim), asks, facts)?)
}

/// The same, with the steps that the approval policy asks for on `on`.
pub(super) async fn assessed(
    draft: &Draft<'_>,
    cover: &Loaded<Cover>,
    claim: ClaimId,
    chain: &Chain,
    asks: &[BenefitCode],
    facts: &Facts,
    on: Date,
) -> Result<Arc<Assessed>, Stop> {
    let right = cover.state.granted()?;
    let plan = draft.load::<Plan>(streams::plan(&right.granted.plan)).await?;
    let assessment = Arc::new(worth(&plan.state, right, claim, asks, facts)?);
    let policy = draft.load::<ApprovalPolicy>(streams::approval_policy()).await?;
    let (label, steps) = policy.state.steps_for(&right.granted.plan, assessment.total, on)?;
    let steps = steps.iter().copied().filter(|step| chain.at(step.level()).is_some()).collect();
    let cover_revision = cover.revision.map_or(0, |revision| revision.0);
    Ok(Arc::new(Assessed { assessment, cover_revision, steps, policy: label.clone() }))
}

/// The organisations above `unit`, as they stand now.
pub(super) async fn chain(draft: &Draft<'_>, unit: &OrganisationId) -> Result<Chain, Stop> {
    let (mut township, mut district) = (None, None);
    let mut id = unit.clone();
    loop {
        let organisation = draft.load::<Organisation>(streams::organisation(&id)).await?;
        let particulars = &organisation.state.registered()?.particulars;
        match particulars.level {
            Level::Unit => {}
            Level::Township => township = Some(id),
            Level::District => district = Some(id),
            Level::Office => {
                return Ok(Chain { unit: unit.clone(), township, district, office: id });
            }
        }
        // A parent stands above, so the way up ends; only the office has none.
        let parent = particulars.parent.as_ref();
        id = parent.ok_or(organisation::Rejection::OrganisationNotRegistered)?.id.clone();
    }
}
