use uuid::Uuid;

use super::facts::{Facts, Incident, IncidentKind};
use super::*;
use crate::decider::replay;
use crate::testing::given;

mod any_commands;

#[test]
fn a_claim_is_filed_with_its_assessment() {
    given::<Claim>([]).when(file(500)).then([filed(), assessed(500)]);
}

#[test]
fn a_claim_is_filed_once() {
    given::<Claim>(in_review()).when(file(500)).then_nothing();
    given::<Claim>(all_approved()).when(file(500)).then_nothing();
    let other = Arc::new(Filed { by: "u9".parse().unwrap(), ..(*filed_body()).clone() });
    given::<Claim>(in_review())
        .when(Command::File { filed: other, assessed: assessment(500) })
        .then_rejected(Rejection::ClaimAlreadyFiled);
}

#[test]
fn a_claim_needs_a_step_and_an_organisation_for_each() {
    let none = Arc::new(Assessed { steps: vec![], ..(*assessment(500)).clone() });
    given::<Claim>([])
        .when(Command::File { filed: filed_body(), assessed: none })
        .then_rejected(Rejection::NoSteps);
    let nobody = with_steps(500, &[Step::TownshipCheck, Step::Finance]);
    given::<Claim>([])
        .when(Command::File { filed: filed_body(), assessed: nobody })
        .then_rejected(Rejection::StepOfNobody { step: Step::TownshipCheck });
    let asked = filed_body().chain.steps(&Step::ALL);
    assert!(!asked.contains(&Step::TownshipCheck) && asked.len() == 5);
}

#[test]
fn what_was_applied_for_on_a_later_day_is_not_taken() {
    let mut early = (*filed_body()).clone();
    let (applied_on, on) = (early.facts.applied_on, early.facts.applied_on.yesterday().unwrap());
    early.on = on;
    given::<Claim>([])
        .when(Command::File { filed: Arc::new(early), assessed: assessment(500) })
        .then_rejected(Rejection::AppliedInFuture { applied_on, on });
}

#[test]
fn a_filing_that_lapsed_is_refused() {
    given::<Claim>([]).when(Command::Lapse).then([lapsed()]);
    given::<Claim>([lapsed()]).when(Command::Lapse).then_nothing();
    given::<Claim>([lapsed()]).when(file(500)).then_rejected(Rejection::FilingLapsed);
    given::<Claim>(in_review()).when(Command::Lapse).then_rejected(Rejection::ClaimAlreadyFiled);
}

#[test]
fn a_step_before_the_last_is_passed_without_an_approval() {
    given::<Claim>(in_review())
        .when(pass(Step::UnitEndorsement, "u1", None))
        .then([passed(Step::UnitEndorsement, "u1")]);
}

#[test]
fn the_last_step_approves() {
    given::<Claim>(almost_approved())
        .when(pass(Step::Finance, "o2", Some(500)))
        .then([passed(Step::Finance, "o2"), approved(500)]);
}

#[test]
fn the_last_step_needs_something_to_approve() {
    given::<Claim>(almost_approved())
        .when(pass(Step::Finance, "o2", None))
        .then_rejected(Rejection::AssessmentMissing);
    given::<Claim>(almost_approved())
        .when(pass(Step::Finance, "o2", Some(0)))
        .then_rejected(Rejection::NothingPayable { total: Money::ZERO });
}

#[test]
fn a_claim_worth_nothing_is_closed_by_who_expects_nothing() {
    let closing = || {
        let (assessment, expected) = (worth(0), Some(Money::ZERO));
        let approval = Some(Approval { assessment, cover_revision: 7, expected });
        Command::PassStep { decision: decision(Step::Finance, "o2"), confirmation: None, approval }
    };
    let mut history = almost_approved();
    given::<Claim>(history.clone())
        .when(closing())
        .then([passed(Step::Finance, "o2"), approved(0)]);
    history.extend([passed(Step::Finance, "o2"), approved(0)]);
    let claim: Claim = replay(&history).unwrap();
    assert!(claim.name() == "closed" && !claim.has_let_go());
    given::<Claim>(history.clone())
        .when(Command::RecordPayment(paid(0)))
        .then_rejected(Rejection::ClaimNotApproved { state: "closed" });
    given::<Claim>(history)
        .when(closing())
        .then_rejected(Rejection::ClaimNotInReview { state: "closed" });
}

