//! The enums of the contract, beside those of the domain.

use huzhu_domain::claim::RefusalReason;
use huzhu_domain::claim::facts::{DocumentKind, IncidentKind, LossKind, Payer, Severity};
use huzhu_domain::cover::EndReason;
use huzhu_domain::envelope::Role;
use huzhu_domain::id::checked::Sex;
use huzhu_domain::member::MemberClass;
use huzhu_domain::payout::ReturnReason;
use huzhu_domain::step::{Duty, Level, Step};

use crate::contract::huzhu::r#type::v1 as wire;

/// A choice that the contract has a word for.
pub trait Spoken: Sized + Copy {
    /// The choice behind a number: `Some(None)` if unspecified, `None` if there is no such number.
    fn heard(number: i32) -> Option<Option<Self>>;
    /// The number of the choice.
    fn said(self) -> i32;
}

macro_rules! spoken {
    ($($name:ident { $($variant:ident),+ $(,)? })+) => {$(
        impl Spoken for $name {
            fn heard(number: i32) -> Option<Option<Self>> {
                Some(match wire::$name::try_from(number).ok()? {
                    wire::$name::Unspecified => None,
                    $(wire::$name::$variant => Some(Self::$variant),)+
                })
            }

            fn said(self) -> i32 {
                match self {
                    $(Self::$variant => wire::$name::$variant.into(),)+
                }
            }
        }
    )+};
}

spoken! {
    Role { Handler, Operator, Auditor, Analyst, Service }
    Level { Unit, Township, District, Office }
    Duty { File, Endorse, TownshipCheck, DistrictCheck, FirstReview, SecondReview, Finance }
    Step { UnitEndorsement, TownshipCheck, DistrictCheck, FirstReview, SecondReview, Finance }
    Sex { Female, Male }
    MemberClass { Ordinary, ModelWorker, Hardship }
    IncidentKind { Illness, WorkAccident, NonWorkAccident, PropertyDamage }
    Severity { Ordinary, InSitu, Light, Heavy }
    LossKind { Fire, BurstPipe }
    Payer { SupplementaryInsurance, MedicalRelief, MutualAid, Other }
    DocumentKind {
        Application, IdentityCopy, CardCopy, InpatientStatement, OutpatientReceipt,
        DiagnosisCertificate, HospitalRecordFirstPage, AdmissionRecord, DischargeRecord,
        PathologyReport, SurgeryCertificate, TransferSlip, AccidentCertificate,
        DeathCertificate, HouseholdCancellation, DisabilityCertificate, PropertyCertificate,
        Other,
    }
    RefusalReason {
        NotCovered, Waiting, PreExisting, TooLate, DocumentsMissing, Forgery, NothingPayable,
        Excluded, Other,
    }
    EndReason { BenefitPaid, Death, LeftService, Requested }
    ReturnReason { AccountUnknown, NameDiffers, AccountClosed, Other }
}
