//! Members, where they work, and, in one table apart, who they are.

use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::checked::{CardNumber, Phone, ResidentId, Sex};
use huzhu_domain::id::{MemberId, OrganisationId, ResidentKey};
use huzhu_domain::member::{Event, MemberClass, PersonCorrected, Registered, Transferred};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::projection::{Arrived, Projection, Stop, down, follows, id_of, known, up};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::{Column, Kind, Value, words};

/// Whether a member works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// In service (在职).
    InService,
    /// Left service for good (退休).
    Retired,
    /// 身故
    Died,
}

words!(MemberState);

record! {
    /// A member (职工), without anything that says who it is.
    Member = "members";
    key {
        /// The member's id.
        member: MemberId,
    }
    columns {
        /// Where the member works, or worked last.
        unit: OrganisationId,
        /// in_service, retired or died.
        state: MemberState,
        /// ordinary, model_worker or hardship.
        class: MemberClass,
        /// female or male.
        sex: Sex,
        /// Whether the member is in Beijing's basic medical insurance.
        insured: bool,
        /// When the member was registered.
        registered_on: Date,
        /// The first day out of service.
        retired_on: Option<Date>,
        /// The day of death.
        died_on: Option<Date>,
        /// The revision of the member's stream that the row reflects.
        revision: u64,
    }
    index { "unit, member" }
}

record! {
    /// Who a member is in life: personal data, here and in no other table.
    MemberPerson = "member_persons";
    key {
        /// The member's id.
        member: MemberId,
    }
    columns {
        /// The name (姓名).
        name: String as personal,
        /// The resident id (居民身份证号码).
        resident_id: ResidentId as personal,
        /// The card (京卡).
        card: Option<CardNumber> as personal,
        /// The telephone number (电话).
        phone: Option<Phone> as personal,
        /// The birth date (出生日期).
        born: Date as personal,
        /// The keyed hash of the resident id.
        resident_key: ResidentKey as personal,
    }
    index { "resident_key" }
}

record! {
    /// How many members a unit has.
    UnitMembers = "unit_members";
    key {
        /// The unit.
        unit: OrganisationId,
    }
    columns {
        /// How many of its members are in service.
        in_service: u32,
        /// How many members were registered there or came from another unit.
        ever: u32,
    }
}

/// Keeps members.
#[derive(Default)]
pub struct Members {
    members: Rows<Member>,
    persons: Rows<MemberPerson>,
    units: Rows<UnitMembers>,
}

impl Projection for Members {
    fn name(&self) -> &'static str {
        "members"
    }

    fn version(&self) -> u32 {
        2
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "member"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let key = (id_of::<MemberId>(&event.stream)?,);
        let body = Event::decode(&event.name, event.version, &event.data)?;
        if let Event::Registered(registered) = body {
            return self.registered(*registered, event, source);
        }
        let row = known(self.members.edit(&key, source)?, "the member")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            Event::Registered(_) => Ok(()),
            Event::PersonCorrected(body) => self.corrected(&key, *body, source),
            Event::Classified(body) => {
                row.class = body.class;
                Ok(())
            }
            Event::Transferred(body) => {
                row.unit = body.to.clone();
                self.transferred(&body, source)
            }
            Event::Retired(body) => {
                row.state = MemberState::Retired;
                row.retired_on = Some(body.on);
                let unit = row.unit.clone();
                self.left(unit, source)
            }
            Event::Died(body) => {
                let worked = row.state == MemberState::InService;
                row.state = MemberState::Died;
                row.died_on = Some(body.on);
                let unit = row.unit.clone();
                if worked { self.left(unit, source) } else { Ok(()) }
            }
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![&mut self.members, &mut self.persons, &mut self.units]
    }
}

impl Members {
    fn registered(
        &mut self,
        body: Registered,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let revision = follows(None, event)?;
        self.persons.create(MemberPerson {
            member: body.member,
            name: body.person.name,
            resident_id: body.person.resident_id,
            card: body.person.card,
            phone: body.person.phone,
            born: body.born,
            resident_key: body.resident_key,
        })?;
        self.members.create(Member {
            member: body.member,
            unit: body.unit.clone(),
            state: MemberState::InService,
            class: body.class,
            sex: body.sex,
            insured: body.insured,
            registered_on: body.on,
            retired_on: None,
            died_on: None,
            revision,
        })?;
        self.came(body.unit, source)
    }

    fn corrected(
        &mut self,
        key: &(MemberId,),
        body: PersonCorrected,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.persons.edit(key, source)?, "the member's person")?;
        row.name = body.person.name;
        row.resident_id = body.person.resident_id;
        row.card = body.person.card;
        row.phone = body.person.phone;
        Ok(())
    }

    fn transferred(&mut self, body: &Transferred, source: &mut dyn Source) -> Result<(), Stop> {
        self.left(body.from.clone(), source)?;
        self.came(body.to.clone(), source)
    }

    fn came(&mut self, unit: OrganisationId, source: &mut dyn Source) -> Result<(), Stop> {
        let key = (unit,);
        let none = || UnitMembers { unit: key.0.clone(), in_service: 0, ever: 0 };
        let row = self.units.edit_or(&key, source, none)?;
        up(&mut row.in_service, "the members of a unit")?;
        up(&mut row.ever, "the members of a unit")?;
        Ok(())
    }

    fn left(&mut self, unit: OrganisationId, source: &mut dyn Source) -> Result<(), Stop> {
        let row = known(self.units.edit(&(unit,), source)?, "the member's unit")?;
        down(&mut row.in_service, "the members of a unit")?;
        Ok(())
    }
}
