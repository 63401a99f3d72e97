//! Figures that the union told of itself in January 2015, each one query away from events of that
//! shape: 1,232 payments under the plan for women in two years, and 40 workers of one company who
//! were paid 47,800 in 2014, of whom 1,119 enrolled for 2015.
//!
//! The events are made by the engine itself. How a district grew to 34,306 members is asked beside
//! the fold that counts it, in `huzhu-projections`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use huzhu_domain::approval_policy::{Published, Rule};
use huzhu_domain::batch::{AnswerLine, Outcome};
use huzhu_domain::claim::facts::{
    Diagnosis, Document, DocumentKind, Facts, Incident, IncidentKind, Severity, Stay,
};
use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{
    BatchId, ClaimId, CommandId, CoverId, MemberId, PayoutId, RosterId, derive,
};
use huzhu_domain::member::{MemberClass, Person};
use huzhu_domain::money::Money;
use huzhu_domain::organisation::Name;
use huzhu_domain::plan::{PlanVersion, catalogue};
use huzhu_domain::roster::{LINES_MAX, Roster};
use huzhu_domain::step::{Duty, Level, Step};
use huzhu_domain::term::Term;
use huzhu_projections::feed::PortFeed;
use huzhu_projections::rebuild::build;
use huzhu_store::engine::{
    Engine, Envelope, FileClaim, Limits, OpenRoster, PassStep, RegisterHandler, RegisterMember,
    RegisterOrganisation, RosterLine, digest, streams,
};
use huzhu_store::memory::MemoryStore;
use huzhu_tests::people::numbered;
use huzhu_tests::story;
use huzhu_tests::wire::Sex;
use jiff::civil::{Date, date};
use jiff::{Span, Timestamp};
use uuid::Uuid;

const FOUNDED: Date = date(2005, 1, 5);

/// An office with one district, and the log that everything goes into.
struct Office {
    store: Arc<MemoryStore>,
    engine: Engine,
}

fn actor(subject: &str, role: Role, organisation: Option<&str>) -> Actor {
    let organisation = organisation.map(|id| id.parse().unwrap());
    Actor { subject: subject.parse().unwrap(), role, organisation }
}

fn operator() -> Actor {
    actor("operator", Role::Operator, None)
}

/// The command called `what`, at ten in the morning of a day.
fn ask(what: &str, actor: Actor, on: Date) -> Envelope {
    let command = CommandId::new(derive(&["article", what]));
    let at = format!("{on}T02:00:00Z").parse().unwrap();
    let (content, correlation) = (digest(what.as_bytes()), command.uuid());
    Envelope { command, content, expected: None, actor, at, correlation, causation: None }
}

impl Office {
    async fn open() -> Self {
        let clock = || Timestamp::constant(1_421_000_000, 0);
        let store = Arc::new(MemoryStore::new(Uuid::from_u128(18), clock));
        let engine = Engine::open(store.clone(), Limits::default()).await.unwrap();
        let office = Self { store, engine };
        for (file, json) in catalogue() {
            let terms = PlanVersion::parse(serde_json::from_str(json).unwrap()).unwrap();
            let asked = ask(file, operator(), FOUNDED);
            office.engine.publish_plan(&asked, Arc::new(terms)).await.unwrap();
        }
        let rules = vec![Rule { plan: None, up_to: None, steps: vec![Step::Finance] }];
        let policy = Published {
            label: "one-step".parse().unwrap(),
            from: FOUNDED,
            rules,
            deadlines: Default::default(),
        };
        let asked = ask("policy", operator(), FOUNDED);
        office.engine.publish_approval_policy(&asked, policy).await.unwrap();
        office.organisation("office", Level::Office, None, 30).await;
        office.organisation("shunyi", Level::District, Some("office"), 20).await;
        office.handler("office", "finance", Duty::Finance).await;
        office
    }

    async fn organisation(&self, id: &str, level: Level, parent: Option<&str>, workers: u32) {
        let command = RegisterOrganisation {
            id: id.parse().unwrap(),
            level,
            name: Name { zh: id.to_owned(), en: None },
            parent: parent.map(|id| id.parse().unwrap()),
            credit_code: None,
            has_union: true,
            workers,
        };
        let asked = ask(&format!("organisation {id}"), operator(), FOUNDED);
        self.engine.register_organisation(&asked, command).await.unwrap();
    }

