use std::collections::BTreeMap;
use std::iter;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::assessment::{Accumulators, Waiting};
use crate::decider::replay;
use crate::id::MemberId;
use crate::id::checked::Sex;
use crate::member::MemberClass;
use crate::testing::given;

#[test]
fn a_cover_is_granted_once() {
    given::<Cover>([]).when(Command::Grant(body())).then([granted()]);
    given::<Cover>([granted()]).when(Command::Grant(body())).then_nothing();
    let mut other = (*body()).clone();
    other.units = 2;
    given::<Cover>([granted()])
        .when(Command::Grant(Arc::new(other)))
        .then_rejected(Rejection::CoverAlreadyGranted { cover: body().cover });
}

#[test]
fn a_benefit_within_the_ceiling_is_reserved_once() {
    given::<Cover>([granted()]).when(reserve(1, 1_000)).then([reserved(1, 1_000)]);
    given::<Cover>([granted(), reserved(1, 1_000)]).when(reserve(1, 1_000)).then_nothing();
    given::<Cover>([]).when(reserve(1, 1)).then_rejected(Rejection::CoverNotGranted);
}

#[test]
fn a_benefit_beyond_what_others_left_is_refused() {
    given::<Cover>([granted(), reserved(1, 900)]).when(reserve(2, 101)).then_rejected(
        Rejection::CeilingExceeded {
            accumulator: key(),
            ceiling: 1_000.into(),
            used: 900.into(),
            asked: 101.into(),
        },
    );
}

#[test]
fn what_is_carried_from_earlier_covers_counts() {
    let mut carrying = (*body()).clone();
    carrying.carried.insert(key(), 950.into());
    given::<Cover>([Event::Granted(Arc::new(carrying))]).when(reserve(1, 51)).then_rejected(
        Rejection::CeilingExceeded {
            accumulator: key(),
            ceiling: 1_000.into(),
            used: 950.into(),
            asked: 51.into(),
        },
    );
}

#[test]
fn a_claim_assessed_again_replaces_its_reserve() {
    given::<Cover>([granted(), reserved(1, 900)])
        .when(reserve(1, 1_000))
        .then([released(1, 900), reserved(1, 1_000)]);
}

#[test]
fn a_reserve_is_released_once() {
    let release = || Command::Release { claim: claim(1) };
    given::<Cover>([granted(), reserved(1, 900)]).when(release()).then([released(1, 900)]);
    given::<Cover>([granted()]).when(release()).then_nothing();
    given::<Cover>([granted(), reserved(1, 900), paid(1, 900)])
        .when(release())
        .then_rejected(Rejection::BenefitAlreadyPaid { claim: claim(1), payout: payout(1) });
}

#[test]
fn what_was_reserved_is_paid_once() {
    given::<Cover>([granted(), reserved(1, 900)]).when(pay(1, 900)).then([paid(1, 900)]);
    given::<Cover>([granted(), reserved(1, 900), paid(1, 900)]).when(pay(1, 900)).then_nothing();
    given::<Cover>([granted()])
        .when(pay(1, 900))
        .then_rejected(Rejection::NothingReserved { claim: claim(1) });
    given::<Cover>([granted(), reserved(1, 900)])
        .when(pay(1, 901))
        .then_rejected(Rejection::BenefitDiffers { standing: yuan(900), given: yuan(901) });
}

#[test]
fn a_payment_that_ends_the_cover_does() {
    let ending = |amount| BenefitReserved { ends_cover: true, ..reservation(1, amount) };
    let history = [granted(), Event::BenefitReserved(ending(900))];
    let end = Event::Ended(Ended { reason: EndReason::BenefitPaid, on: day("2014-06-01") });
    given::<Cover>(history.clone()).when(pay(1, 900)).then([paid(1, 900), end.clone()]);

    let [first, second] = history;
    let state: Cover = replay(&[first, second, paid(1, 900), end, reversed(1, 900)]).unwrap();
    assert_eq!(state.granted().unwrap().ended, None, "the reversal is the exact opposite");
}