#[test]
fn a_reviewer_of_the_office_confirms_what_a_code_cannot_tell() {
    let history = with_sarcoma(&[Step::FirstReview, Step::Finance]);
    let asked = || with_steps(10_000, &[Step::FirstReview, Step::SecondReview, Step::Finance]);
    given::<Claim>(history.clone())
        .when(confirm(Step::FirstReview, "o1", "C54.9", asked()))
        .then([confirmed(Step::FirstReview, "o1", "C54.9"), Event::Assessed(asked())]);

    let mut history = history;
    history.extend([confirmed(Step::FirstReview, "o1", "C54.9"), Event::Assessed(asked())]);
    let claim: Claim = replay(&history).unwrap();
    let review = claim.in_review().unwrap();
    assert!(review.facts().diagnoses[0].confirmed_by_review);
    assert_eq!(review.remaining(), [Step::SecondReview, Step::Finance], "by its new worth");
}

#[test]
fn a_diagnosis_is_confirmed_at_a_review_of_the_office_and_nowhere_else() {
    let refused = |steps: &[Step], step, by, code, rejection| {
        given::<Claim>(with_sarcoma(steps))
            .when(confirm(step, by, code, with_steps(10_000, steps)))
            .then_rejected(rejection);
    };
    let (unit, first) = (Step::UnitEndorsement, Step::FirstReview);
    let elsewhere = Rejection::ConfirmedElsewhere { step: unit };
    refused(&[unit, first], unit, "u1", "C54.9", elsewhere);
    let unknown = Rejection::DiagnosisUnknown { code: "C55".parse().unwrap() };
    refused(&[first], first, "o1", "C55", unknown);
}

#[test]
fn who_files_or_supplements_does_not_say_that_a_reviewer_confirmed_something() {
    let mut filed = (*filed_body()).clone();
    filed.facts = with_diagnosis("C54.9").confirming(&["C54.9".parse().unwrap()]);
    let by_filer = || Rejection::ConfirmedByFiler { code: "C54.9".parse().unwrap() };
    given::<Claim>([])
        .when(Command::File { filed: Arc::new(filed.clone()), assessed: assessment(500) })
        .then_rejected(by_filer());

    let mut history = with_sarcoma(&[Step::FirstReview, Step::SecondReview]);
    let again = |facts| Command::Supplement {
        supplemented: Supplemented { facts, ..supplemented() },
        assessed: assessment(600),
    };
    let returned = |step, by: &str| {
        let Event::Returned(body) = returned() else { unreachable!() };
        Event::Returned(Returned { step, by: by.parse().unwrap(), ..body })
    };
    let mut early = history.clone();
    early.push(returned(Step::FirstReview, "o1"));
    given::<Claim>(early).when(again(Arc::clone(&filed.facts))).then_rejected(by_filer());

    // Once it was, a supplement keeps it, whether its papers repeat it or not.
    history.push(confirmed(Step::FirstReview, "o1", "C54.9"));
    history.push(Event::Assessed(with_steps(10_000, &[Step::FirstReview, Step::SecondReview])));
    history.push(returned(Step::SecondReview, "o2"));
    for facts in [Arc::clone(&filed.facts), with_diagnosis("C54.9")] {
        let supplemented =
            Event::Supplemented(Supplemented { facts: Arc::clone(&facts), ..supplemented() });
        given::<Claim>(history.clone())
            .when(again(facts))
            .then([supplemented.clone(), assessed(600)]);
        let mut history = history.clone();
        history.extend([supplemented, assessed(600)]);
        let claim: Claim = replay(&history).unwrap();
        assert!(claim.in_review().unwrap().facts().diagnoses[0].confirmed_by_review);
    }
}

