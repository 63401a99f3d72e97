//! A small Beijing: one office, district, township and unit with certified handlers, two plans.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use huzhu_domain::approval_policy::{Published, Rule};
use huzhu_domain::batch::{AnswerLine, Outcome};
use huzhu_domain::claim::Claim;
use huzhu_domain::claim::facts::{Bill, Facts, Incident, IncidentKind, Stay};
use huzhu_domain::cover::Cover;
use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{ClaimId, CommandId, CoverId, MemberId, PayoutId, RosterId};
use huzhu_domain::member::{MemberClass, Person};
use huzhu_domain::money::Money;
use huzhu_domain::organisation::Name;
use huzhu_domain::payout::Payout;
use huzhu_domain::plan::{PlanVersion, catalogue};
use huzhu_domain::step::{Duty, Level, Step};
use huzhu_domain::term::Term;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::engine::{
    Engine, EngineError, Envelope, FileClaim, GrantCover, Limits, OpenRoster, PassStep, Receipt,
    RegisterHandler, RegisterMember, RegisterOrganisation, RosterLine, digest, streams,
};
use crate::memory::MemoryStore;
use crate::port::{
    Append, AppendError, Appended, Direction, EventStore, Position, Recorded, Revision, StoreError,
    StoreId, StreamName,
};

/// A log that dies after so many appends, in the middle of a list if need be.
#[derive(Clone)]
pub(super) struct Mortal {
    log: Arc<dyn EventStore>,
    appends_left: Arc<AtomicI64>,
}

