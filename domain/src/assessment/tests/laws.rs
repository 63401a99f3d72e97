//! What holds for every assessment, whatever the claims.

use proptest::prelude::*;

use super::*;
use crate::claim::facts::{Disability, Loss, Offset, Payer};

/// Plans of every kind, with the year of their covers.
const PLANS: [(&str, i16); 8] = [
    ("nuan-huzhu.2014-revised", 2014),
    ("hospital-medical.2008", 2009),
    ("hospital-medical.2011", 2014),
    ("hospital-allowance.2013-one-day", 2014),
    ("female-disease.v12", 2019),
    ("accident.2010-06", 2014),
    ("non-work-accident.2016", 2016),
    ("secondary-relief.2014", 2014),
];

fn fen() -> impl Strategy<Value = Money> {
    prop_oneof![0..300_000_i64, 0..70_000_000_i64].prop_map(|fen| Money::from_fen(fen).unwrap())
}

fn any_stay(year: i16) -> impl Strategy<Value = Stay> {
    (0..360_i64, 0..200_i64, 1..=3_u8, fen(), fen(), any::<(bool, bool)>()).prop_map(
        move |(day, days, grade, below, above, (special, mental))| {
            let admitted = date(year, 1, 2).checked_add(jiff::Span::new().days(day)).unwrap();
            Stay {
                hospital_grade: grade,
                self_pay_one_above: above,
                special_disease: special,
                mental_illness: mental && special,
                cause: Some(id(if special { "C50" } else { "I21" })),
                ..stay(&format!("S-{day}-{days}-{grade}"), admitted, days, &below.to_string())
            }
        },
    )
}

fn any_receipt(year: i16) -> impl Strategy<Value = Bill> {
    (0..360_i64, fen(), fen()).prop_map(move |(day, below, above)| {
        let day = date(year, 1, 2).checked_add(jiff::Span::new().days(day)).unwrap();
        Bill { self_pay_one_above: above, ..receipt(day, &below.to_string()) }
    })
}

fn any_facts(year: i16) -> impl Strategy<Value = Facts> {
    let kind = prop_oneof![
        Just(IncidentKind::Illness),
        Just(IncidentKind::NonWorkAccident),
        Just(IncidentKind::PropertyDamage)
    ];
    let severity = prop_oneof![Just(Severity::Ordinary), Just(Severity::InSitu)];
    (
        kind,
        prop::collection::vec(any_stay(year), 0..4),
        prop::collection::vec(any_receipt(year), 0..4),
        prop::option::of((0..360_i64, severity)),
        prop::option::of(1..=10_u8),
        any::<bool>(),
        prop::option::of(fen()),
        prop::option::of(fen()),
    )
        .prop_map(move |(kind, stays, bills, disease, grade, died, lost, offset)| {
            let mut all = facts(kind, year);
            all.applied_on = date(year.saturating_add(1), 3, 31);
            // Serials derive from what was drawn, so equal draws are one paper.
            for stay in stays {
                if all.stays.iter().all(|other| other.serial != stay.serial) {
                    all.stays.push(stay);
                }
            }
            all.stays.retain(|stay| stay.discharged <= all.applied_on);
            for bill in bills {
                if all.bills.iter().all(|other| other.serial != bill.serial) {
                    all.bills.push(bill);
                }
            }
            all.diagnoses.extend(disease.map(|(day, severity)| {
                let day = date(year, 1, 2).checked_add(jiff::Span::new().days(day)).unwrap();
                diagnosis("C50", severity, day)
            }));
            all.disability = grade.map(|grade| Disability { grade, assessed_on: date(year, 8, 1) });
            all.death = died.then_some(date(year, 9, 1));
            let loss = |amount| Loss { kind: LossKind::Fire, amount };
            all.losses.extend(lost.map(loss));
            let relief = |amount| Offset { payer: Payer::MedicalRelief, amount };
            all.offsets.extend(offset.map(relief));
            all
        })
}