fn with_diagnosis(code: &str) -> Arc<Facts> {
    let mut facts = (*facts()).clone();
    facts.diagnoses.push(facts::Diagnosis {
        code: code.parse().unwrap(),
        severity: facts::Severity::Ordinary,
        established_on: facts.incident.date,
        secondary: false,
        pre_existing: false,
        confirmed_by_review: false,
    });
    Arc::new(facts)
}

/// A claim for a disease that its code does not tell, which needs these steps.
fn with_sarcoma(steps: &[Step]) -> Vec<Event> {
    let filed = Filed { facts: with_diagnosis("C54.9"), ..(*filed_body()).clone() };
    vec![Event::Filed(Arc::new(filed)), Event::Assessed(with_steps(0, steps))]
}

fn confirm(step: Step, by: &str, code: &str, assessed: Arc<Assessed>) -> Command {
    let confirmation = Some(Confirmation { codes: vec![code.parse().unwrap()], assessed });
    Command::PassStep { decision: decision(step, by), confirmation, approval: None }
}

fn confirmed(step: Step, by: &str, code: &str) -> Event {
    let Event::StepPassed(body) = passed(step, by) else { unreachable!() };
    Event::StepPassed(StepPassed { confirmed: vec![code.parse().unwrap()], ..body })
}

#[test]
fn steps_are_taken_in_order_by_their_organisation() {
    given::<Claim>(in_review()).when(pass(Step::FirstReview, "o1", None)).then_rejected(
        Rejection::WrongStep { expected: Step::UnitEndorsement, given: Step::FirstReview },
    );
    let mut decision = decision(Step::UnitEndorsement, "x");
    decision.organisation = "jingliang".parse().unwrap();
    given::<Claim>(in_review())
        .when(Command::PassStep { decision, confirmation: None, approval: None })
        .then_rejected(Rejection::WrongOrganisation {
            step: Step::UnitEndorsement,
            expected: "beiyi".parse().unwrap(),
            given: "jingliang".parse().unwrap(),
        });
}

#[test]
fn nobody_decides_twice_on_one_claim() {
    let mut history = in_review();
    history.push(passed(Step::UnitEndorsement, "u1"));
    history.push(passed(Step::FirstReview, "o1"));
    given::<Claim>(history).when(pass(Step::Finance, "o1", Some(500))).then_rejected(
        Rejection::DecidedBefore { by: "o1".parse().unwrap(), step: Step::FirstReview },
    );
}

#[test]
fn nobody_decides_on_a_claim_of_their_own() {
    let mut own = decision(Step::UnitEndorsement, "u1");
    own.member = Some(filed_body().member);
    given::<Claim>(in_review())
        .when(Command::PassStep { decision: own, confirmation: None, approval: None })
        .then_rejected(Rejection::OwnClaim { by: "u1".parse().unwrap() });
}

#[test]
fn a_day_before_the_last_decision_is_refused() {
    let mut early = decision(Step::UnitEndorsement, "u1");
    early.on = day("2014-11-29");
    given::<Claim>(in_review())
        .when(Command::PassStep { decision: early, confirmation: None, approval: None })
        .then_rejected(Rejection::ClaimDateBefore {
            last: day("2014-11-30"),
            given: day("2014-11-29"),
        });
}

#[test]
fn a_claim_returned_for_supplement_goes_on_where_it_was() {
    let mut history = in_review();
    history.push(passed(Step::UnitEndorsement, "u1"));
    let back =
        || Command::Return { decision: decision(Step::FirstReview, "o1"), wanted: vec![wanted()] };
    given::<Claim>(history.clone()).when(back()).then([returned()]);
    history.push(returned());
    given::<Claim>(history.clone())
        .when(pass(Step::FirstReview, "o1", None))
        .then_rejected(Rejection::ClaimNotInReview { state: "awaiting_supplement" });
    given::<Claim>(history.clone())
        .when(supplement())
        .then([Event::Supplemented(supplemented()), assessed(600)]);
    history.extend([Event::Supplemented(supplemented()), assessed(600)]);
    let claim: Claim = replay(&history).unwrap();
    assert_eq!(claim.review().unwrap().next(), Some(Step::FirstReview));
    // The person who sent it back looks at it again.
    given::<Claim>(history)
        .when(pass(Step::FirstReview, "o1", None))
        .then([passed(Step::FirstReview, "o1")]);
}