    async fn handler(&self, organisation: &str, handler: &str, duty: Duty) {
        let (id, subject) = (organisation.parse().unwrap(), handler.parse().unwrap());
        let duties = BTreeSet::from([duty]);
        let command = RegisterHandler { organisation: id, handler: subject, member: None, duties };
        let asked = ask(&format!("handler {handler}"), operator(), FOUNDED);
        self.engine.register_handler(&asked, command).await.unwrap();
        let (id, subject) = (organisation.parse().unwrap(), handler.parse().unwrap());
        let period = Term::new(FOUNDED, date(2025, 12, 31)).unwrap();
        let asked = ask(&format!("certificate {handler}"), operator(), FOUNDED);
        let certificate = format!("证-{handler}");
        self.engine.certify_handler(&asked, &id, subject, certificate, period).await.unwrap();
    }

    /// A unit with its clerk and so many workers, every one of them a member.
    async fn unit(&self, id: &str, workers: u32) -> Vec<MemberId> {
        self.organisation(id, Level::Unit, Some("shunyi"), workers).await;
        self.handler(id, &format!("{id}-clerk"), Duty::File).await;
        let mut members = Vec::new();
        for number in 0..workers {
            let made = numbered("会员", Sex::Female, "1980-05-01", number);
            let made = Person {
                name: made.name,
                resident_id: made.resident_id.parse().unwrap(),
                card: Some(made.card.parse().unwrap()),
                phone: None,
            };
            let what = format!("member {id} {number}");
            let resident_key = digest(what.as_bytes()).parse().unwrap();
            let command = RegisterMember {
                person: made,
                resident_key,
                unit: id.parse().unwrap(),
                class: MemberClass::Ordinary,
                insured: true,
            };
            let asked = ask(&what, operator(), FOUNDED);
            self.engine.register_member(&asked, command).await.unwrap();
            members.push(MemberId::of(asked.command));
        }
        members
    }

    /// Enrols members of a unit in a plan for a term.
    async fn enrol(&self, unit: &str, plan: &str, start: Date, members: &[MemberId]) {
        let clerk = || actor(&format!("{unit}-clerk"), Role::Handler, Some(unit));
        let on = start.checked_sub(Span::new().days(10)).unwrap();
        let asked = |what: &str| ask(&format!("{what} {unit} {plan} {start}"), clerk(), on);
        let opened = asked("open");
        let roster = RosterId::of(opened.command);
        let (plan_code, unit_id) = (plan.parse().unwrap(), unit.parse().unwrap());
        let command = OpenRoster { plan: plan_code, version: None, unit: unit_id, start };
        self.engine.open_roster(&opened, command).await.unwrap();
        let lines: Vec<_> = (1..)
            .zip(members)
            .map(|(number, member)| RosterLine {
                number,
                member: *member,
                units: 1,
                high_risk: false,
            })
            .collect();
        for (lines, part) in lines.chunks(LINES_MAX).zip(0..) {
            let envelope = asked(&format!("lines {part}"));
            let added =
                self.engine.add_roster_lines(&envelope, roster, lines.to_vec()).await.unwrap();
            assert_eq!(added.refused, []);
        }
        let loaded = self.engine.load::<Roster>(streams::roster(roster)).await.unwrap();
        let due = loaded.state.list().unwrap().due().unwrap();
        let reference = format!("T-{unit}-{plan}-{start}");
        let contributed = asked("contribution");
        self.engine.record_contribution(&contributed, roster, due, reference, on).await.unwrap();
        self.engine.confirm_roster(&asked("confirm"), roster).await.unwrap();
    }

    /// Files a claim and approves it on the same day.
    async fn claim(&self, unit: &str, cover: CoverId, facts: Facts) -> PayoutId {
        let on = facts.applied_on;
        let clerk = actor(&format!("{unit}-clerk"), Role::Handler, Some(unit));
        let filed = ask(&format!("file {cover}"), clerk, on);
        let command = FileClaim { cover, case: None, asks: Vec::new(), facts: Arc::new(facts) };
        self.engine.file_claim(&filed, command).await.unwrap();
        let claim = ClaimId::of(filed.command);
        let finance = actor("finance", Role::Handler, Some("office"));
        let passed = ask(&format!("pass {cover}"), finance, on);
        let (step, expected_amount) = (None, None);
        let (confirmed, note) = (Vec::new(), String::new());
        let command = PassStep { claim, step, expected_amount, confirmed, note };
        self.engine.pass_step(&passed, command).await.unwrap();
        PayoutId::of(claim)
    }