impl Mortal {
    fn over(log: Arc<dyn EventStore>) -> Self {
        Self { log, appends_left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    pub(super) fn dies_after(&self, appends: i64) {
        self.appends_left.store(appends, Ordering::SeqCst);
    }

    pub(super) fn lives(&self) {
        self.dies_after(i64::MAX);
    }
}

#[async_trait]
impl EventStore for Mortal {
    fn id(&self) -> StoreId {
        self.log.id()
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        if self.appends_left.load(Ordering::SeqCst) == i64::MAX {
            return self.log.append(appends).await;
        }
        let mut done = Vec::new();
        for (index, append) in appends.into_iter().enumerate() {
            if self.appends_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                return Err(StoreError::Unavailable { why: "power cut".to_owned() }.into());
            }
            match self.log.append(vec![append]).await {
                Ok(appended) => done.extend(appended),
                Err(AppendError::Conflict { stream, expected, actual, .. }) => {
                    let appended = done;
                    return Err(AppendError::Conflict {
                        index,
                        stream,
                        expected,
                        actual,
                        appended,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.log.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.log.read_all(bound, direction, limit).await
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.log.head().await
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        self.log.grown(bound).await
    }
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) store: Mortal,
    commands: AtomicU64,
}

static PLANS: LazyLock<Vec<Arc<PlanVersion>>> = LazyLock::new(|| {
    let wanted = [
        "nuan-huzhu.2014-revised.json",
        "hospital-medical.2011.json",
        "hospital-allowance.2013-one-day.json",
        "female-disease.v6.json",
    ];
    let files = catalogue().iter().filter(|(name, _)| wanted.contains(name));
    files
        .map(|(_, json)| {
            let value = serde_json::from_str(json).unwrap();
            Arc::new(PlanVersion::parse(value).unwrap())
        })
        .collect()
});

/// An organisation, what stands above it, and who acts for it.
type Setting<'a> = (&'a str, Level, Option<&'a str>, &'a [(&'a str, &'a [Duty])]);

pub(super) const DAY: Date = date(2014, 12, 1);

pub(super) fn at() -> Timestamp {
    "2014-12-01T02:00:00Z".parse().unwrap()
}

pub(super) fn yuan(amount: &str) -> Money {
    amount.parse().unwrap()
}

impl World {
    pub(super) async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new(Uuid::from_u128(1), at))).await
    }

    pub(super) async fn over(log: Arc<dyn EventStore>) -> Self {
        let store = Mortal::over(log);
        let engine = Engine::open(Arc::new(store.clone()), Limits::default()).await.unwrap();
        let world = Self { engine, store, commands: AtomicU64::new(1) };
        world.register_organisations().await;
        for terms in PLANS.iter() {
            world.engine.publish_plan(&world.operator(), Arc::clone(terms)).await.unwrap();
        }
        let rule = |up_to: Option<&str>, steps: &[Step]| Rule {
            plan: None,
            up_to: up_to.map(yuan),
            steps: steps.to_vec(),
        };
        let policy = Published {
            deadlines: Default::default(),
            label: "2014".parse().unwrap(),
            from: date(2010, 1, 1),
            rules: vec![
                rule(Some("500"), &[Step::FirstReview, Step::Finance]),
                rule(None, &Step::ALL),
            ],
        };
        world.engine.publish_approval_policy(&world.operator(), policy).await.unwrap();
        world
    }

    async fn register_organisations(&self) {
        let organisations: [Setting<'_>; 4] = [
            (
                "office",
                Level::Office,
                None,
                &[
                    ("first", &[Duty::FirstReview]),
                    ("second", &[Duty::SecondReview]),
                    ("finance", &[Duty::Finance]),
                ],
            ),
            ("miyun", Level::District, Some("office"), &[("district", &[Duty::DistrictCheck])]),
            ("gulou", Level::Township, Some("miyun"), &[("township", &[Duty::TownshipCheck])]),
            (
                "works",
                Level::Unit,
                Some("gulou"),
                &[("clerk", &[Duty::File]), ("unit", &[Duty::Endorse])],
            ),
        ];
        for (id, level, parent, handlers) in organisations {
            let command = RegisterOrganisation {
                id: id.parse().unwrap(),
                level,
                name: Name { zh: id.to_owned(), en: None },
                parent: parent.map(|parent| parent.parse().unwrap()),
                credit_code: None,
                has_union: true,
                workers: 40,
            };
            self.engine.register_organisation(&self.early(), command).await.unwrap();
            for (handler, duties) in handlers {
                self.register_handler(id, handler, duties).await.unwrap();
                self.certify(id, handler).await;
            }
        }
    }

    pub(super) async fn register_handler(
        &self,
        organisation: &str,
        handler: &str,
        duties: &[Duty],
    ) -> Result<Receipt, EngineError> {
        let command = RegisterHandler {
            organisation: organisation.parse().unwrap(),
            handler: handler.parse().unwrap(),
            member: None,
            duties: duties.iter().copied().collect(),
        };
        self.engine.register_handler(&self.early(), command).await
    }

    pub(super) async fn certify(&self, organisation: &str, handler: &str) {
        let period = Term::new(date(2014, 1, 1), date(2015, 12, 31)).unwrap();
        let (organisation, handler) = (organisation.parse().unwrap(), handler.parse().unwrap());
        let certificate = "C-1".to_owned();
        self.engine
            .certify_handler(&self.early(), &organisation, handler, certificate, period)
            .await
            .unwrap();
    }

    /// Another engine over the same log, which remembers nothing: the program after a crash.
    pub(super) async fn restart(&mut self) {
        self.store.lives();
        let store = Arc::new(self.store.clone());
        self.engine = Engine::open(store, Limits::default()).await.unwrap();
    }

    pub(super) fn ask(&self, who: &str, role: Role, organisation: Option<&str>) -> Envelope {
        let number = self.commands.fetch_add(1, Ordering::SeqCst);
        let command = CommandId::new(Uuid::from_u128(u128::from(number)));
        Envelope {
            command,
            content: digest(number.to_string().as_bytes()),
            expected: None,
            actor: Actor {
                subject: who.parse().unwrap(),
                role,
                organisation: organisation.map(|id| id.parse().unwrap()),
            },
            at: at(),
            correlation: command.uuid(),
            causation: None,
        }
    }

    pub(super) fn operator(&self) -> Envelope {
        self.ask("operator", Role::Operator, None)
    }

    /// An operator who acts early in the year, so that what is set up holds later.
    fn early(&self) -> Envelope {
        Envelope { at: "2014-01-01T02:00:00Z".parse().unwrap(), ..self.operator() }
    }

    pub(super) fn clerk(&self) -> Envelope {
        self.ask("clerk", Role::Handler, Some("works"))
    }

    pub(super) fn finance(&self) -> Envelope {
        self.ask("finance", Role::Handler, Some("office"))
    }

    /// Who takes a step.
    pub(super) fn decider(&self, step: Step) -> Envelope {
        let (who, organisation) = match step {
            Step::UnitEndorsement => ("unit", "works"),
            Step::TownshipCheck => ("township", "gulou"),
            Step::DistrictCheck => ("district", "miyun"),
            Step::FirstReview => ("first", "office"),
            Step::SecondReview => ("second", "office"),
            Step::Finance => ("finance", "office"),
        };
        self.ask(who, Role::Handler, Some(organisation))
    }

    pub(super) async fn member(&self) -> MemberId {
        self.members(1).await.remove(0)
    }

    pub(super) async fn members(&self, count: usize) -> Vec<MemberId> {
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let envelope = self.early();
            let number = self.commands.fetch_add(1, Ordering::SeqCst);
            let command = register_member(number);
            self.engine.register_member(&envelope, command).await.unwrap();
            members.push(MemberId::of(envelope.command));
        }
        members
    }