#[test]
fn a_claim_worth_more_after_supplement_goes_to_the_levels_that_ask_for_it() {
    let history = returned_and_supplemented(&[
        Step::UnitEndorsement,
        Step::DistrictCheck,
        Step::FirstReview,
        Step::SecondReview,
    ]);
    let claim: Claim = replay(&history).unwrap();
    let left = [Step::DistrictCheck, Step::FirstReview, Step::SecondReview];
    assert_eq!(claim.review().unwrap().remaining(), left);
}

#[test]
fn a_claim_worth_less_after_supplement_is_still_decided_where_it_was() {
    let history = returned_and_supplemented(&[Step::UnitEndorsement]);
    let claim: Claim = replay(&history).unwrap();
    assert_eq!(claim.review().unwrap().remaining(), [Step::FirstReview]);
    given::<Claim>(history).when(pass(Step::FirstReview, "o1", Some(500))).then([
        passed(Step::FirstReview, "o1"),
        Event::Approved(Arc::new(Approved {
            step: Step::FirstReview,
            by: "o1".parse().unwrap(),
            ..approved_body(500)
        })),
    ]);
}

#[test]
fn a_claim_is_returned_a_bounded_number_of_times() {
    let mut history = in_review();
    history.push(passed(Step::UnitEndorsement, "u1"));
    for _ in 0..RETURNS_MAX {
        history.extend([returned(), Event::Supplemented(supplemented()), assessed(600)]);
    }
    given::<Claim>(history)
        .when(Command::Return {
            decision: decision(Step::FirstReview, "o1"),
            wanted: vec![wanted()],
        })
        .then_rejected(Rejection::TooManyReturns { limit: RETURNS_MAX });
}

#[test]
fn a_supplement_of_an_earlier_day_or_without_steps_is_refused() {
    let mut history = in_review();
    history.extend([passed(Step::UnitEndorsement, "u1"), returned()]);
    let early = Supplemented { on: day("2014-11-30"), ..supplemented() };
    given::<Claim>(history.clone())
        .when(Command::Supplement { supplemented: early, assessed: assessment(600) })
        .then_rejected(Rejection::ClaimDateBefore {
            last: day("2014-12-01"),
            given: day("2014-11-30"),
        });
    given::<Claim>(history)
        .when(Command::Supplement { supplemented: supplemented(), assessed: with_steps(600, &[]) })
        .then_rejected(Rejection::NoSteps);
}

#[test]
fn a_claim_whose_papers_never_came_is_refused() {
    let mut history = in_review();
    history.extend([passed(Step::UnitEndorsement, "u1"), returned()]);
    let refuse = |by| Command::Refuse {
        decision: decision(Step::FirstReview, by),
        reason: RefusalReason::DocumentsMissing,
    };
    given::<Claim>(history.clone()).when(refuse("o1")).then([Event::Refused(Refused {
        step: Step::FirstReview,
        by: "o1".parse().unwrap(),
        organisation: "office".parse().unwrap(),
        reason: RefusalReason::DocumentsMissing,
        ..refused_body()
    })]);
    given::<Claim>(history).when(refuse("u1")).then_rejected(Rejection::DecidedBefore {
        by: "u1".parse().unwrap(),
        step: Step::UnitEndorsement,
    });
}

#[test]
fn another_reason_is_said_in_the_note() {
    let refuse = |note: &str| Command::Refuse {
        decision: Decision { note: note.into(), ..decision(Step::UnitEndorsement, "u1") },
        reason: RefusalReason::Other,
    };
    given::<Claim>(in_review())
        .when(refuse(" "))
        .then_rejected(Rejection::NoteMissing { refusal: RefusalReason::Other });
    given::<Claim>(in_review()).when(refuse("重复申请")).then([Event::Refused(Refused {
        reason: RefusalReason::Other,
        note: "重复申请".into(),
        ..refused_body()
    })]);
}

