//! What happens to members: stays in hospital, outpatient bills, and diseases of women.

use huzhu_domain::claim::facts::{
    Bill, Diagnosis, Document, DocumentKind, Facts, Incident, IncidentKind, Severity, Stay,
};
use huzhu_domain::money::Money;
use jiff::civil::Date;

use super::random::Random;
use super::{SimulateError, days_after, made};

/// Causes of a stay: pneumonia, appendicitis, fractures and the like.
const CAUSES: [&str; 10] =
    ["J18.9", "K35.8", "I21.9", "S82.6", "M51.2", "E11.9", "I63.9", "K80.2", "C34.9", "N20.0"];
/// Diseases that the plan for women lists.
const DISEASES: [&str; 4] = ["C50.9", "C53.9", "C54.1", "C56"];

/// What kind of thing happens to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Stay,
    Outpatient,
    Disease,
}

/// What happened in a month to the member whose papers carry `serial`.
pub(super) fn facts(
    happening: Happening,
    month: Date,
    serial: &str,
    random: &mut Random,
) -> Result<Facts, SimulateError> {
    let begun = days_after(month, random.between(0, 11))?;
    let mut facts = Facts {
        incident: Incident { kind: IncidentKind::Illness, date: begun },
        applied_on: days_after(month, 27)?,
        diagnoses: Vec::new(),
        bills: Vec::new(),
        stays: Vec::new(),
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: Some(begun),
        documents: Vec::new(),
    };
    let mut papers =
        vec![DocumentKind::Application, DocumentKind::IdentityCopy, DocumentKind::CardCopy];
    match happening {
        Happening::Stay => {
            facts.stays.push(stay(begun, serial, &CAUSES, random)?);
            papers
                .extend([DocumentKind::InpatientStatement, DocumentKind::HospitalRecordFirstPage]);
        }
        Happening::Outpatient => {
            facts.bills = bills(begun, serial, random)?;
            papers.push(DocumentKind::OutpatientReceipt);
        }
        Happening::Disease => {
            let stay = stay(begun, serial, &DISEASES, random)?;
            facts.diagnoses.extend(stay.cause.clone().map(|code| Diagnosis {
                code,
                severity: Severity::Heavy,
                established_on: begun,
                secondary: false,
                pre_existing: random.chance(50),
                confirmed_by_review: false,
            }));
            facts.stays.push(stay);
            papers.extend([DocumentKind::PathologyReport, DocumentKind::HospitalRecordFirstPage]);
        }
    }
    facts.documents =
        papers.into_iter().map(|kind| paper(kind, random)).collect::<Result<_, _>>()?;
    Ok(facts)
}

/// A paper that was handed in.
pub(super) fn paper(kind: DocumentKind, random: &mut Random) -> Result<Document, SimulateError> {
    let sha256 = made("digest", random.digest().parse())?;
    Ok(Document { kind, name: format!("{kind:?}.pdf"), sha256 })
}

fn stay(
    admitted: Date,
    serial: &str,
    causes: &[&str],
    random: &mut Random,
) -> Result<Stay, SimulateError> {
    let hospital_grade = match random.between(0, 9) {
        0 => 1,
        1..=3 => 2,
        _ => 3,
    };
    // One stay in twenty is grave: it passes the ceiling of the medical insurance.
    let grave = random.chance(50);
    let (low, high) = if grave { (2_000_000, 6_000_000) } else { (120_000, 1_200_000) };
    let above = if grave { random.between(0, 20_000_000) } else { 0 };
    Ok(Stay {
        serial: made("serial", serial.parse())?,
        hospital_grade,
        admitted,
        discharged: days_after(admitted, random.between(2, 15))?,
        self_pay_one: fen(random.between(low, high))?,
        self_pay_one_above: fen(above)?,
        self_pay_two: fen(random.between(0, 300_000))?,
        own_expense: fen(random.between(0, 200_000))?,
        special_disease: random.chance(30),
        mental_illness: false,
        cause: random.pick(causes).and_then(|code| code.parse().ok()),
        joins: None,
    })
}

/// One to four receipts within two weeks.
fn bills(begun: Date, serial: &str, random: &mut Random) -> Result<Vec<Bill>, SimulateError> {
    (1..=random.between(1, 4))
        .map(|number| {
            Ok(Bill {
                serial: made("serial", format!("{serial}-{number}").parse())?,
                date: days_after(begun, random.between(0, 14))?,
                self_pay_one: fen(random.between(20_000, 250_000))?,
                self_pay_one_above: Money::ZERO,
                self_pay_two: fen(random.between(0, 50_000))?,
                own_expense: fen(random.between(0, 30_000))?,
            })
        })
        .collect()
}

fn fen(amount: u32) -> Result<Money, SimulateError> {
    made("amount", Money::from_fen(i64::from(amount)))
}
