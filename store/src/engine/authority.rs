//! Invariant 5: who acts does so for an organisation, with a duty, a certificate and no suspension.

use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::OrganisationId;
use huzhu_domain::organisation::{self, Organisation};
use huzhu_domain::reservation::Reservation;
use huzhu_domain::step::{Duty, Level};

use super::draft::Draft;
use super::flow::Stop;
use super::streams;

/// A handler files and enrols for the own unit. A service account carries what members ask for, and
/// an operator what a unit hands in on paper.
pub(super) async fn for_unit(draft: &Draft<'_>, unit: &OrganisationId) -> Result<(), Stop> {
    let Actor { subject, role, .. } = &draft.envelope().actor;
    if matches!(role, Role::Service | Role::Operator) {
        return Ok(());
    }
    let unit = draft.load::<Organisation>(streams::organisation(unit)).await?;
    unit.state.authorise(subject, Duty::File, draft.envelope().on())?;
    Ok(())
}

/// Money is moved by the office's finance.
pub(super) async fn for_finance(draft: &Draft<'_>) -> Result<(), Stop> {
    let Actor { subject, organisation, .. } = &draft.envelope().actor;
    let of = match organisation {
        Some(organisation) => organisation.clone(),
        None => {
            let place = draft.load::<Reservation>(streams::handler(subject)).await?;
            let holder = place.state.holder().and_then(|holder| holder.parse().ok());
            holder.ok_or(organisation::Rejection::OrganisationNotRegistered)?
        }
    };
    let organisation = draft.load::<Organisation>(streams::organisation(&of)).await?;
    organisation.state.authorise(subject, Duty::Finance, draft.envelope().on())?;
    Ok(())
}

/// Only a unit has members, files claims and enrols.
pub(super) async fn is_unit(
    draft: &Draft<'_>,
    unit: &OrganisationId,
) -> Result<Box<organisation::Register>, Stop> {
    let unit = draft.load::<Organisation>(streams::organisation(unit)).await?;
    let register = unit.state.registered()?;
    match register.particulars.level {
        Level::Unit => Ok(Box::new(register.clone())),
        level @ (Level::Township | Level::District | Level::Office) => {
            Err(organisation::Rejection::NotAUnit { level }.into())
        }
    }
}
