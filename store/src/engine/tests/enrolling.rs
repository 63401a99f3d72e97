use huzhu_domain::assessment::Waiting;
use huzhu_domain::cover::EndReason;
use huzhu_domain::id::{CoverId, MemberId};
use huzhu_domain::organisation::Name;
use huzhu_domain::roster::{RefusedLine, Roster};
use huzhu_domain::step::Level;
use jiff::civil::date;

use super::world::*;
use crate::engine::{
    GrantCover, OpenRoster, RegisterMember, RegisterOrganisation, RosterLine, streams,
};

#[tokio::test]
async fn a_confirmed_roster_grants_each_member_one_cover() {
    let world = World::new().await;
    let members = world.members(20).await;
    let start = date(2015, 1, 1);
    let roster = world.roster("hospital-allowance", &members, start).await;
    let receipt = world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
    let names: Vec<_> = receipt.events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["RosterConfirmed"]);
    let loaded = world.engine.load::<Roster>(streams::roster(roster)).await.unwrap();
    assert!(matches!(loaded.state, Roster::Granted(_)));
    for member in members {
        let cover = CoverId::of(&"hospital-allowance".parse().unwrap(), member, start);
        let cover = world.cover(cover).await;
        let granted = &cover.granted().unwrap().granted;
        assert_eq!(granted.roster, Some(roster));
        assert_eq!(granted.contribution, yuan("60"));
        assert_eq!(granted.district.as_ref().unwrap().as_str(), "miyun");
        assert_eq!(granted.waiting, Waiting::Waived);
    }
}

