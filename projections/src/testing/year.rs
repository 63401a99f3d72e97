//! A year of a district: units, members, a roster, covers, and claims that end in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use huzhu_domain::assessment::{self, AccumulatorKey, Accumulators, Assessment, Waiting};
use huzhu_domain::claim::facts::{
    Diagnosis, Document, DocumentKind, Facts, Incident, IncidentKind, Severity, Stay,
};
use huzhu_domain::claim::{self, Chain, RefusalReason, Wanted};
use huzhu_domain::id::checked::Sex;
use huzhu_domain::id::{BatchId, CaseId, ClaimId, CoverId, MemberId, PayoutId, RosterId, derive};
use huzhu_domain::member::{self, MemberClass, Person};
use huzhu_domain::money::Money;
use huzhu_domain::organisation::{self, Name, Parent};
use huzhu_domain::payout::{self, ReturnReason};
use huzhu_domain::plan::{self, PlanVersion, Tier};
use huzhu_domain::roster;
use huzhu_domain::step::{Duty, Level, Step};
use huzhu_domain::term::Term;
use huzhu_domain::{approval_policy, batch, cover, enrolment, reservation};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::History;

/// How much happens in the year.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// How many units there are.
    pub units: u32,
    /// How many members each of them has.
    pub members: u32,
    /// Of how many members one files a claim.
    pub one_claim_of: u32,
}

const PLAN: &str = "hospital-allowance";
const VERSION: &str = "2011";

/// A year of a district.
#[must_use]
pub fn year(figures: Figures) -> History {
    let mut year = Year::default();
    year.office();
    for unit in 0..figures.units {
        year.unit(unit, figures.members);
    }
    for unit in 0..figures.units {
        for number in 0..figures.members {
            if number.checked_rem(figures.one_claim_of) == Some(0) {
                year.claim(unit, number);
            }
        }
        year.bank_file(unit);
    }
    year.history
}

#[derive(Default)]
struct Year {
    history: History,
    // Payouts that wait for the next bank file.
    due: Vec<(PayoutId, ClaimId, CoverId, MemberId, Money)>,
}

fn id<T>(make: impl FnOnce(uuid::Uuid) -> T, parts: &[&str]) -> T {
    make(derive(parts))
}

fn person(unit: u32, number: u32) -> MemberId {
    id(MemberId::new, &["member", &unit.to_string(), &number.to_string()])
}

fn claim_of(unit: u32, number: u32) -> ClaimId {
    id(ClaimId::new, &["claim", &unit.to_string(), &number.to_string()])
}

fn term() -> Term {
    Term::new(date(2014, 1, 1), date(2014, 12, 31)).unwrap()
}

fn days_after(start: Date, days: u32) -> Date {
    start.checked_add(i64::from(days).days()).unwrap()
}

fn yuan(text: &str) -> Money {
    text.parse().unwrap()
}

fn name(zh: impl Into<String>) -> Name {
    Name { zh: zh.into(), en: None }
}

impl Year {
    fn office(&mut self) {
        for (file, text) in plan::catalogue() {
            let mut terms: serde_json::Value = serde_json::from_str(text).unwrap();
            terms.as_object_mut().unwrap().remove("$schema");
            let terms: PlanVersion = serde_json::from_value(terms).unwrap();
            let stream = format!("plan-{}", terms.plan);
            assert!(!file.is_empty());
            let published = plan::VersionPublished { terms: Arc::new(terms) };
            self.history.push(stream, plan::Event::VersionPublished(published));
        }
        let steps = vec![Step::UnitEndorsement, Step::DistrictCheck, Step::FirstReview];
        let policy = approval_policy::Published {
            label: "2014".parse().unwrap(),
            from: date(2014, 1, 1),
            rules: vec![approval_policy::Rule { plan: None, up_to: None, steps }],
            deadlines: approval_policy::Deadlines {
                decide_within_days: Some(7),
                supplement_within_days: Some(30),
                pay_within_working_days: Some(10),
            },
        };
        self.history.push("approval-policy", approval_policy::Event::Published(policy));
        self.organisation("office", Level::Office, None);
        self.organisation("miyun", Level::District, Some(("office", Level::Office)));
        self.handler("miyun", "D-1", Duty::DistrictCheck);
        self.handler("office", "O-1", Duty::FirstReview);
    }