#[test]
fn a_note_is_of_bounded_length() {
    let long = "长".repeat(NOTE_MAX + 1);
    let told = || Decision { note: long.clone(), ..decision(Step::UnitEndorsement, "u1") };
    let wanted = vec![Wanted { document: None, text: long.clone() }];
    let withdrawn =
        Withdrawn { by: "u0".parse().unwrap(), note: long.clone(), on: day("2014-12-01") };
    for command in [
        Command::PassStep { decision: told(), confirmation: None, approval: None },
        Command::Return { decision: told(), wanted: vec![self::wanted()] },
        Command::Return { decision: decision(Step::UnitEndorsement, "u1"), wanted },
        Command::Refuse { decision: told(), reason: RefusalReason::Other },
        Command::Withdraw(withdrawn),
    ] {
        given::<Claim>(in_review())
            .when(command)
            .then_rejected(Rejection::NoteTooLong { limit: NOTE_MAX, given: NOTE_MAX + 1 });
    }
}

#[test]
fn a_return_asks_for_something() {
    given::<Claim>(in_review())
        .when(Command::Return { decision: decision(Step::UnitEndorsement, "u1"), wanted: vec![] })
        .then_rejected(Rejection::WantedCount { limit: WANTED_MAX, given: 0 });
}

#[test]
fn a_supplement_that_nobody_wants_is_refused() {
    given::<Claim>(in_review())
        .when(supplement())
        .then_rejected(Rejection::SupplementNotWanted { state: "in_review" });
    given::<Claim>([]).when(supplement()).then_rejected(Rejection::ClaimNotFiled);
}

#[test]
fn a_claim_is_refused_with_a_code() {
    let refuse = || Command::Refuse {
        decision: decision(Step::UnitEndorsement, "u1"),
        reason: RefusalReason::Waiting,
    };
    given::<Claim>(in_review()).when(refuse()).then([refused()]);
    let mut history = in_review();
    history.push(refused());
    given::<Claim>(history)
        .when(refuse())
        .then_rejected(Rejection::ClaimNotInReview { state: "refused" });
}

#[test]
fn a_claim_is_withdrawn_once_while_it_is_open() {
    let body =
        || Withdrawn { by: "u1".parse().unwrap(), note: String::new(), on: day("2014-12-01") };
    given::<Claim>(in_review()).when(Command::Withdraw(body())).then([Event::Withdrawn(body())]);
    let mut history = in_review();
    history.push(Event::Withdrawn(body()));
    given::<Claim>(history).when(Command::Withdraw(body())).then_nothing();
    given::<Claim>(all_approved())
        .when(Command::Withdraw(body()))
        .then_rejected(Rejection::ClaimNotInReview { state: "approved" });
}

#[test]
fn an_approved_claim_is_paid_once_with_its_amount() {
    given::<Claim>(all_approved())
        .when(Command::RecordPayment(paid(500)))
        .then([Event::Paid(paid(500))]);
    given::<Claim>(all_approved())
        .when(Command::RecordPayment(paid(501)))
        .then_rejected(Rejection::PaymentDiffers { approved: yuan(500), given: yuan(501) });
    let mut history = all_approved();
    history.push(Event::Paid(paid(500)));
    given::<Claim>(history.clone()).when(Command::RecordPayment(paid(500))).then_nothing();
    let other = Paid { payout: PayoutId::new(Uuid::from_u128(99)), ..paid(500) };
    given::<Claim>(history)
        .when(Command::RecordPayment(other))
        .then_rejected(Rejection::ClaimAlreadyPaid { payout: paid(500).payout });
    given::<Claim>(in_review())
        .when(Command::RecordPayment(paid(500)))
        .then_rejected(Rejection::ClaimNotApproved { state: "in_review" });
}