#[test]
fn money_that_comes_after_the_term_does_not_make_the_right_last_longer() {
    let ending = BenefitReserved { ends_cover: true, ..reservation(1, 900) };
    let (claim, payout, on) = (claim(1), payout(1), day("2015-03-10"));
    let amount = yuan(900);
    given::<Cover>([granted(), Event::BenefitReserved(ending)])
        .when(Command::Pay { claim, payout, amount, on })
        .then([
            Event::BenefitPaid(BenefitPaid { claim, payout, amount, on }),
            Event::Ended(Ended { reason: EndReason::BenefitPaid, on: body().term.end() }),
        ]);
}

#[test]
fn a_cover_that_two_payments_end_goes_on_when_both_were_taken_back() {
    let ending = |number| {
        Event::BenefitReserved(BenefitReserved { ends_cover: true, ..reservation(number, 400) })
    };
    let end = || Event::Ended(Ended { reason: EndReason::BenefitPaid, on: day("2014-06-01") });
    let history = vec![granted(), ending(1), ending(2), paid(1, 400), end(), paid(2, 400)];
    for (first, then) in [(1, 2), (2, 1)] {
        let mut history = history.clone();
        given::<Cover>(history.clone())
            .when(reverse(first, 400))
            .then([reversed(first, 400), end()]);
        history.extend([reversed(first, 400), end()]);
        given::<Cover>(history.clone()).when(reverse(then, 400)).then([reversed(then, 400)]);
        history.push(reversed(then, 400));
        assert_eq!(replay::<Cover, _>(&history).unwrap().granted().unwrap().ended, None);
    }
}

#[test]
fn a_payment_is_reversed_once_and_whole() {
    let history = || vec![granted(), reserved(1, 900), paid(1, 900)];
    given::<Cover>(history()).when(reverse(1, 900)).then([reversed(1, 900)]);
    given::<Cover>(history())
        .when(reverse(1, 899))
        .then_rejected(Rejection::BenefitDiffers { standing: yuan(900), given: yuan(899) });
    given::<Cover>([granted(), reserved(1, 900)])
        .when(reverse(1, 900))
        .then_rejected(Rejection::BenefitNotPaid { claim: claim(1) });
    given::<Cover>([granted()])
        .when(reverse(1, 900))
        .then_rejected(Rejection::NothingReserved { claim: claim(1) });
    let mut reversed_before = history();
    reversed_before.push(reversed(1, 900));
    given::<Cover>(reversed_before).when(reverse(1, 900)).then_nothing();
}

#[test]
fn another_payout_never_touches_the_payment_of_a_claim() {
    let stranger = |on: &str| (claim(1), payout(9), yuan(900), day(on));
    for history in [
        vec![granted(), reserved(1, 900), paid(1, 900)],
        vec![granted(), reserved(1, 900), paid(1, 900), reversed(1, 900)],
    ] {
        let refused = || Rejection::BenefitAlreadyPaid { claim: claim(1), payout: payout(1) };
        let (claim, payout, amount, on) = stranger("2014-08-01");
        given::<Cover>(history.clone())
            .when(Command::Pay { claim, payout, amount, on })
            .then_rejected(refused());
        given::<Cover>(history)
            .when(Command::Reverse { claim, payout, amount, on })
            .then_rejected(refused());
    }
}

#[test]
fn what_was_reversed_is_free_for_others_and_closed_to_its_claim() {
    let history = || vec![granted(), reserved(1, 900), paid(1, 900), reversed(1, 900)];
    given::<Cover>(history()).when(reserve(2, 1_000)).then([reserved(2, 1_000)]);
    given::<Cover>(history()).when(pay(1, 900)).then_nothing();
    let paid_before = || Rejection::BenefitAlreadyPaid { claim: claim(1), payout: payout(1) };
    given::<Cover>(history()).when(reserve(1, 900)).then_rejected(paid_before());
    given::<Cover>(history())
        .when(Command::Release { claim: claim(1) })
        .then_rejected(paid_before());
}