    fn organisation(&mut self, id: &str, level: Level, parent: Option<(&str, Level)>) {
        let registered = organisation::Registered {
            id: id.parse().unwrap(),
            level,
            name: name(format!("{id} 工会")),
            parent: parent.map(|(id, level)| Parent { id: id.parse().unwrap(), level }),
            district: (level < Level::Office).then(|| "miyun".parse().unwrap()),
            credit_code: None,
            has_union: true,
            workers: 10,
            on: date(2014, 1, 1),
        };
        let event = organisation::Event::Registered(registered);
        self.history.push(format!("organisation-{id}"), event);
    }

    fn handler(&mut self, organisation: &str, handler: &str, duty: Duty) {
        let stream = format!("organisation-{organisation}");
        let holder = organisation.to_owned();
        let made = reservation::Event::Made(reservation::Made { holder, over: None });
        self.history.push(format!("handler-{handler}"), made);
        let registered = organisation::HandlerRegistered {
            handler: handler.parse().unwrap(),
            member: None,
            duties: BTreeSet::from([duty]),
            on: date(2014, 1, 1),
        };
        self.history.push(&stream, organisation::Event::HandlerRegistered(registered));
        let certified = organisation::HandlerCertified {
            handler: handler.parse().unwrap(),
            certificate: "2014-001".into(),
            period: term(),
        };
        self.history.push(&stream, organisation::Event::HandlerCertified(certified));
    }

    fn unit(&mut self, unit: u32, members: u32) {
        let organisation = format!("unit-{unit}");
        self.organisation(&organisation, Level::Unit, Some(("miyun", Level::District)));
        let counted = organisation::WorkersCounted { workers: members, on: date(2014, 2, 1) };
        self.history.push(
            format!("organisation-{organisation}"),
            organisation::Event::WorkersCounted(counted),
        );
        self.handler(&organisation, &format!("U-{unit}"), Duty::Endorse);
        for number in 0..members {
            self.member(unit, number);
        }
        self.roster(unit, members);
    }

    fn member(&mut self, unit: u32, number: u32) {
        let member = person(unit, number);
        let resident_key = format!("{:064x}", u64::from(unit) << 32 | u64::from(number));
        let registered = member::Registered {
            member,
            person: Person {
                name: format!("职工{number}"),
                resident_id: "110228198506150022".parse().unwrap(),
                card: Some("6221630000000004".parse().unwrap()),
                phone: None,
            },
            resident_key: resident_key.parse().unwrap(),
            sex: Sex::Female,
            born: date(1985, 6, 15),
            unit: format!("unit-{unit}").parse().unwrap(),
            class: MemberClass::Ordinary,
            insured: true,
            on: date(2014, 1, 2),
        };
        let made = reservation::Made { holder: member.to_string(), over: None };
        let stream = format!("resident-{resident_key}");
        self.history.push(stream, reservation::Event::Made(made));
        let event = member::Event::Registered(Box::new(registered));
        self.history.push(format!("member-{member}"), event);
    }

