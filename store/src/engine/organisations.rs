//! Organisations and the people who act for them.

use std::collections::BTreeSet;

use huzhu_domain::id::checked::CreditCode;
use huzhu_domain::id::{MemberId, OrganisationId, Subject};
use huzhu_domain::organisation::{self, Name, Organisation, Parent};
use huzhu_domain::reservation::{self, Reservation};
use huzhu_domain::step::{Duty, Level};
use huzhu_domain::term::Term;

use super::draft::Draft;
use super::flow::{Flow, Single, Stop};
use super::{Engine, EngineError, Envelope, Receipt, authority, streams};
use crate::port::StreamName;

/// Takes an organisation into the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterOrganisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its level.
    pub level: Level,
    /// Its name.
    pub name: Name,
    /// The next organisation up; the office has none.
    pub parent: Option<OrganisationId>,
    /// Its unified social credit code.
    pub credit_code: Option<CreditCode>,
    /// Whether it has a union that pays dues.
    pub has_union: bool,
    /// How many workers it has.
    pub workers: u32,
}

/// Lets a person act for an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterHandler {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The staff number that the person's tokens carry.
    pub handler: Subject,
    /// The member that the person is.
    pub member: Option<MemberId>,
    /// What the person may do.
    pub duties: BTreeSet<Duty>,
}

impl Flow for RegisterOrganisation {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::organisation(&self.id)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let organisation = draft.load_new::<Organisation>(streams::organisation(&self.id)).await?;
        draft.meet(&organisation)?;
        let mut district = (self.level == Level::District).then(|| self.id.clone());
        let mut parent = None;
        if let Some(id) = &self.parent {
            let above = draft.load::<Organisation>(streams::organisation(id)).await?;
            let above = &above.state.registered()?.particulars;
            district = district.or_else(|| above.district.clone());
            parent = Some(Parent { id: id.clone(), level: above.level });
        }
        let registered = organisation::Registered {
            id: self.id.clone(),
            level: self.level,
            name: self.name.clone(),
            parent,
            district,
            credit_code: self.credit_code.clone(),
            has_union: self.has_union,
            workers: self.workers,
            on: draft.envelope().on(),
        };
        draft.decide(&organisation, organisation::Command::Register(registered))?;
        Ok(())
    }
}

impl Flow for RegisterHandler {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::organisation(&self.organisation)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let organisation =
            draft.load::<Organisation>(streams::organisation(&self.organisation)).await?;
        draft.meet(&organisation)?;
        // Decided before anything is reserved: a refusal must not leave the person taken.
        let body = organisation::HandlerRegistered {
            handler: self.handler.clone(),
            member: self.member,
            duties: self.duties.clone(),
            on: draft.envelope().on(),
        };
        draft.check(&organisation, organisation::Command::RegisterHandler(body.clone()))?;
        let place = draft.load_new::<Reservation>(streams::handler(&self.handler)).await?;
        let holder = self.organisation.as_str().to_owned();
        draft.decide(&place, reservation::Command::Reserve { holder, over: None })?;
        draft.decide(&organisation, organisation::Command::RegisterHandler(body))?;
        Ok(())
    }
}

/// A unit says how many workers it has.
struct CountWorkers {
    organisation: OrganisationId,
    workers: u32,
}

impl Flow for CountWorkers {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::organisation(&self.organisation)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let loaded = draft.load::<Organisation>(streams::organisation(&self.organisation)).await?;
        draft.meet(&loaded)?;
        authority::for_unit(draft, &self.organisation).await?;
        let (workers, on) = (self.workers, draft.envelope().on());
        let counted = organisation::WorkersCounted { workers, on };
        draft.decide(&loaded, organisation::Command::CountWorkers(counted))?;
        Ok(())
    }
}

impl Engine {
    /// Takes an organisation into the register.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn register_organisation(
        &self,
        envelope: &Envelope,
        command: RegisterOrganisation,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Says how many workers an organisation has.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn count_workers(
        &self,
        envelope: &Envelope,
        organisation: &OrganisationId,
        workers: u32,
    ) -> Result<Receipt, EngineError> {
        let organisation = organisation.clone();
        self.run(envelope, &CountWorkers { organisation, workers }).await
    }

    /// Lets a person act for an organisation.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn register_handler(
        &self,
        envelope: &Envelope,
        command: RegisterHandler,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Certifies a handler for a period.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn certify_handler(
        &self,
        envelope: &Envelope,
        organisation: &OrganisationId,
        handler: Subject,
        certificate: String,
        period: Term,
    ) -> Result<Receipt, EngineError> {
        let certified = organisation::HandlerCertified { handler, certificate, period };
        self.organisation(envelope, organisation, organisation::Command::CertifyHandler(certified))
            .await
    }

    /// Lets a handler act no more, for now.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn suspend_handler(
        &self,
        envelope: &Envelope,
        organisation: &OrganisationId,
        handler: Subject,
        note: String,
    ) -> Result<Receipt, EngineError> {
        let suspended = organisation::HandlerSuspended { handler, note, on: envelope.on() };
        self.organisation(envelope, organisation, organisation::Command::SuspendHandler(suspended))
            .await
    }

    /// Lets a suspended handler act again.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn reinstate_handler(
        &self,
        envelope: &Envelope,
        organisation: &OrganisationId,
        handler: Subject,
    ) -> Result<Receipt, EngineError> {
        let reinstated = organisation::HandlerReinstated { handler, on: envelope.on() };
        let command = organisation::Command::ReinstateHandler(reinstated);
        self.organisation(envelope, organisation, command).await
    }

    async fn organisation(
        &self,
        envelope: &Envelope,
        organisation: &OrganisationId,
        command: organisation::Command,
    ) -> Result<Receipt, EngineError> {
        let stream = streams::organisation(organisation);
        self.run(envelope, &Single::<Organisation> { stream, command }).await
    }
}