#[test]
fn a_benefit_of_nothing_is_not_reserved() {
    let nothing = || BenefitReserved { uses: BTreeMap::new(), ..reservation(1, 0) };
    for reserved in [nothing(), reservation(1, -1)] {
        let amount = reserved.amount;
        given::<Cover>([granted()])
            .when(Command::Reserve(reserved))
            .then_rejected(Rejection::BenefitNotPositive { amount });
    }
}

#[test]
fn a_claim_that_is_worth_nothing_uses_up_what_it_bore() {
    let borne: AccumulatorKey = "deductible.year.2014".parse().unwrap();
    let bore =
        BenefitReserved { uses: [(borne.clone(), 1_300.into())].into(), ..reservation(1, 0) };
    let reserved = Event::BenefitReserved(bore.clone());
    given::<Cover>([granted()]).when(Command::Reserve(bore)).then([reserved.clone()]);
    let cover: Cover = replay(&[granted(), reserved]).unwrap();
    let standing = cover.granted().unwrap().standing_for(claim(2));
    assert_eq!(standing.used, [(borne, 1_300.into())].into());
}

#[test]
fn a_cover_has_entries_of_a_bounded_number_of_claims() {
    let full = iter::once(granted()).chain((0..1_000).map(|number| {
        Event::BenefitReserved(BenefitReserved { uses: BTreeMap::new(), ..reservation(number, 1) })
    }));
    given::<Cover>(full)
        .when(reserve(1_000, 1))
        .then_rejected(Rejection::TooManyEntries { limit: ENTRIES_MAX });
}

#[test]
fn a_sum_that_cannot_be_kept_exactly_is_refused() {
    let mut carrying = (*body()).clone();
    carrying.carried.insert(key(), Decimal::MAX);
    given::<Cover>([Event::Granted(Arc::new(carrying))])
        .when(reserve(1, 1))
        .then_rejected(Rejection::AccumulatorOutOfRange { accumulator: key() });
}

#[test]
fn a_claim_is_assessed_without_what_it_holds_itself() {
    let cover: Cover = replay(&[granted(), reserved(1, 900), reserved(2, 60)]).unwrap();
    let right = cover.granted().unwrap();
    assert_eq!(right.standing_for(claim(1)).used, [(key(), 60.into())].into());
    assert_eq!(right.standing_for(claim(2)).used, [(key(), 900.into())].into());
    assert_eq!(right.standing_for(claim(3)).used, [(key(), 960.into())].into());
}

#[test]
fn only_sums_of_a_lifetime_go_on_to_the_next_cover() {
    let lifetime: AccumulatorKey = "count.first-stay.lifetime".parse().unwrap();
    let mut carrying = (*body()).clone();
    carrying.carried = [(lifetime.clone(), 1.into())].into();
    let mut more = reservation(1, 900);
    more.uses.insert(lifetime.clone(), 2.into());
    let history = [Event::Granted(Arc::new(carrying)), Event::BenefitReserved(more)];
    let cover: Cover = replay(&history).unwrap();
    assert_eq!(cover.granted().unwrap().lifetime(), [(lifetime, 3.into())].into());
}

#[test]
fn a_reversal_does_not_revive_a_cover_that_ended_for_another_reason() {
    let death = Ended { reason: EndReason::Death, on: day("2014-05-31") };
    let ending = BenefitReserved { ends_cover: true, ..reservation(1, 900) };
    let history = [
        granted(),
        Event::BenefitReserved(ending),
        Event::Ended(death.clone()),
        paid(1, 900),
        reversed(1, 900),
    ];
    given::<Cover>(history[..3].iter().cloned()).when(pay(1, 900)).then([paid(1, 900)]);
    let cover: Cover = replay(&history).unwrap();
    assert_eq!(cover.granted().unwrap().ended, Some(death));
}