#[tokio::test]
async fn a_roster_with_too_few_workers_is_not_confirmed() {
    let world = World::new().await;
    let members = world.members(19).await;
    let roster = world.roster("hospital-allowance", &members, date(2015, 1, 1)).await;
    let events = world.events().await;
    let answer = world.engine.confirm_roster(&world.clerk(), roster).await;
    assert_eq!(refused(answer), "PARTICIPATION_TOO_LOW");
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn bad_lines_are_told_and_good_ones_kept() {
    let world = World::new().await;
    let members = world.members(3).await;
    let start = date(2015, 1, 1);
    world.engine.retire_member(&world.operator(), members[1], DAY).await.unwrap();
    let envelope = world.clerk();
    let roster = huzhu_domain::id::RosterId::of(envelope.command);
    let open = OpenRoster {
        plan: "hospital-allowance".parse().unwrap(),
        version: None,
        unit: "works".parse().unwrap(),
        start,
    };
    world.engine.open_roster(&envelope, open).await.unwrap();
    let nobody = MemberId::new(uuid::Uuid::nil());
    let line = |number, member| RosterLine { number, member, units: 1, high_risk: false };
    let lines = vec![
        line(1, members[0]),
        line(2, members[1]),
        line(3, nobody),
        line(4, members[0]),
        RosterLine { units: 0, ..line(5, members[2]) },
    ];
    let envelope = world.clerk();
    let expected = [
        (2, "MEMBER_RETIRED"),
        (3, "MEMBER_NOT_REGISTERED"),
        (4, "MEMBER_TWICE"),
        (5, "UNITS_NOT_SOLD"),
    ];
    for repeated in [false, true] {
        let added = world.engine.add_roster_lines(&envelope, roster, lines.clone()).await.unwrap();
        let refused: Vec<_> = added
            .refused
            .into_iter()
            .map(|line| {
                let why = huzhu_domain::rejection::Rejection::from(line.why);
                (line.number, why.reason())
            })
            .collect();
        assert_eq!(refused, expected.map(|(number, why)| (number, why.to_owned())));
        assert_eq!((added.taken, added.receipt.repeated), (1, repeated));
    }
}

#[tokio::test]
async fn lines_sent_again_are_told_as_they_stand_in_the_roster() {
    let world = World::new().await;
    let members = world.members(2).await;
    let roster = world.roster("hospital-allowance", &members[..1], date(2015, 1, 1)).await;
    let (late, envelope) = (world.operator(), world.clerk());
    let lines = vec![line((members[1], 2)), line((MemberId::of(late.command), 3))];
    let told = async |envelope| {
        let added = world.engine.add_roster_lines(envelope, roster, lines.clone()).await.unwrap();
        let why = |line: &RefusedLine| {
            huzhu_domain::rejection::Rejection::from(line.why.clone()).reason()
        };
        let refused = added.refused.iter().map(|line| (line.number, why(line))).collect::<Vec<_>>();
        (added.receipt.repeated, added.taken, refused)
    };
    let unknown = vec![(3, "MEMBER_NOT_REGISTERED".to_owned())];
    assert_eq!(told(&envelope).await, (false, 1, unknown));
    world.engine.register_member(&late, register_member(77)).await.unwrap();
    let left_out = vec![(3, "LINE_NOT_TAKEN".to_owned())];
    assert_eq!(told(&envelope).await, (true, 1, left_out));
    assert_eq!(told(&world.clerk()).await, (false, 2, vec![]));
}

#[tokio::test]
async fn a_member_is_not_enrolled_twice_for_the_same_days() {
    let world = World::new().await;
    let members = world.members(20).await;
    let first = world.roster("hospital-allowance", &members, date(2015, 1, 1)).await;
    let second = world.roster("hospital-allowance", &members, date(2015, 6, 1)).await;
    world.engine.confirm_roster(&world.clerk(), first).await.unwrap();
    // Both rosters were open at once; the second one comes too late for everyone.
    world.engine.confirm_roster(&world.clerk(), second).await.unwrap();
    let plan = "hospital-allowance".parse().unwrap();
    for member in &members {
        let late = world.cover(CoverId::of(&plan, *member, date(2015, 6, 1))).await;
        assert!(late.granted().is_err());
    }
    let envelope = world.clerk();
    let roster = huzhu_domain::id::RosterId::of(envelope.command);
    let open = OpenRoster {
        plan,
        version: None,
        unit: "works".parse().unwrap(),
        start: date(2015, 12, 31),
    };
    world.engine.open_roster(&envelope, open).await.unwrap();
    let line = vec![line((members[0], 1))];
    let added = world.engine.add_roster_lines(&world.clerk(), roster, line).await.unwrap();
    let why = huzhu_domain::rejection::Rejection::from(added.refused[0].why.clone());
    assert_eq!(why.reason(), "ALREADY_ENROLLED");
}

#[tokio::test]
async fn a_version_that_is_not_on_sale_is_told_from_one_that_nobody_knows() {
    let world = World::new().await;
    for (version, why) in [("2015", "VERSION_UNKNOWN"), ("2013-one-day", "NONE_HELD")] {
        let open = OpenRoster {
            plan: "hospital-allowance".parse().unwrap(),
            version: Some(version.parse().unwrap()),
            unit: "works".parse().unwrap(),
            start: date(2012, 1, 1),
        };
        assert_eq!(refused(world.engine.open_roster(&world.clerk(), open).await), why);
    }
}

#[tokio::test]
async fn a_renewal_does_not_wait() {
    let world = World::new().await;
    let members = world.members(20).await;
    let plan = "female-disease".parse().unwrap();
    for (start, waits) in [(date(2011, 6, 1), true), (date(2013, 6, 10), false)] {
        let roster = world.roster("female-disease", &members, start).await;
        world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
        let cover = world.cover(CoverId::of(&plan, members[0], start)).await;
        let expected = if waits { Waiting::From(start) } else { Waiting::Waived };
        assert_eq!(cover.granted().unwrap().granted.waiting, expected);
    }
}

#[tokio::test]
async fn a_free_plan_takes_who_meets_its_conditions() {
    let world = World::new().await;
    let member = world.member().await;
    let grant =
        |plan: &str| GrantCover { plan: plan.parse().unwrap(), member, start: date(2014, 1, 1) };
    let answer = world.engine.grant_cover(&world.operator(), grant("hospital-allowance")).await;
    assert_eq!(refused(answer), "MODE_DIFFERS");
    let mut early = grant("nuan-huzhu");
    early.start = date(2011, 1, 1);
    let answer = world.engine.grant_cover(&world.operator(), early).await;
    assert_eq!(refused(answer), "NONE_HELD");
    let envelope = world.operator();
    world.engine.grant_cover(&envelope, grant("nuan-huzhu")).await.unwrap();
    let again = world.engine.grant_cover(&envelope, grant("nuan-huzhu")).await.unwrap();
    assert!(again.repeated);
    let other = world.engine.grant_cover(&world.operator(), grant("nuan-huzhu")).await.unwrap();
    assert!(other.events.is_empty());
    world.engine.retire_member(&world.operator(), member, DAY).await.unwrap();
    let mut later = grant("nuan-huzhu");
    later.start = date(2015, 1, 1);
    let answer = world.engine.grant_cover(&world.operator(), later).await;
    assert_eq!(refused(answer), "MEMBER_RETIRED");
}

#[tokio::test]
async fn a_unit_without_a_union_joins_the_free_plan_for_its_contribution() {
    let world = World::new().await;
    let shop = RegisterOrganisation {
        id: "shop".parse().unwrap(),
        level: Level::Unit,
        name: Name { zh: "小店".to_owned(), en: None },
        parent: Some("gulou".parse().unwrap()),
        credit_code: None,
        has_union: false,
        workers: 3,
    };
    world.engine.register_organisation(&world.operator(), shop).await.unwrap();
    let envelope = world.operator();
    let register = RegisterMember { unit: "shop".parse().unwrap(), ..register_member(7) };
    world.engine.register_member(&envelope, register).await.unwrap();
    let cover = world.free_cover(MemberId::of(envelope.command)).await;
    let cover = world.cover(cover).await;
    assert_eq!(cover.granted().unwrap().granted.contribution, yuan("60"));
    let of_works = world.cover(world.free_cover(world.member().await).await).await;
    assert_eq!(of_works.granted().unwrap().granted.contribution, yuan("0"));
}

#[tokio::test]
async fn a_member_whose_cover_was_ended_enrols_anew_and_waits_again() {
    let world = World::new().await;
    let members = world.members(20).await;
    let plan = "female-disease".parse().unwrap();
    let (first, second) = (date(2011, 6, 1), date(2012, 7, 1));
    let roster = world.roster("female-disease", &members, first).await;
    world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
    for member in &members {
        let cover = CoverId::of(&plan, *member, first);
        let (reason, on) = (EndReason::Requested, date(2012, 3, 31));
        world.engine.end_cover(&world.operator(), cover, reason, on).await.unwrap();
    }
    let roster = world.roster("female-disease", &members, second).await;
    world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
    let cover = world.cover(CoverId::of(&plan, members[0], second)).await;
    let granted = &cover.granted().unwrap().granted;
    assert_eq!((granted.waiting, granted.renews), (Waiting::From(second), None));
}

#[tokio::test]
async fn a_cover_that_was_ended_pays_nothing_after() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let (reason, on) = (EndReason::LeftService, date(2014, 6, 30));
    world.engine.end_cover(&world.operator(), cover, reason, on).await.unwrap();
    let facts = stay("S1", "9300");
    let answer = world.engine.file_claim(&world.clerk(), filing(cover, facts)).await;
    assert_eq!(refused(answer), "COVER_ENDED");
}

#[tokio::test]
async fn a_cancelled_roster_is_closed() {
    let world = World::new().await;
    let members = world.members(20).await;
    let roster = world.roster("hospital-allowance", &members, date(2015, 1, 1)).await;
    let engine = &world.engine;
    engine.remove_roster_member(&world.clerk(), roster, members[0]).await.unwrap();
    engine.cancel_roster(&world.clerk(), roster, "next year".to_owned()).await.unwrap();
    assert_eq!(refused(engine.confirm_roster(&world.clerk(), roster).await), "ROSTER_CLOSED");
}