    /// Pays what is due through bank files.
    async fn pay(&self, payouts: &[PayoutId], on: Date) {
        for (payouts, part) in payouts.chunks(1_000).zip(0..) {
            let finance = || actor("finance", Role::Handler, Some("office"));
            let opened = ask(&format!("batch {on} {part}"), finance(), on);
            self.engine.create_batch(&opened, payouts.to_vec()).await.unwrap();
            let lines = payouts.iter().zip(0..).map(|(payout, place)| AnswerLine {
                payout: *payout,
                outcome: Outcome::Settled { reference: format!("B-{part}-{place}") },
            });
            let batch = BatchId::of(opened.command);
            let answered = ask(&format!("answer {on} {part}"), finance(), on);
            let lines = lines.collect();
            self.engine.record_bank_answer(&answered, batch, lines, on).await.unwrap();
        }
    }

    /// The views of all this, and what a query answers, its values with `|` between them.
    fn views(&self, folder: &Path) -> impl Fn(&str) -> Vec<String> + use<> {
        let path = folder.join("views.db");
        let mut feed = PortFeed::new(self.store.clone());
        let now = Timestamp::UNIX_EPOCH;
        let built = std::thread::scope(|scope| {
            scope.spawn(|| build(&path, &mut feed, None, now, |_| ())).join().unwrap()
        });
        built.unwrap();
        let views = rusqlite::Connection::open(&path).unwrap();
        move |sql| {
            let mut statement = views.prepare(sql).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| {
                let value = |column| row.get::<_, rusqlite::types::Value>(column);
                (0..columns).map(value).collect::<Result<Vec<_>, _>>()
            });
            let written = |value| match value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other @ (rusqlite::types::Value::Null
                | rusqlite::types::Value::Real(_)
                | rusqlite::types::Value::Blob(_)) => panic!("{sql}: {other:?}"),
            };
            let row = |row: Vec<_>| row.into_iter().map(written).collect::<Vec<_>>().join("|");
            rows.unwrap().map(|values| row(values.unwrap())).collect()
        }
    }
}

fn cover(plan: &str, member: MemberId, start: Date) -> CoverId {
    CoverId::of(&plan.parse().unwrap(), member, start)
}

fn papers(kinds: &[DocumentKind]) -> Vec<Document> {
    let common = [DocumentKind::Application, DocumentKind::IdentityCopy, DocumentKind::CardCopy];
    let paper = |kind: &DocumentKind| Document {
        kind: *kind,
        name: format!("{kind:?}.pdf"),
        sha256: "5a".repeat(32).parse().unwrap(),
    };
    common.iter().chain(kinds).map(paper).collect()
}

/// An illness that began on a day and put the member in hospital for so many nights.
fn stay(serial: &str, begun: Date, nights: i64, self_pay_one: &str) -> Facts {
    let stay = Stay {
        serial: serial.parse().unwrap(),
        hospital_grade: 3,
        admitted: begun,
        discharged: begun.checked_add(Span::new().days(nights)).unwrap(),
        self_pay_one: self_pay_one.parse().unwrap(),
        self_pay_one_above: Money::ZERO,
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
        special_disease: false,
        mental_illness: false,
        cause: Some("K35.8".parse().unwrap()),
        joins: None,
    };
    Facts {
        incident: Incident { kind: IncidentKind::Illness, date: begun },
        applied_on: begun.checked_add(Span::new().days(nights + 20)).unwrap(),
        diagnoses: Vec::new(),
        bills: Vec::new(),
        stays: vec![stay],
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: Some(begun),
        documents: papers(&[
            DocumentKind::InpatientStatement,
            DocumentKind::HospitalRecordFirstPage,
            DocumentKind::PathologyReport,
        ]),
    }
}

/// A cancer of the breast, found on a day.
fn cancer(serial: &str, found: Date) -> Facts {
    let diagnosis = Diagnosis {
        code: "C50.9".parse().unwrap(),
        severity: Severity::Heavy,
        established_on: found,
        secondary: false,
        pre_existing: false,
        confirmed_by_review: false,
    };
    Facts { diagnoses: vec![diagnosis], ..stay(serial, found, 4, "9000.00") }
}

