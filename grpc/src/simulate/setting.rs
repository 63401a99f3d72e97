//! Who there is: the office, its districts and townships, and units of all sizes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use huzhu_domain::approval_policy::{Deadlines, Published, Rule};
use huzhu_domain::id::{MemberId, OrganisationId};
use huzhu_domain::money::Money;
use huzhu_domain::organisation::Name;
use huzhu_domain::plan::{PlanVersion, catalogue};
use huzhu_domain::step::{Duty, Level, Step};
use huzhu_domain::term::Term;
use huzhu_store::engine::{RegisterHandler, RegisterOrganisation};
use jiff::civil::{Date, date};

use super::random::Random;
use super::{MEMBERS_MAX, MONTHS_MAX, Plan, Run, SimulateError, made, morning, operator, subject};

/// The day on which everything is set up.
pub(super) const SET_UP: Date = date(2013, 12, 2);
/// How many people of the office share each of its duties.
pub(super) const OFFICE_DESKS: u32 = 4;

/// The organisations of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    plan: Plan,
    pub(super) office: OrganisationId,
    districts: Vec<OrganisationId>,
    townships: Vec<(OrganisationId, OrganisationId)>,
    units: Vec<Unit>,
}

/// A unit and the members who work there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The unit.
    pub id: OrganisationId,
    /// The township above it; some units stand right below their district.
    pub township: Option<OrganisationId>,
    /// The district above it.
    pub district: OrganisationId,
    /// How many workers it has, members or not.
    pub workers: u32,
    /// The numbers of its members.
    pub members: Range<u32>,
}

impl Unit {
    /// Who files and enrols for the unit.
    #[must_use]
    pub fn clerk(&self) -> String {
        format!("{}.file", self.id)
    }

    /// Who endorses the unit's claims.
    #[must_use]
    pub fn endorser(&self) -> String {
        format!("{}.endorse", self.id)
    }

    /// Too few to leave anybody out.
    pub(super) fn is_small(&self) -> bool {
        self.members.len() < 100
    }
}

impl Setting {
    /// The organisations of `plan`.
    ///
    /// # Errors
    ///
    /// [`SimulateError::Limit`].
    pub fn of(plan: &Plan) -> Result<Self, SimulateError> {
        let limit = |what, given, min, max| {
            let refused = SimulateError::Limit { what, min, max, given };
            if (min..=max).contains(&given) { Ok(()) } else { Err(refused) }
        };
        limit("members", plan.members, 1, MEMBERS_MAX)?;
        limit("months", plan.months, 0, MONTHS_MAX)?;
        let mut random = Random::of(plan.seed, "organisations", 0);
        let district_count = (plan.members / 1_000).clamp(1, 16);
        let districts: Vec<OrganisationId> = (1..=district_count)
            .map(|number| named("district", number))
            .collect::<Result<_, _>>()?;
        let mut townships = Vec::new();
        for (district, number) in districts.iter().zip(0_u32..) {
            for place in 1..=3 {
                let number = number.saturating_mul(3).saturating_add(place);
                townships.push((named("township", number)?, district.clone()));
            }
        }
        let mut units = Vec::new();
        let mut first = 0;
        while first < plan.members {
            let size = unit_size(&mut random).min(plan.members.saturating_sub(first));
            let number = u32::try_from(units.len()).unwrap_or(u32::MAX).saturating_add(1);
            let Some((township, district)) = random.pick(&townships).cloned() else { break };
            let others = if size < 30 { 0 } else { size / 8 };
            units.push(Unit {
                id: named("unit", number)?,
                township: (!random.chance(150)).then_some(township),
                district,
                workers: size.saturating_add(others),
                members: first..first.saturating_add(size),
            });
            first = first.saturating_add(size);
        }
        let office = made("id", "office".parse())?;
        Ok(Self { plan: *plan, office, districts, townships, units })
    }

    /// The units, by number.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The id of the member of that number.
    #[must_use]
    pub fn member(&self, number: u32) -> MemberId {
        MemberId::of(self.plan.command(&format!("member {number}")))
    }

    /// The unit of the member of that number.
    #[must_use]
    pub fn unit_of(&self, number: u32) -> Option<&Unit> {
        let place = self.units.partition_point(|unit| unit.members.end <= number);
        self.units.get(place)
    }

    /// Who takes a step on a claim of `unit`; the people of the office take turns.
    #[must_use]
    pub fn decider(&self, unit: &Unit, step: Step, turn: u32) -> (String, OrganisationId) {
        let desk = turn.checked_rem(OFFICE_DESKS).unwrap_or(0).saturating_add(1);
        let at_office = |duty: &str| (format!("office.{duty}-{desk}"), self.office.clone());
        match step {
            Step::UnitEndorsement => (unit.endorser(), unit.id.clone()),
            Step::TownshipCheck => {
                let township = unit.township.as_ref().unwrap_or(&unit.district);
                (format!("{township}.check"), township.clone())
            }
            Step::DistrictCheck => (format!("{}.check", unit.district), unit.district.clone()),
            Step::FirstReview => at_office("first"),
            Step::SecondReview => at_office("second"),
            Step::Finance => at_office("finance"),
        }
    }
}

/// Most units are small, most people work in large ones.
fn unit_size(random: &mut Random) -> u32 {
    match random.between(0, 99) {
        0..=49 => random.between(5, 29),
        50..=84 => random.between(30, 200),
        _ => random.between(200, 1_500),
    }
}