    fn roster(&mut self, unit: u32, members: u32) {
        let roster = id(RosterId::new, &["roster", &unit.to_string()]);
        let stream = format!("roster-{roster}");
        let rules = Arc::new(terms().enrolment);
        let opened = roster::Opened {
            roster,
            plan: PLAN.parse().unwrap(),
            version: VERSION.parse().unwrap(),
            unit: format!("unit-{unit}").parse().unwrap(),
            term: term(),
            unit_has_union: true,
            rules,
            on: date(2014, 1, 3),
        };
        self.history.push(&stream, roster::Event::Opened(Box::new(opened)));
        let numbers: Vec<_> = (0..members).collect();
        for lines in numbers.chunks(roster::LINES_MAX) {
            let lines = lines.iter().map(|number| roster::Line {
                number: number.saturating_add(1),
                member: person(unit, *number),
                units: 1,
                tier: Tier::Ordinary,
                contribution: yuan("60.00"),
            });
            let added = roster::MembersAdded { lines: lines.collect() };
            self.history.push(&stream, roster::Event::MembersAdded(added));
        }
        let contribution = yuan("60.00").times(members).unwrap();
        let recorded = roster::ContributionRecorded {
            amount: contribution,
            reference: format!("R-{unit}"),
            on: date(2014, 1, 4),
        };
        self.history.push(&stream, roster::Event::ContributionRecorded(recorded));
        let (workers, on) = (members, date(2014, 1, 5));
        let confirmed = roster::Confirmed { members, contribution, workers, on };
        self.history.push(&stream, roster::Event::Confirmed(confirmed));
        for number in 0..members {
            self.grant(unit, number, roster);
        }
        let granted = roster::Granted { covers: members, passed_over: Vec::new() };
        self.history.push(&stream, roster::Event::Granted(granted));
    }

    fn grant(&mut self, unit: u32, number: u32, roster: RosterId) {
        let member = person(unit, number);
        let cover = cover_of(member);
        let version = || VERSION.parse().unwrap();
        let (roster, term) = (Some(roster), term());
        let made = enrolment::Made { cover, roster, version: version(), term, renews: None };
        let stream = format!("enrolment-{PLAN}-{member}");
        self.history.push(stream, enrolment::Event::Made(made));
        let granted = cover::Granted {
            cover,
            member,
            plan: PLAN.parse().unwrap(),
            version: version(),
            roster,
            unit: format!("unit-{unit}").parse().unwrap(),
            district: Some("miyun".parse().unwrap()),
            class: MemberClass::Ordinary,
            sex: Sex::Female,
            born: date(1985, 6, 15),
            units: 1,
            term,
            waiting: Waiting::Waived,
            renews: None,
            carried: Accumulators::new(),
            contribution: yuan("60.00"),
            on: date(2014, 1, 5),
        };
        self.history.push(format!("cover-{cover}"), cover::Event::Granted(Arc::new(granted)));
    }

    /// Claims end in turn: paid, refused, paid after a supplement, withdrawn, reversed.
    fn claim(&mut self, unit: u32, number: u32) {
        let claim = claim_of(unit, number);
        let stream = format!("claim-{claim}");
        let filed_on = days_after(date(2014, 2, 1), number.checked_rem(300).unwrap());
        self.file(unit, number, filed_on);
        let place = |step: Step| match step.level() {
            Level::Unit => (format!("unit-{unit}"), format!("U-{unit}")),
            Level::District => ("miyun".to_owned(), "D-1".to_owned()),
            Level::Township | Level::Office => ("office".to_owned(), "O-1".to_owned()),
        };
        let pass = |step: Step, days: u32| {
            let (organisation, by) = place(step);
            let on = days_after(filed_on, days);
            let (organisation, by) = (organisation.parse().unwrap(), by.parse().unwrap());
            let (note, confirmed) = (String::new(), Vec::new());
            let passed = claim::StepPassed { step, by, organisation, note, confirmed, on };
            claim::Event::StepPassed(passed)
        };
        let kind = number.checked_div(7).and_then(|n| n.checked_rem(5)).unwrap();
        if kind == 3 {
            let by = format!("U-{unit}").parse().unwrap();
            let on = days_after(filed_on, 1);
            let withdrawn = claim::Withdrawn { by, note: "误报".into(), on };
            self.history.push(&stream, claim::Event::Withdrawn(withdrawn));
            return;
        }
        self.history.push(&stream, pass(Step::UnitEndorsement, 1));
        if kind == 1 {
            let refused = claim::Refused {
                step: Step::DistrictCheck,
                by: "D-1".parse().unwrap(),
                organisation: "miyun".parse().unwrap(),
                reason: RefusalReason::Excluded,
                note: "除外责任".into(),
                on: days_after(filed_on, 2),
            };
            self.history.push(&stream, claim::Event::Refused(refused));
            return;
        }
        if kind == 2 {
            self.supplement(unit, number, filed_on);
        }
        self.history.push(&stream, pass(Step::DistrictCheck, 5));
        self.approve(unit, number, days_after(filed_on, 6), pass(Step::FirstReview, 6));
    }