#[test]
fn a_payment_is_reversed_once_and_whole() {
    let mut history = all_approved();
    history.push(Event::Paid(paid(500)));
    given::<Claim>(history.clone())
        .when(Command::RecordReversal(reversed(500)))
        .then([Event::PaymentReversed(reversed(500))]);
    given::<Claim>(history.clone())
        .when(Command::RecordReversal(reversed(499)))
        .then_rejected(Rejection::PaymentDiffers { approved: yuan(500), given: yuan(499) });
    history.push(Event::PaymentReversed(reversed(500)));
    given::<Claim>(history.clone()).when(Command::RecordReversal(reversed(500))).then_nothing();
    given::<Claim>(history.clone()).when(Command::RecordPayment(paid(500))).then_nothing();
    let other = PaymentReversed { payout: PayoutId::new(Uuid::from_u128(99)), ..reversed(500) };
    given::<Claim>(history)
        .when(Command::RecordReversal(other))
        .then_rejected(Rejection::ClaimAlreadyPaid { payout: paid(500).payout });
    given::<Claim>(all_approved())
        .when(Command::RecordReversal(reversed(500)))
        .then_rejected(Rejection::ClaimNotPaid { state: "approved" });
}

#[test]
fn a_history_out_of_order_is_corrupt() {
    assert!(replay::<Claim, _>(&[assessed(500)]).is_err());
    assert!(replay::<Claim, _>(&[filed(), assessed(500), filed()]).is_err());
    assert!(replay::<Claim, _>(&[filed(), assessed(500), passed(Step::Finance, "o2")]).is_err());
    assert!(replay::<Claim, _>(&[filed(), assessed(500), approved(500)]).is_err());
    let mut twice = all_approved();
    twice.extend([Event::Paid(paid(500)), Event::Paid(paid(500))]);
    assert!(replay::<Claim, _>(&twice).is_err());
    let mut other_amount = all_approved();
    other_amount.push(Event::Paid(paid(501)));
    assert!(replay::<Claim, _>(&other_amount).is_err());
    let other_payout = PayoutId::new(Uuid::from_u128(99));
    for back in [reversed(499), PaymentReversed { payout: other_payout, ..reversed(500) }] {
        let mut history = all_approved();
        history.extend([Event::Paid(paid(500)), Event::PaymentReversed(back)]);
        assert!(replay::<Claim, _>(&history).is_err());
    }
}

fn filed_body() -> Arc<Filed> {
    Arc::new(Filed {
        claim: ClaimId::new(Uuid::from_u128(1)),
        cover: CoverId::new(Uuid::from_u128(2)),
        member: MemberId::new(Uuid::from_u128(3)),
        chain: Chain {
            unit: "beiyi".parse().unwrap(),
            township: None,
            district: Some("shunyi".parse().unwrap()),
            office: "office".parse().unwrap(),
        },
        plan: "female-disease".parse().unwrap(),
        version: "V6".parse().unwrap(),
        case: CaseId::new(Uuid::from_u128(4)),
        asks: vec![],
        facts: facts(),
        by: "u0".parse().unwrap(),
        on: day("2014-11-30"),
    })
}

fn facts() -> Arc<Facts> {
    Arc::new(Facts {
        incident: Incident { kind: IncidentKind::Illness, date: day("2014-02-01") },
        applied_on: day("2014-11-30"),
        diagnoses: vec![],
        bills: vec![],
        stays: vec![],
        death: None,
        disability: None,
        losses: vec![],
        offsets: vec![],
        notified_on: None,
        documents: vec![],
    })
}

fn worth(amount: i64) -> Arc<Assessment> {
    Arc::new(Assessment {
        plan: "female-disease".parse().unwrap(),
        version: "V6".parse().unwrap(),
        lines: vec![],
        total: yuan(amount),
        trace: vec![],
        uses: BTreeMap::new(),
        basis: BTreeMap::new(),
        ceilings: BTreeMap::new(),
        ends_cover: false,
        findings: vec![],
    })
}

fn assessment(amount: i64) -> Arc<Assessed> {
    Arc::new(Assessed {
        assessment: worth(amount),
        cover_revision: 0,
        steps: vec![Step::UnitEndorsement, Step::FirstReview, Step::Finance],
        policy: "2014".parse().unwrap(),
    })
}

fn with_steps(amount: i64, steps: &[Step]) -> Arc<Assessed> {
    Arc::new(Assessed { steps: steps.to_vec(), ..(*assessment(amount)).clone() })
}