fn named(what: &str, number: u32) -> Result<OrganisationId, SimulateError> {
    made("id", format!("{what}-{number}").parse())
}

/// An organisation that is to be registered, and who acts for it.
struct New {
    id: OrganisationId,
    level: Level,
    name: String,
    parent: Option<OrganisationId>,
    workers: u32,
    handlers: Vec<(String, Duty)>,
}

impl Run {
    /// Registers the organisations and publishes plans and policy.
    pub(super) async fn set_up(&self) -> Result<(), SimulateError> {
        self.publish().await?;
        let Setting { office, districts, townships, units, .. } = &self.setting;
        let desks = |number| {
            [
                ("first", Duty::FirstReview),
                ("second", Duty::SecondReview),
                ("finance", Duty::Finance),
            ]
            .map(|(name, duty)| (format!("office.{name}-{number}"), duty))
        };
        let handlers = (1..=OFFICE_DESKS).flat_map(desks).collect();
        let (id, name) = (office.clone(), "办事处".to_owned());
        self.register(New { id, level: Level::Office, name, parent: None, workers: 60, handlers })
            .await?;
        self.each(districts.iter().zip(1..), |(id, number)| {
            self.register(New {
                id: id.clone(),
                level: Level::District,
                name: format!("第{number}区总工会"),
                parent: Some(office.clone()),
                workers: 30,
                handlers: vec![(format!("{id}.check"), Duty::DistrictCheck)],
            })
        })
        .await?;
        self.each(townships.iter().zip(1..), |((id, district), number)| {
            self.register(New {
                id: id.clone(),
                level: Level::Township,
                name: format!("第{number}街道工会"),
                parent: Some(district.clone()),
                workers: 12,
                handlers: vec![(format!("{id}.check"), Duty::TownshipCheck)],
            })
        })
        .await?;
        self.each(units.iter().zip(1..), |(unit, number)| {
            self.register(New {
                id: unit.id.clone(),
                level: Level::Unit,
                name: format!("第{number}单位工会"),
                parent: unit.township.clone().or_else(|| Some(unit.district.clone())),
                workers: unit.workers,
                handlers: vec![(unit.clerk(), Duty::File), (unit.endorser(), Duty::Endorse)],
            })
        })
        .await?;
        Ok(())
    }

    async fn publish(&self) -> Result<(), SimulateError> {
        let at = morning(SET_UP)?;
        for (file, json) in catalogue() {
            let value = made("plan", serde_json::from_str(json))?;
            let terms = PlanVersion::parse(value).map_err(|why| SimulateError::Made {
                what: "plan",
                why: format!("{file}: {why:?}"),
            })?;
            let envelope = self.ask(&format!("publish {file}"), operator()?, at);
            let answer = self.engine.publish_plan(&envelope, Arc::new(terms)).await;
            self.count("plan versions published", answer)?;
        }
        let envelope = self.ask("publish policy", operator()?, at);
        let answer = self.engine.publish_approval_policy(&envelope, policy()?).await;
        self.count("approval policies published", answer)?;
        Ok(())
    }

    async fn register(&self, new: New) -> Result<(), SimulateError> {
        let at = morning(SET_UP)?;
        let New { id, level, name, parent, workers, handlers } = new;
        let envelope = self.ask(&format!("register {id}"), operator()?, at);
        let name = Name { zh: name, en: None };
        let command = RegisterOrganisation {
            id: id.clone(),
            level,
            name,
            parent,
            credit_code: None,
            has_union: true,
            workers,
        };
        let answer = self.engine.register_organisation(&envelope, command).await;
        self.count("organisations registered", answer)?;
        for (handler, duty) in handlers {
            let command = RegisterHandler {
                organisation: id.clone(),
                handler: subject(&handler)?,
                member: None,
                duties: BTreeSet::from([duty]),
            };
            let envelope = self.ask(&format!("register {handler}"), operator()?, at);
            let answer = self.engine.register_handler(&envelope, command).await;
            self.count("handlers registered", answer)?;
            let envelope = self.ask(&format!("certify {handler}"), operator()?, at);
            let period = made("term", Term::new(date(2013, 1, 1), date(2023, 12, 31)))?;
            let certificate = format!("C-{handler}");
            let handler = subject(&handler)?;
            let answer =
                self.engine.certify_handler(&envelope, &id, handler, certificate, period).await;
            self.count("handlers certified", answer)?;
        }
        Ok(())
    }
}

/// Small claims pass fewer levels.
fn policy() -> Result<Published, SimulateError> {
    use Step::{Finance, FirstReview, TownshipCheck, UnitEndorsement};
    let up_to = |fen, steps: &[Step]| -> Result<Rule, SimulateError> {
        let amount = made("amount", Money::from_fen(fen))?;
        Ok(Rule { plan: None, up_to: Some(amount), steps: steps.to_vec() })
    };
    let rules = vec![
        up_to(50_000, &[UnitEndorsement, FirstReview, Finance])?,
        up_to(300_000, &[UnitEndorsement, TownshipCheck, FirstReview, Finance])?,
        Rule { plan: None, up_to: None, steps: Step::ALL.to_vec() },
    ];
    let deadlines = Deadlines {
        decide_within_days: Some(7),
        supplement_within_days: Some(30),
        pay_within_working_days: Some(10),
    };
    Ok(Published { label: made("label", "2013-12".parse())?, from: SET_UP, rules, deadlines })
}