    fn file(&mut self, unit: u32, number: u32, on: Date) {
        let (claim, member) = (claim_of(unit, number), person(unit, number));
        let by = format!("U-{unit}").parse().unwrap();
        let serial = format!("S-{unit}-{number}");
        let made = reservation::Made { holder: claim.to_string(), over: None };
        let stay = format!("stay-{PLAN}-{serial}");
        self.history.push(stay, reservation::Event::Made(made));
        let filed = claim::Filed {
            claim,
            cover: cover_of(member),
            member,
            chain: Chain {
                unit: format!("unit-{unit}").parse().unwrap(),
                township: None,
                district: Some("miyun".parse().unwrap()),
                office: "office".parse().unwrap(),
            },
            plan: PLAN.parse().unwrap(),
            version: VERSION.parse().unwrap(),
            case: id(CaseId::new, &["case", &claim.to_string()]),
            asks: Vec::new(),
            facts: Arc::new(facts(&serial, on)),
            by,
            on,
        };
        let stream = format!("claim-{claim}");
        self.history.push(&stream, claim::Event::Filed(Arc::new(filed)));
        self.history.push(&stream, claim::Event::Assessed(Arc::new(assessed(&serial))));
    }

    fn supplement(&mut self, unit: u32, number: u32, filed_on: Date) {
        let stream = format!("claim-{}", claim_of(unit, number));
        let serial = format!("S-{unit}-{number}");
        let returned = claim::Returned {
            step: Step::DistrictCheck,
            by: "D-1".parse().unwrap(),
            organisation: "miyun".parse().unwrap(),
            wanted: vec![Wanted {
                document: Some(DocumentKind::DischargeRecord),
                text: "出院记录".into(),
            }],
            note: String::new(),
            on: days_after(filed_on, 2),
        };
        self.history.push(&stream, claim::Event::Returned(returned));
        let mut facts = facts(&serial, filed_on);
        facts.documents.push(Document {
            kind: DocumentKind::DischargeRecord,
            name: "出院记录.pdf".into(),
            sha256: "a".repeat(64).parse().unwrap(),
        });
        let supplemented = claim::Supplemented {
            facts: Arc::new(facts),
            by: format!("U-{unit}").parse().unwrap(),
            on: days_after(filed_on, 4),
        };
        self.history.push(&stream, claim::Event::Supplemented(supplemented));
        self.history.push(&stream, claim::Event::Assessed(Arc::new(assessed(&serial))));
    }

    fn approve(&mut self, unit: u32, number: u32, on: Date, passed: claim::Event) {
        let (claim, member) = (claim_of(unit, number), person(unit, number));
        let cover = cover_of(member);
        let assessment = assessed(&format!("S-{unit}-{number}")).assessment;
        let amount = assessment.total;
        let reserved = cover::BenefitReserved {
            claim,
            amount,
            uses: assessment.uses.clone(),
            ceilings: assessment.ceilings.clone(),
            ends_cover: false,
        };
        self.history.on(on);
        self.history.push(format!("cover-{cover}"), cover::Event::BenefitReserved(reserved));
        let approved = claim::Approved {
            step: Step::FirstReview,
            by: "O-1".parse().unwrap(),
            organisation: "office".parse().unwrap(),
            amount,
            assessment,
            cover_revision: 0,
            on,
        };
        let stream = format!("claim-{claim}");
        self.history.push(&stream, passed);
        self.history.push(&stream, claim::Event::Approved(Arc::new(approved)));
        let payout = PayoutId::of(claim);
        let created = payout::Created {
            payout,
            claim,
            cover,
            member,
            plan: PLAN.parse().unwrap(),
            version: VERSION.parse().unwrap(),
            unit: format!("unit-{unit}").parse().unwrap(),
            district: Some("miyun".parse().unwrap()),
            amount,
            on,
        };
        let stream = format!("payout-{payout}");
        self.history.push(stream, payout::Event::Created(Arc::new(created)));
        self.due.push((payout, claim, cover, member, amount));
    }