    /// A cover of the free plan for 2014.
    pub(super) async fn free_cover(&self, member: MemberId) -> CoverId {
        let plan = "nuan-huzhu".parse().unwrap();
        let start = date(2014, 1, 1);
        let cover = CoverId::of(&plan, member, start);
        self.engine
            .grant_cover(&self.operator(), GrantCover { plan, member, start })
            .await
            .unwrap();
        cover
    }

    /// An open roster with these members, its contributions paid.
    pub(super) async fn roster(&self, plan: &str, members: &[MemberId], start: Date) -> RosterId {
        let envelope = self.clerk();
        let roster = RosterId::of(envelope.command);
        let command = OpenRoster {
            plan: plan.parse().unwrap(),
            version: None,
            unit: "works".parse().unwrap(),
            start,
        };
        self.engine.open_roster(&envelope, command).await.unwrap();
        let lines: Vec<_> = members.iter().copied().zip(1..).map(line).collect();
        for lines in lines.chunks(500) {
            let lines = lines.to_vec();
            let added = self.engine.add_roster_lines(&self.clerk(), roster, lines).await.unwrap();
            assert_eq!(added.refused, []);
        }
        let loaded = self
            .engine
            .load::<huzhu_domain::roster::Roster>(streams::roster(roster))
            .await
            .unwrap();
        let due = loaded.state.list().unwrap().due().unwrap();
        let reference = "bank-1".to_owned();
        self.engine.record_contribution(&self.clerk(), roster, due, reference, DAY).await.unwrap();
        roster
    }

    pub(super) async fn file(&self, cover: CoverId, facts: Facts) -> ClaimId {
        let envelope = self.clerk();
        self.engine.file_claim(&envelope, filing(cover, facts)).await.unwrap();
        ClaimId::of(envelope.command)
    }

    /// Takes the claim through all its steps but the last.
    pub(super) async fn review(&self, claim: ClaimId) {
        while let Some(step) = self.next(claim).await.filter(|step| *step != Step::Finance) {
            self.engine.pass_step(&self.decider(step), pass(claim)).await.unwrap();
        }
    }

    pub(super) async fn approve(&self, claim: ClaimId) -> Result<Receipt, EngineError> {
        self.review(claim).await;
        self.engine.pass_step(&self.finance(), pass(claim)).await
    }

    /// Takes the claim to the money on the card.
    pub(super) async fn settle(&self, claim: ClaimId) {
        let payout = PayoutId::of(claim);
        let batch = self.finance();
        self.engine.create_batch(&batch, vec![payout]).await.unwrap();
        let batch = huzhu_domain::id::BatchId::of(batch.command);
        let lines = vec![settled(payout)];
        self.engine.record_bank_answer(&self.finance(), batch, lines, DAY).await.unwrap();
    }

    async fn next(&self, claim: ClaimId) -> Option<Step> {
        let claim = self.claim(claim).await;
        claim.in_review().ok().and_then(huzhu_domain::claim::Review::next)
    }

