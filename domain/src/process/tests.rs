use std::collections::BTreeSet;

use super::*;
use crate::testing::golden;

const ID: Uuid = Uuid::from_u128(7);

fn asked(event: &Event) -> Vec<FollowUp> {
    react(ID, event)
}

fn stored(name: &str) -> Event {
    golden::events().into_iter().find(|event| event.name() == name).unwrap()
}

#[test]
fn an_approved_claim_owes_its_payout() {
    let claim = ClaimId::new(ID);
    assert_eq!(asked(&stored("ClaimApproved")), [FollowUp::Owe { claim }]);
}

#[test]
fn a_claim_that_is_not_paid_lets_go_of_its_cover() {
    let claim = ClaimId::new(ID);
    for name in ["ClaimReturned", "ClaimRefused", "ClaimWithdrawn"] {
        assert_eq!(asked(&stored(name)), [FollowUp::Release { claim }], "{name}");
    }
}

#[test]
fn a_reserve_is_looked_at_for_the_claim_it_names() {
    let event = stored("CoverBenefitReserved");
    let Event::Cover(cover::Event::BenefitReserved(body)) = &event else { unreachable!() };
    assert_eq!(asked(&event), [FollowUp::Release { claim: body.claim }]);
}

#[test]
fn a_confirmed_roster_grants_its_covers() {
    let roster = RosterId::new(ID);
    assert_eq!(asked(&stored("RosterConfirmed")), [FollowUp::GrantCovers { roster }]);
}

#[test]
fn a_batch_is_gathered_and_its_answer_carried_to_each_payout() {
    let batch = BatchId::new(ID);
    assert_eq!(asked(&stored("BatchOpened")), [FollowUp::Gather { batch }]);
    let event = stored("BatchAnswered");
    let Event::Batch(batch::Event::Answered(body)) = &event else { unreachable!() };
    let carried =
        |line: &AnswerLine| FollowUp::CarryAnswer { batch, line: line.clone(), on: body.on };
    let expected: Vec<_> = body.lines.iter().map(carried).collect();
    assert_eq!(asked(&event), expected);
    assert_eq!(expected.len(), 2);
}

#[test]
fn a_payout_tells_cover_and_claim() {
    let payout = PayoutId::new(ID);
    assert_eq!(asked(&stored("PayoutSettled")), [FollowUp::CarrySettlement { payout }]);
    assert_eq!(asked(&stored("PayoutReversed")), [FollowUp::CarryReversal { payout }]);
}

#[test]
fn no_other_event_asks_for_anything() {
    let asking: BTreeSet<_> =
        golden::events().iter().filter(|event| !asked(event).is_empty()).map(Event::name).collect();
    let expected = [
        "BatchAnswered",
        "BatchOpened",
        "ClaimApproved",
        "ClaimRefused",
        "ClaimReturned",
        "ClaimWithdrawn",
        "CoverBenefitReserved",
        "PayoutReversed",
        "PayoutSettled",
        "RosterConfirmed",
    ];
    assert_eq!(asking, BTreeSet::from(expected));
}

#[test]
fn each_follow_up_of_a_command_has_an_id_of_its_own() {
    let cause = CommandId::new(ID);
    let all: Vec<_> = golden::events().iter().flat_map(asked).collect();
    let different: BTreeSet<_> = all.iter().map(|asked| format!("{asked:?}")).collect();
    let ids: BTreeSet<_> = all.iter().map(|asked| asked.command(cause)).collect();
    assert_eq!(ids.len(), different.len());
}