    fn bank_file(&mut self, unit: u32) {
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return;
        }
        let batch = id(BatchId::new, &["batch", &unit.to_string()]);
        let stream = format!("batch-{batch}");
        let on = date(2014, 12, 20);
        let opened = batch::Opened {
            batch,
            payouts: due.iter().map(|(payout, ..)| *payout).collect(),
            by: "F-1".parse().unwrap(),
            on,
        };
        self.history.push(&stream, batch::Event::Opened(Arc::new(opened)));
        for (payout, ..) in &due {
            let batched = payout::Event::Batched(payout::Batched { batch, on });
            self.history.push(format!("payout-{payout}"), batched);
        }
        let lines = due.iter().zip(1..).map(|((payout, _, _, member, amount), number)| {
            let (payout, member, amount) = (*payout, *member, *amount);
            batch::Line { number, payout, member, member_revision: 0, amount }
        });
        let total = Money::sum(due.iter().map(|(.., amount)| *amount)).unwrap();
        let sealed = batch::Sealed { lines: lines.collect(), total, skipped: Vec::new() };
        self.history.push(&stream, batch::Event::Sealed(Arc::new(sealed)));
        let answers = due.iter().zip(0_u32..).map(|((payout, ..), number)| {
            let reference = format!("B-{unit}-{number}");
            let outcome = match number.checked_rem(11) {
                Some(10) => {
                    let (reason, note) = (ReturnReason::NameDiffers, "户名不符".to_owned());
                    batch::Outcome::Returned { reason, note }
                }
                _ => batch::Outcome::Settled { reference },
            };
            batch::AnswerLine { payout: *payout, outcome }
        });
        let answers: Vec<_> = answers.collect();
        let on = date(2014, 12, 22);
        let answered = batch::Answered { lines: answers.clone(), on };
        self.history.push(&stream, batch::Event::Answered(Arc::new(answered)));
        for (number, (due, answer)) in due.into_iter().zip(answers).enumerate() {
            self.outcome(batch, number, due, answer.outcome, on);
        }
    }

    fn outcome(
        &mut self,
        batch: BatchId,
        number: usize,
        (payout, claim, cover, _, amount): (PayoutId, ClaimId, CoverId, MemberId, Money),
        outcome: batch::Outcome,
        on: Date,
    ) {
        let stream = format!("payout-{payout}");
        let reference = match outcome {
            batch::Outcome::Returned { reason, note } => {
                let returned = payout::Returned { batch, reason, note, on };
                self.history.push(&stream, payout::Event::Returned(returned));
                let (note, by) = ("已更正".to_owned(), "F-1".parse().unwrap());
                let corrected = payout::Corrected { note, by, on };
                self.history.push(&stream, payout::Event::Corrected(corrected));
                return;
            }
            batch::Outcome::Settled { reference } => reference,
        };
        let settled = payout::Settled { batch, reference, amount, on };
        self.history.push(&stream, payout::Event::Settled(settled));
        let paid = cover::Event::BenefitPaid(cover::BenefitPaid { claim, payout, amount, on });
        self.history.push(format!("cover-{cover}"), paid);
        let paid = claim::Event::Paid(claim::Paid { payout, amount, on });
        self.history.push(format!("claim-{claim}"), paid);
        if number.checked_rem(13) == Some(5) {
            let (note, by) = ("多付".to_owned(), "F-1".parse().unwrap());
            let on = date(2015, 1, 10);
            let reversed = payout::Event::Reversed(payout::Reversed { amount, note, by, on });
            self.history.push(&stream, reversed);
            let body = cover::BenefitReversed { claim, payout, amount, on };
            self.history.push(format!("cover-{cover}"), cover::Event::BenefitReversed(body));
            let body = claim::PaymentReversed { payout, amount, on };
            self.history.push(format!("claim-{claim}"), claim::Event::PaymentReversed(body));
        }
    }
}

