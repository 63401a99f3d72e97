//! Members: numbered, since nobody is invented, with ids and cards that hold their checks.

use huzhu_domain::id::ResidentKey;
use huzhu_domain::id::checked::{CardNumber, Phone, ResidentId};
use huzhu_domain::member::{MemberClass, Person};
use huzhu_store::engine::RegisterMember;
use jiff::civil::{Date, date};

use super::setting::SET_UP;
use super::{Run, SimulateError, Unit, days_after, made, morning, operator};

/// The first birthday, and how many days the birthdays are spread over: nobody is too old for a
/// plan before a simulation ends.
const BORN_FROM: Date = date(1972, 1, 1);
const BORN_DAYS: u64 = 8_030;

impl Run {
    /// Registers every member of every unit.
    pub(super) async fn register_members(&self) -> Result<(), SimulateError> {
        let members = self
            .setting
            .units()
            .iter()
            .flat_map(|unit| unit.members.clone().map(move |number| (unit, number)));
        self.each(members, |(unit, number)| self.register_member(unit, number)).await?;
        Ok(())
    }

    async fn register_member(&self, unit: &Unit, number: u32) -> Result<(), SimulateError> {
        let mut random = self.random("member", u64::from(number));
        let resident_id = resident_id(number, self.is_woman(number))?;
        let class = match random.between(0, 99) {
            0..=1 => MemberClass::ModelWorker,
            2..=3 => MemberClass::Hardship,
            _ => MemberClass::Ordinary,
        };
        let phone: Phone =
            made("phone", format!("138{:08}", random.between(0, 99_999_999)).parse())?;
        let command = RegisterMember {
            resident_key: self.resident_key(&resident_id)?,
            person: Person {
                name: format!("职工{number:07}"),
                resident_id,
                card: Some(card(number)?),
                phone: Some(phone),
            },
            unit: unit.id.clone(),
            class,
            insured: unit.is_small() || !random.chance(20),
        };
        let envelope = self.ask(&format!("member {number}"), operator()?, morning(SET_UP)?);
        let answer = self.engine.register_member(&envelope, command).await;
        self.count("members registered", answer)?;
        Ok(())
    }

    fn resident_key(&self, id: &ResidentId) -> Result<ResidentKey, SimulateError> {
        let missing = || SimulateError::Made { what: "resident key", why: "no hash".to_owned() };
        self.residents.hash(id).ok_or_else(missing)
    }

    pub(super) fn is_woman(&self, number: u32) -> bool {
        self.random("woman", u64::from(number)).chance(450)
    }
}

/// An id of its own for each number: birthday, district and order of registration together.
fn resident_id(number: u32, woman: bool) -> Result<ResidentId, SimulateError> {
    // 2741 shares no factor with the days, so that each day comes once in a round.
    let number = u64::from(number);
    let days = number.saturating_mul(2_741) % BORN_DAYS;
    let born = days_after(BORN_FROM, u32::try_from(days).unwrap_or(0))?;
    let round = number / BORN_DAYS;
    let region = 110_101_u64.saturating_add(round % 16);
    let order = (round / 16) % 100;
    let sex = if woman { 2 } else { 1 };
    let (year, month, day) = (born.year(), born.month(), born.day());
    let stem = format!("{region}{year:04}{month:02}{day:02}{order:02}{sex}");
    with_check("resident id", &stem, "0123456789X")
}

/// A card of the made-up bank, one for each number.
fn card(number: u32) -> Result<CardNumber, SimulateError> {
    with_check("card", &format!("622163{number:09}"), "0123456789")
}

/// `stem` and the character that makes its check hold.
fn with_check<T: std::str::FromStr>(
    what: &'static str,
    stem: &str,
    checks: &str,
) -> Result<T, SimulateError> {
    checked(stem, checks)
        .ok_or_else(|| SimulateError::Made { what, why: "no check character holds".to_owned() })
}

/// `stem` and the one of `checks` that makes it hold, if one does.
pub(crate) fn checked<T: std::str::FromStr>(stem: &str, checks: &str) -> Option<T> {
    checks.chars().find_map(|check| format!("{stem}{check}").parse().ok())
}