    pub(super) async fn claim(&self, claim: ClaimId) -> Claim {
        self.engine.load::<Claim>(streams::claim(claim)).await.unwrap().state.clone()
    }

    pub(super) async fn cover(&self, cover: CoverId) -> Cover {
        self.engine.load::<Cover>(streams::cover(cover)).await.unwrap().state.clone()
    }

    pub(super) async fn payout(&self, claim: ClaimId) -> Payout {
        let stream = streams::payout(PayoutId::of(claim));
        self.engine.load::<Payout>(stream).await.unwrap().state.clone()
    }

    /// What the log holds: the names of the events of each stream.
    pub(super) async fn story(&self) -> BTreeMap<StreamName, Vec<String>> {
        let mut story: BTreeMap<StreamName, Vec<String>> = BTreeMap::new();
        let events = self.store.read_all(None, Direction::Forwards, 10_000).await.unwrap();
        for event in events {
            story.entry(event.stream).or_default().push(event.name.to_string());
        }
        story
    }

    pub(super) async fn events(&self) -> usize {
        self.story().await.values().map(Vec::len).sum()
    }
}

pub(super) fn register_member(number: u64) -> RegisterMember {
    let resident_id = resident_id(number).parse().unwrap();
    RegisterMember {
        person: Person {
            name: "某某".to_owned(),
            resident_id,
            card: Some("6221630000000004".parse().unwrap()),
            phone: None,
        },
        resident_key: format!("{number:064x}").parse().unwrap(),
        unit: "works".parse().unwrap(),
        class: MemberClass::Ordinary,
        insured: true,
    }
}

/// A woman born in 1980.
fn resident_id(number: u64) -> String {
    let stem = format!("11022819800615{:02}2", number % 100);
    "10X98765432"
        .chars()
        .map(|check| format!("{stem}{check}"))
        .find(|id| id.parse::<huzhu_domain::id::checked::ResidentId>().is_ok())
        .unwrap()
}

pub(super) const fn line((member, number): (MemberId, u32)) -> RosterLine {
    RosterLine { number, member, units: 1, high_risk: false }
}

pub(super) fn filing(cover: CoverId, facts: Facts) -> FileClaim {
    FileClaim { cover, case: None, asks: Vec::new(), facts: Arc::new(facts) }
}

pub(super) fn pass(claim: ClaimId) -> PassStep {
    let (confirmed, note) = (Vec::new(), String::new());
    PassStep { claim, step: None, expected_amount: None, confirmed, note }
}

pub(super) fn settled(payout: PayoutId) -> AnswerLine {
    AnswerLine { payout, outcome: Outcome::Settled { reference: "B-1".to_owned() } }
}

/// One stay of so much self-payment, of ten days in 2014.
pub(super) fn stay(serial: &str, self_pay_one: &str) -> Facts {
    let mut facts = illness();
    facts.stays.push(Stay {
        serial: serial.parse().unwrap(),
        hospital_grade: 3,
        admitted: date(2014, 10, 1),
        discharged: date(2014, 10, 11),
        self_pay_one: yuan(self_pay_one),
        self_pay_one_above: Money::ZERO,
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
        special_disease: false,
        mental_illness: false,
        cause: None,
        joins: None,
    });
    facts
}

/// One outpatient receipt of so much self-payment below and above the insurance's ceiling.
pub(super) fn receipt(serial: &str, below: &str, above: &str) -> Facts {
    let mut facts = illness();
    facts.bills.push(Bill {
        serial: serial.parse().unwrap(),
        date: date(2014, 10, 1),
        self_pay_one: yuan(below),
        self_pay_one_above: yuan(above),
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
    });
    facts
}

fn illness() -> Facts {
    Facts {
        incident: Incident { kind: IncidentKind::Illness, date: date(2014, 10, 1) },
        applied_on: DAY,
        diagnoses: Vec::new(),
        bills: Vec::new(),
        stays: Vec::new(),
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: None,
        documents: Vec::new(),
    }
}

/// The stable reason of a refusal.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(answer: Result<T, EngineError>) -> String {
    match answer {
        Err(EngineError::Rejected(rejection)) => rejection.reason(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