fn any_cover(terms: &PlanVersion, year: i16) -> impl Strategy<Value = CoverStanding> + use<> {
    let standing = cover(terms, year);
    let class = prop_oneof![
        Just(MemberClass::Ordinary),
        Just(MemberClass::ModelWorker),
        Just(MemberClass::Hardship)
    ];
    (1..5_u32, class, any::<bool>()).prop_map(move |(units, class, waits)| CoverStanding {
        units,
        class,
        waiting: if waits { Waiting::From(date(year, 1, 1)) } else { Waiting::Waived },
        ..standing.clone()
    })
}

fn any_history() -> impl Strategy<Value = (PlanVersion, CoverStanding, Vec<Facts>)> {
    (0..PLANS.len()).prop_flat_map(|i| {
        let (file, year) = PLANS[i];
        let terms = published(file);
        let claims = prop::collection::vec(any_facts(year), 1..6);
        (any_cover(&terms, year), claims)
            .prop_map(move |(cover, claims)| (terms.clone(), cover, claims))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Lines add up, no claim of a sequence passes a ceiling, and twice gives the same bytes.
    #[test]
    fn claims_in_any_sequence_keep_the_invariants((terms, cover, claims) in any_history()) {
        let mut standing = cover;
        for facts in claims {
            let first = assess(&terms, &standing, &[], &facts);
            prop_assert_eq!(&first, &assess(&terms, &standing, &[], &facts));
            let Ok(assessment) = first else { continue };
            hold(&assessment, &standing);
            let bytes = serde_json::to_vec(&assessment).unwrap();
            let back: Assessment = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(serde_json::to_vec(&back).unwrap(), bytes);
            prop_assert_eq!(back, assessment.clone());
            standing = after(standing, &assessment);
        }
    }

    /// The accumulators that were read are enough to compute the same again.
    #[test]
    fn the_basis_alone_gives_the_same((terms, cover, claims) in any_history()) {
        let mut standing = cover;
        for facts in claims {
            let Ok(assessment) = assess(&terms, &standing, &[], &facts) else { continue };
            let recomputed = CoverStanding { used: assessment.basis.clone(), ..standing.clone() };
            let again = assess(&terms, &recomputed, &[], &facts);
            prop_assert_eq!(again.as_ref(), Ok(&assessment));
            standing = after(standing, &assessment);
        }
    }

    /// A larger expense never pays less.
    #[test]
    fn a_larger_bill_never_pays_less(
        facts in any_facts(2014),
        more in fen(),
        which in 0..4_usize,
        plan in 0..3_usize,
    ) {
        let terms = published([
            "nuan-huzhu.2014-revised", "hospital-medical.2011", "secondary-relief.2014",
        ][plan]);
        let standing = cover(&terms, 2014);
        let mut larger = facts.clone();
        if let Some(stay) = larger.stays.get_mut(which) {
            stay.self_pay_one = stay.self_pay_one.plus(more).unwrap();
            stay.self_pay_one_above = stay.self_pay_one_above.plus(more).unwrap();
        }
        let total = |facts| assess(&terms, &standing, &[], facts).map(|paid| paid.total);
        if let (Ok(less), Ok(more)) = (total(&facts), total(&larger)) {
            prop_assert!(less <= more, "{less} became {more}");
        }
    }

    /// What a year of receipts is worth does not depend on how it was split into claims.
    #[test]
    fn a_year_to_date_pays_the_same_in_one_claim_or_in_many(
        bills in prop::collection::vec(any_receipt(2014), 1..8),
        first in 0..8_usize,
    ) {
        let terms = published("nuan-huzhu.2014-revised");
        let standing = cover(&terms, 2014);
        let mut all: Vec<Bill> = Vec::new();
        for bill in bills {
            if all.iter().all(|other| other.serial != bill.serial) {
                all.push(bill);
            }
        }
        let of = |bills: &[Bill]| Facts { bills: bills.to_vec(), ..illness(2014) };
        let whole = assessed(&terms, &standing, &[], &of(&all)).total;
        let (early, late) = all.split_at(first.clamp(1, all.len()));
        let paid_early = assessed(&terms, &standing, &[], &of(early));
        let mut sum = paid_early.total;
        if !late.is_empty() {
            let paid_late = assessed(&terms, &after(standing, &paid_early), &[], &of(late));
            sum = sum.plus(paid_late.total).unwrap();
        }
        prop_assert_eq!(sum, whole);
    }
}