#[test]
fn a_cover_ends_once_and_within_its_term() {
    let body = |on: &str| Ended { reason: EndReason::LeftService, on: day(on) };
    let end = |on: &str| Command::End(body(on));
    given::<Cover>([granted()]).when(end("2014-06-01")).then([Event::Ended(body("2014-06-01"))]);
    given::<Cover>([granted(), Event::Ended(body("2014-06-01"))])
        .when(end("2014-06-01"))
        .then_nothing();
    given::<Cover>([granted(), Event::Ended(body("2014-06-01"))])
        .when(end("2014-06-02"))
        .then_rejected(Rejection::CoverAlreadyEnded { since: day("2014-06-01") });
    given::<Cover>([granted()]).when(end("2015-01-01")).then_rejected(Rejection::EndOutsideTerm {
        given: day("2015-01-01"),
        term: self::body().term,
    });
}

#[test]
fn a_payment_without_a_reserve_is_corrupt() {
    assert!(replay::<Cover, _>(&[granted(), paid(1, 900)]).is_err());
    assert!(replay::<Cover, _>(&[granted(), reserved(1, 900), paid(1, 899)]).is_err());
    assert!(replay::<Cover, _>(&[reserved(1, 900)]).is_err());
}

#[test]
fn what_no_cover_decides_is_corrupt() {
    let ended = || Event::Ended(Ended { reason: EndReason::Death, on: day("2014-05-31") });
    let Event::BenefitReversed(body) = reversed(1, 900) else { unreachable!() };
    let of_another = Event::BenefitReversed(BenefitReversed { payout: payout(9), ..body });
    for after in [
        vec![granted()],
        vec![ended(), ended()],
        vec![reserved(1, 900), reserved(1, 900)],
        vec![reserved(1, 900), released(1, 899)],
        vec![reserved(1, 900), paid(1, 900), released(1, 900)],
        vec![reserved(1, 900), paid(1, 900), paid(1, 900)],
        vec![reserved(1, 900), reversed(1, 900)],
        vec![reserved(1, 900), paid(1, 900), reversed(1, 899)],
        vec![reserved(1, 900), paid(1, 900), of_another],
        vec![reserved(1, 900), paid(1, 900), reversed(1, 900), reversed(1, 900)],
    ] {
        let history: Vec<_> = iter::once(granted()).chain(after).collect();
        let (last, before) = history.split_last().unwrap();
        let state: Cover = replay(before).unwrap();
        assert_eq!(
            state.evolve(last),
            Err(Impossible { event: last.name(), state: "Granted" }),
            "{history:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_interleaving_of_claims_passes_a_ceiling(
        commands in prop::collection::vec(any_command(), 0..60),
    ) {
        let mut live = Cover::default().evolve(&granted()).unwrap();
        let mut history = vec![granted()];
        let mut oracle = BTreeMap::new();
        for command in commands {
            for event in live.decide(command).unwrap_or_default() {
                live = live.evolve(&event).unwrap();
                match &event {
                    Event::BenefitReserved(body) => {
                        oracle.insert(body.claim, body.amount.fen());
                    }
                    Event::BenefitReleased(BenefitReleased { claim, amount })
                    | Event::BenefitReversed(BenefitReversed { claim, amount, .. }) => {
                        prop_assert_eq!(oracle.remove(claim), Some(amount.fen()));
                    }
                    Event::BenefitPaid(body) => {
                        prop_assert_eq!(oracle.get(&body.claim), Some(&body.amount.fen()));
                    }
                    Event::Granted(_) | Event::Ended(_) => {}
                }
                history.push(event);
            }
            let used = live.granted().unwrap().used_by_others(&key(), claim(0)).unwrap();
            prop_assert!(used <= Decimal::from(1_000), "{used}");
            prop_assert_eq!(used, Decimal::new(oracle.values().sum(), 2));
        }
        prop_assert_eq!(replay::<Cover, _>(&history), Ok(live));
    }

    #[test]
    fn a_reversal_leaves_to_others_what_they_had_before_the_claim(
        before in prop::collection::vec(any_command(), 0..20), amount in 1..1_000_i64,
    ) {
        let mut cover = Cover::default().evolve(&granted()).unwrap();
        let put = |cover: Cover, command| {
            let events: Vec<Event> = cover.decide(command).unwrap_or_default();
            events.iter().try_fold(cover, Cover::evolve).unwrap()
        };
        for command in before {
            cover = put(cover, command);
        }
        let standing = |cover: &Cover| cover.granted().unwrap().standing_for(claim(0));
        let untouched = standing(&cover);
        for command in [reserve(7, amount), pay(7, amount), reverse(7, amount)] {
            cover = put(cover, command);
        }
        prop_assert_eq!(standing(&cover), untouched);
    }

    #[test]
    fn every_effect_is_once_however_often_it_is_asked_for(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let mut cover = Cover::default().evolve(&granted()).unwrap();
        for command in commands {
            let Ok(events) = cover.decide(command.clone()) else { continue };
            cover = events.iter().try_fold(cover, Cover::evolve).unwrap();
            prop_assert_eq!(cover.decide(command), Ok(Vec::new()));
        }
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (1..6_u128, 0..700_i64).prop_map(|(claim, amount)| reserve(claim, amount)),
        1 => (1..6_u128).prop_map(|number| Command::Release { claim: claim(number) }),
        2 => (1..6_u128, 0..700_i64).prop_map(|(claim, amount)| pay(claim, amount)),
        1 => (1..6_u128, 0..700_i64).prop_map(|(claim, amount)| reverse(claim, amount)),
    ]
}

fn body() -> Arc<Granted> {
    Arc::new(Granted {
        cover: CoverId::new(Uuid::from_u128(1)),
        member: MemberId::new(Uuid::from_u128(2)),
        plan: "nuan-huzhu".parse().unwrap(),
        version: "2014-revised".parse().unwrap(),
        roster: None,
        unit: "beiyi".parse().unwrap(),
        district: Some("shunyi".parse().unwrap()),
        class: MemberClass::Ordinary,
        sex: Sex::Female,
        born: day("1985-06-15"),
        units: 1,
        term: Term::new(day("2014-01-01"), day("2014-12-31")).unwrap(),
        waiting: Waiting::Waived,
        renews: None,
        carried: Accumulators::new(),
        contribution: Money::ZERO,
        on: day("2014-01-01"),
    })
}

fn granted() -> Event {
    Event::Granted(body())
}

fn reservation(number: u128, amount: i64) -> BenefitReserved {
    BenefitReserved {
        claim: claim(number),
        amount: yuan(amount),
        uses: [(key(), amount.into())].into(),
        ceilings: [(key(), 1_000.into())].into(),
        ends_cover: false,
    }
}

fn reserve(number: u128, amount: i64) -> Command {
    Command::Reserve(reservation(number, amount))
}

fn reserved(number: u128, amount: i64) -> Event {
    Event::BenefitReserved(reservation(number, amount))
}

fn released(number: u128, amount: i64) -> Event {
    Event::BenefitReleased(BenefitReleased { claim: claim(number), amount: yuan(amount) })
}

fn pay(number: u128, amount: i64) -> Command {
    let (claim, payout) = (claim(number), payout(number));
    Command::Pay { claim, payout, amount: yuan(amount), on: day("2014-06-01") }
}

fn paid(number: u128, amount: i64) -> Event {
    let (claim, payout) = (claim(number), payout(number));
    Event::BenefitPaid(BenefitPaid { claim, payout, amount: yuan(amount), on: day("2014-06-01") })
}

fn reverse(number: u128, amount: i64) -> Command {
    let (claim, payout) = (claim(number), payout(number));
    Command::Reverse { claim, payout, amount: yuan(amount), on: day("2014-07-01") }
}

fn reversed(number: u128, amount: i64) -> Event {
    let (claim, payout) = (claim(number), payout(number));
    let on = day("2014-07-01");
    Event::BenefitReversed(BenefitReversed { claim, payout, amount: yuan(amount), on })
}

fn key() -> AccumulatorKey {
    "amount.total.year.2014".parse().unwrap()
}

fn claim(number: u128) -> ClaimId {
    ClaimId::new(Uuid::from_u128(number))
}

fn payout(number: u128) -> PayoutId {
    PayoutId::of(claim(number))
}

fn yuan(amount: i64) -> Money {
    Money::exact(amount.into()).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