fn cover_of(member: MemberId) -> CoverId {
    CoverId::of(&PLAN.parse().unwrap(), member, term().start())
}

fn terms() -> PlanVersion {
    let files = plan::catalogue().iter();
    let (_, text) =
        files.clone().find(|(file, _)| *file == "hospital-allowance.2011.json").unwrap();
    let mut terms: serde_json::Value = serde_json::from_str(text).unwrap();
    terms.as_object_mut().unwrap().remove("$schema");
    serde_json::from_value(terms).unwrap()
}

fn facts(serial: &str, discharged: Date) -> Facts {
    Facts {
        incident: Incident { kind: IncidentKind::Illness, date: date(2014, 1, 10) },
        applied_on: discharged,
        diagnoses: vec![Diagnosis {
            code: "K35".parse().unwrap(),
            severity: Severity::Ordinary,
            established_on: date(2014, 1, 10),
            secondary: false,
            pre_existing: false,
            confirmed_by_review: false,
        }],
        bills: Vec::new(),
        stays: vec![Stay {
            serial: serial.parse().unwrap(),
            hospital_grade: 3,
            admitted: date(2014, 1, 10),
            discharged: date(2014, 1, 23),
            self_pay_one: yuan("4200.00"),
            self_pay_one_above: Money::ZERO,
            self_pay_two: yuan("300.00"),
            own_expense: Money::ZERO,
            special_disease: false,
            mental_illness: false,
            cause: Some("K35".parse().unwrap()),
            joins: None,
        }],
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: None,
        documents: vec![Document {
            kind: DocumentKind::InpatientStatement,
            name: "住院费用清单.pdf".into(),
            sha256: "b".repeat(64).parse().unwrap(),
        }],
    }
}

fn assessed(serial: &str) -> claim::Assessed {
    let days: AccumulatorKey = "days.term-days.term".parse().unwrap();
    let line = assessment::Line {
        benefit: "daily-allowance".parse().unwrap(),
        subject: assessment::Subject::Stay(serial.parse().unwrap()),
        amount: yuan("400.00"),
    };
    let trace = ["13 days", "less 3 unpaid days", "10 days of 40.00", "total 400.00"];
    let trace = trace.into_iter().map(|text| assessment::TraceStep {
        rule: assessment::Rule::DailyAllowance,
        benefit: None,
        text: text.into(),
        inputs: vec![assessment::Input { name: "days".into(), value: "13".into() }],
        result: "400.00".into(),
        rounding: None,
    });
    claim::Assessed {
        assessment: Arc::new(Assessment {
            plan: PLAN.parse().unwrap(),
            version: VERSION.parse().unwrap(),
            lines: vec![line],
            total: yuan("400.00"),
            trace: trace.collect(),
            uses: BTreeMap::from([(days.clone(), Decimal::from(10))]),
            basis: BTreeMap::new(),
            ceilings: BTreeMap::from([(days, Decimal::from(180))]),
            ends_cover: false,
            findings: Vec::new(),
        }),
        cover_revision: 0,
        steps: vec![Step::UnitEndorsement, Step::DistrictCheck, Step::FirstReview],
        policy: "2014".parse().unwrap(),
    }
}