/// Endorsed, returned at the first review and supplemented; from then on it needs `steps`.
fn returned_and_supplemented(steps: &[Step]) -> Vec<Event> {
    let mut history = in_review();
    history.extend([passed(Step::UnitEndorsement, "u1"), returned()]);
    history.extend([Event::Supplemented(supplemented()), Event::Assessed(with_steps(600, steps))]);
    history
}

fn file(amount: i64) -> Command {
    Command::File { filed: filed_body(), assessed: assessment(amount) }
}

fn filed() -> Event {
    Event::Filed(filed_body())
}

fn lapsed() -> Event {
    Event::FilingLapsed(FilingLapsed {})
}

fn assessed(amount: i64) -> Event {
    Event::Assessed(assessment(amount))
}

fn in_review() -> Vec<Event> {
    vec![filed(), assessed(500)]
}

fn almost_approved() -> Vec<Event> {
    let mut history = in_review();
    history.push(passed(Step::UnitEndorsement, "u1"));
    history.push(passed(Step::FirstReview, "o1"));
    history
}

fn all_approved() -> Vec<Event> {
    let mut history = almost_approved();
    history.extend([passed(Step::Finance, "o2"), approved(500)]);
    history
}

fn decision(step: Step, by: &str) -> Decision {
    Decision {
        step: Some(step),
        by: by.parse().unwrap(),
        organisation: organisation(step),
        member: None,
        note: String::new(),
        on: day("2014-12-01"),
    }
}

fn organisation(step: Step) -> OrganisationId {
    filed_body().chain.at(step.level()).unwrap().clone()
}

fn pass(step: Step, by: &str, amount: Option<i64>) -> Command {
    let approval = amount.map(|amount| Approval {
        assessment: worth(amount),
        cover_revision: 7,
        expected: None,
    });
    Command::PassStep { decision: decision(step, by), confirmation: None, approval }
}

fn passed(step: Step, by: &str) -> Event {
    Event::StepPassed(StepPassed {
        step,
        by: by.parse().unwrap(),
        organisation: organisation(step),
        note: String::new(),
        confirmed: Vec::new(),
        on: day("2014-12-01"),
    })
}

fn approved(amount: i64) -> Event {
    Event::Approved(Arc::new(approved_body(amount)))
}

fn approved_body(amount: i64) -> Approved {
    Approved {
        step: Step::Finance,
        by: "o2".parse().unwrap(),
        organisation: "office".parse().unwrap(),
        amount: yuan(amount),
        assessment: worth(amount),
        cover_revision: 7,
        on: day("2014-12-01"),
    }
}

fn wanted() -> Wanted {
    Wanted { document: None, text: "病理报告".into() }
}

fn returned() -> Event {
    Event::Returned(Returned {
        step: Step::FirstReview,
        by: "o1".parse().unwrap(),
        organisation: "office".parse().unwrap(),
        wanted: vec![wanted()],
        note: String::new(),
        on: day("2014-12-01"),
    })
}

fn supplemented() -> Supplemented {
    Supplemented { facts: facts(), by: "u0".parse().unwrap(), on: day("2014-12-01") }
}

fn supplement() -> Command {
    Command::Supplement { supplemented: supplemented(), assessed: assessment(600) }
}

fn refused() -> Event {
    Event::Refused(refused_body())
}

fn refused_body() -> Refused {
    Refused {
        step: Step::UnitEndorsement,
        by: "u1".parse().unwrap(),
        organisation: "beiyi".parse().unwrap(),
        reason: RefusalReason::Waiting,
        note: String::new(),
        on: day("2014-12-01"),
    }
}

fn paid(amount: i64) -> Paid {
    let payout = PayoutId::of(filed_body().claim);
    Paid { payout, amount: yuan(amount), on: day("2014-12-20") }
}

fn reversed(amount: i64) -> PaymentReversed {
    let payout = PayoutId::of(filed_body().claim);
    PaymentReversed { payout, amount: yuan(amount), on: day("2015-01-20") }
}

fn yuan(amount: i64) -> Money {
    Money::exact(amount.into()).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
