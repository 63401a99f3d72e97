//! Members: one person, one member.

use huzhu_domain::id::checked::{CardNumber, Phone};
use huzhu_domain::id::{MemberId, OrganisationId, ResidentKey};
use huzhu_domain::member::{self, Member, MemberClass, Person};
use huzhu_domain::reservation::{self, Reservation};
use jiff::civil::Date;

use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::{Engine, EngineError, Envelope, Receipt, authority, streams};
use crate::port::StreamName;

/// Takes a person in as a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterMember {
    /// Who it is: personal data.
    pub person: Person,
    /// The keyed hash of the resident id.
    pub resident_key: ResidentKey,
    /// Where the member works.
    pub unit: OrganisationId,
    /// Which terms of a plan apply.
    pub class: MemberClass,
    /// Whether the member is in Beijing's basic medical insurance.
    pub insured: bool,
}

impl Flow for RegisterMember {
    fn target(&self, envelope: &Envelope) -> StreamName {
        streams::member(MemberId::of(envelope.command))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let id = MemberId::of(draft.envelope().command);
        // Looked for even though it is most likely new: a used command id must not take the person.
        let member = draft.load::<Member>(streams::member(id)).await?;
        draft.meet(&member)?;
        authority::is_unit(draft, &self.unit).await?;
        authority::for_unit(draft, &self.unit).await?;
        let registered = Box::new(member::Registered {
            member: id,
            person: self.person.clone(),
            resident_key: self.resident_key.clone(),
            sex: self.person.resident_id.sex(),
            born: self.person.resident_id.born(),
            unit: self.unit.clone(),
            class: self.class,
            insured: self.insured,
            on: draft.envelope().on(),
        });
        // Decided before anything is reserved: a refusal must not leave the person taken.
        draft.check(&member, member::Command::Register(registered.clone()))?;
        let place = draft.load_new::<Reservation>(streams::resident(&self.resident_key)).await?;
        let reserve = reservation::Command::Reserve { holder: id.to_string(), over: None };
        if let Err(reservation::Rejection::HeldBy { holder }) = draft.check(&place, reserve.clone())
        {
            // A name that no member id has stands for itself.
            let member = holder.parse().unwrap_or(id);
            return Err(member::Rejection::MemberAlreadyRegistered { member }.into());
        }
        draft.decide(&place, reserve)?;
        draft.decide(&member, member::Command::Register(registered))?;
        Ok(())
    }
}

/// A member moves to another unit.
struct TransferMember {
    member: MemberId,
    to: OrganisationId,
}

impl Flow for TransferMember {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::member(self.member)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let member = draft.load::<Member>(streams::member(self.member)).await?;
        draft.meet(&member)?;
        authority::is_unit(draft, &self.to).await?;
        // The unit that gives a member up says so; the other cannot take one.
        authority::for_unit(draft, &member.state.registered()?.unit).await?;
        let (to, on) = (self.to.clone(), draft.envelope().on());
        draft.decide(&member, member::Command::Transfer { to, on })?;
        Ok(())
    }
}

/// Something of a member changes; whoever handles for the unit says so.
struct ChangeMember {
    member: MemberId,
    command: member::Command,
}

impl Flow for ChangeMember {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::member(self.member)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let member = draft.load::<Member>(streams::member(self.member)).await?;
        draft.meet(&member)?;
        authority::for_unit(draft, &member.state.registered()?.unit).await?;
        draft.decide(&member, self.command.clone())?;
        Ok(())
    }
}

impl Engine {
    /// Takes a person in as a member.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn register_member(
        &self,
        envelope: &Envelope,
        command: RegisterMember,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Puts a member's name, card or phone right.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn correct_member(
        &self,
        envelope: &Envelope,
        member: MemberId,
        name: Option<String>,
        card: Option<CardNumber>,
        phone: Option<Phone>,
    ) -> Result<Receipt, EngineError> {
        let on = envelope.on();
        self.member(envelope, member, member::Command::CorrectPerson { name, card, phone, on })
            .await
    }

    /// Changes a member's class.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn classify_member(
        &self,
        envelope: &Envelope,
        member: MemberId,
        class: MemberClass,
    ) -> Result<Receipt, EngineError> {
        let on = envelope.on();
        self.member(envelope, member, member::Command::Classify { class, on }).await
    }

    /// Moves a member to another unit.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn transfer_member(
        &self,
        envelope: &Envelope,
        member: MemberId,
        to: OrganisationId,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &TransferMember { member, to }).await
    }

    /// Records that a member leaves service on `on`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn retire_member(
        &self,
        envelope: &Envelope,
        member: MemberId,
        on: Date,
    ) -> Result<Receipt, EngineError> {
        self.member(envelope, member, member::Command::Retire { on }).await
    }

    /// Records that a member died on `on`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn record_death(
        &self,
        envelope: &Envelope,
        member: MemberId,
        on: Date,
    ) -> Result<Receipt, EngineError> {
        self.member(envelope, member, member::Command::RecordDeath { on }).await
    }

    async fn member(
        &self,
        envelope: &Envelope,
        member: MemberId,
        command: member::Command,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &ChangeMember { member, command }).await
    }
}