#[test]
fn the_1232_payments_of_two_years_are_one_query() {
    const PLAN: &str = "female-disease";
    let folder = tempfile::tempdir().unwrap();
    story(async {
        let office = Office::open().await;
        let women = office.unit("women", 1_200).await;
        // 632 are insured for 2012 and 2013, 600 for 2014 and 2015; 32 are among both.
        let (first, second) = (date(2012, 1, 1), date(2014, 1, 1));
        office.enrol("women", PLAN, first, &women[..632]).await;
        office.enrol("women", PLAN, second, &women[600..]).await;
        for (members, start, found, paid) in [
            (&women[..632], first, date(2013, 5, 6), date(2013, 12, 20)),
            (&women[600..], second, date(2014, 5, 6), date(2014, 12, 22)),
        ] {
            let mut due = Vec::new();
            for (member, number) in members.iter().zip(0..) {
                let facts = cancer(&format!("W-{start}-{number}"), found);
                due.push(office.claim("women", cover(PLAN, *member, start), facts).await);
            }
            office.pay(&due, paid).await;
        }
        let ask = office.views(folder.path());

        let payments = "SELECT sum(payments) FROM plan_statistics
                         WHERE plan = 'female-disease' AND month BETWEEN '2013-01' AND '2014-12'";
        assert_eq!(ask(payments), ["1232"]);
        let persons = "SELECT count(DISTINCT member), sum(payments) FROM benefit_persons
                        WHERE plan = 'female-disease' AND month BETWEEN '2013-01' AND '2014-12'";
        assert_eq!(ask(persons), ["1200|1232"]);
        let diseases = "SELECT category, sum(payments) FROM disease_statistics
                         WHERE chapter = 'II' AND sex = 'female' AND year IN (2013, 2014)
                         GROUP BY category";
        assert_eq!(ask(diseases), ["C50|1232"]);
        // Each was paid 10,000, 2,000 for the stay and 26 for each of four days.
        let paid = "SELECT sum(amount_fen) FROM ledger
                     WHERE kind = 'paid' AND plan = 'female-disease'";
        assert_eq!(ask(paid), [(1_232_i64 * 1_210_400).to_string()]);
    });
}

#[test]
fn the_40_workers_who_were_paid_47800_are_one_query() {
    const MEDICAL: &str = "hospital-medical";
    const ALLOWANCE: &str = "hospital-allowance";
    let folder = tempfile::tempdir().unwrap();
    story(async {
        let office = Office::open().await;
        let workers = office.unit("beiyi", 1_119).await;
        for start in [date(2014, 1, 1), date(2015, 1, 1)] {
            for plan in [MEDICAL, ALLOWANCE] {
                office.enrol("beiyi", plan, start, &workers).await;
            }
        }
        // 30 were paid 1,000.00 for 25 days, 10 were paid 1,780.00 of their bills.
        let mut due = Vec::new();
        for (member, number) in workers.iter().take(40).zip(0..) {
            let plan = if number < 30 { ALLOWANCE } else { MEDICAL };
            let facts = stay(&format!("B-{number}"), date(2014, 3, 3), 26, "4266.67");
            let cover = cover(plan, *member, date(2014, 1, 1));
            due.push(office.claim("beiyi", cover, facts).await);
        }
        office.pay(&due, date(2014, 6, 20)).await;
        let ask = office.views(folder.path());

        let paid = "SELECT count(DISTINCT member), sum(paid_fen) FROM claims
                     WHERE unit = 'beiyi' AND plan IN ('hospital-medical', 'hospital-allowance')
                       AND paid_on BETWEEN '2014-01-01' AND '2014-12-31'";
        assert_eq!(ask(paid), ["40|4780000"]);
        let enrolled = "SELECT plan, count(*) FROM covers
                         WHERE unit = 'beiyi' AND term_start = '2015-01-01' GROUP BY plan";
        assert_eq!(ask(enrolled), ["hospital-allowance|1119", "hospital-medical|1119"]);
        // Both years follow each other without a gap, and every worker takes part in both plans.
        let coverage = "SELECT members_in_force, workers, coverage FROM organisation_growth_by_year
                         WHERE organisation = 'beiyi' AND year = 2014";
        assert_eq!(ask(coverage), ["1119|1119|1.0000"]);
    });
}
