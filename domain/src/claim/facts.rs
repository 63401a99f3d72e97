//! What a claim says happened: the bills, stays, diagnoses and documents that a plan judges.
//!
//! Facts are what the papers say, never what a plan makes of them. [`Facts::check`] refuses what
//! no paper can say: dates that run backwards, negative sums, a serial that stands twice.

use std::sync::Arc;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::checked::Icd10;
use crate::id::{Sha256, StatementSerial};
use crate::money::Money;

mod check;

pub use check::{
    BILLS_MAX, DIAGNOSES_MAX, DOCUMENTS_MAX, FactsError, LOSSES_MAX, OFFSETS_MAX, STAYS_MAX,
};

/// Everything a claim rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What happened, and when.
    pub incident: Incident,
    /// The day the worker applied (申请日期).
    #[schemars(with = "String")]
    pub applied_on: Date,
    /// What was diagnosed (诊断).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnoses: Vec<Diagnosis>,
    /// Outpatient receipts (门诊收据).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bills: Vec<Bill>,
    /// Stays in hospital (住院).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<Stay>,
    /// The day of death (身故).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub death: Option<Date>,
    /// A certified disability (伤残).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disability: Option<Disability>,
    /// Damage to the home (家财损失).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
    /// What others paid towards the same bills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<Offset>,
    /// The day the office was told (报案日期).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub notified_on: Option<Date>,
    /// The papers handed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
}

impl Facts {
    /// The same facts, with the diagnoses of these codes confirmed.
    #[must_use]
    pub fn confirming(self: &Arc<Self>, codes: &[Icd10]) -> Arc<Self> {
        let news = |told: &Diagnosis| !told.confirmed_by_review && codes.contains(&told.code);
        if !self.diagnoses.iter().any(news) {
            return Arc::clone(self);
        }
        let mut confirmed = Self::clone(self);
        for diagnosis in confirmed.diagnoses.iter_mut().filter(|told| news(told)) {
            diagnosis.confirmed_by_review = true;
        }
        Arc::new(confirmed)
    }
}

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What kind of thing happened.
    pub kind: IncidentKind,
    /// The day it happened or began.
    #[schemars(with = "String")]
    pub date: Date,
}

/// What kind of thing happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// 疾病
    Illness,
    /// 工伤意外
    WorkAccident,
    /// 非工伤意外
    NonWorkAccident,
    /// 家财损失
    PropertyDamage,
}

impl IncidentKind {
    /// Whether it is an accident to a person.
    #[must_use]
    pub const fn is_accident(self) -> bool {
        matches!(self, Self::WorkAccident | Self::NonWorkAccident)
    }
}

/// One diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    /// The ICD-10 code.
    pub code: Icd10,
    /// How grave it is, in the words of the plans.
    pub severity: Severity,
    /// The date of the pathology report (病理报告日期): the date of diagnosis.
    #[schemars(with = "String")]
    pub established_on: Date,
    /// Spread from another organ (转移癌).
    #[serde(default)]
    pub secondary: bool,
    /// Known before the cover began (既往症).
    #[serde(default)]
    pub pre_existing: bool,
    /// A reviewer of the office confirmed what the code alone cannot tell, such as sarcoma.
    #[serde(default)]
    pub confirmed_by_review: bool,
}

/// The class of a disease.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Neither of the others.
    Ordinary,
    /// 原位癌
    InSitu,
    /// 轻症
    Light,
    /// 重症
    Heavy,
}

/// One outpatient receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// Its serial (交易流水号).
    pub serial: StatementSerial,
    /// The day of treatment.
    #[schemars(with = "String")]
    pub date: Date,
    /// 自付一 below the ceiling of the medical insurance, including what lies under its deductible.
    pub self_pay_one: Money,
    /// 自付一 above that ceiling.
    #[serde(default)]
    pub self_pay_one_above: Money,
    /// 自付二
    #[serde(default)]
    pub self_pay_two: Money,
    /// 自费
    #[serde(default)]
    pub own_expense: Money,
}

/// One stay in hospital, as its inpatient statement (住院费用清单) has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stay {
    /// The serial of the statement (交易流水号).
    pub serial: StatementSerial,
    /// The grade of the hospital (医院等级): 1, 2 or 3, the third being the highest.
    #[schemars(range(min = 1, max = 3))]
    pub hospital_grade: u8,
    /// 入院日期
    #[schemars(with = "String")]
    pub admitted: Date,
    /// 出院日期
    #[schemars(with = "String")]
    pub discharged: Date,
    /// 自付一 below the ceiling of the medical insurance, including what lies under its deductible.
    pub self_pay_one: Money,
    /// 自付一 above that ceiling.
    #[serde(default)]
    pub self_pay_one_above: Money,
    /// 自付二
    #[serde(default)]
    pub self_pay_two: Money,
    /// 自费
    #[serde(default)]
    pub own_expense: Money,
    /// Treatment of a special disease (特殊病): radio- or chemotherapy, dialysis and the like.
    #[serde(default)]
    pub special_disease: bool,
    /// Treatment of a mental illness (精神疾病).
    #[serde(default)]
    pub mental_illness: bool,
    /// What the patient was admitted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Icd10>,
    /// The stay that this one may go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joins: Option<Joins>,
}

/// Why one stay may be the continuation of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Joins {
    /// The serial of the stay that it goes on from.
    pub serial: StatementSerial,
    /// What connects the two.
    pub reason: JoinReason,
}

/// What connects two stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JoinReason {
    /// Moved from one hospital to another (转院).
    Transfer {
        /// Whether a transfer slip (转诊单) was handed in.
        slip: bool,
        /// Hours between discharge and admission.
        hours: u16,
    },
    /// Emergency observation (急诊留观) in the hospital that then admitted the patient.
    Observation,
}

/// A certified disability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disability {
    /// 1, the gravest, to 10.
    #[schemars(range(min = 1, max = 10))]
    pub grade: u8,
    /// The date of the certificate.
    #[schemars(with = "String")]
    pub assessed_on: Date,
}

/// Damage to the home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// What did the damage.
    pub kind: LossKind,
    /// How much was lost.
    pub amount: Money,
}

/// What did the damage.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// 火灾
    Fire,
    /// 水管爆裂
    BurstPipe,
}

/// What another payer paid towards the same bills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// Who paid.
    pub payer: Payer,
    /// How much.
    pub amount: Money,
}

/// Who else pays towards a bill.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// The unit's supplementary medical insurance (单位补充医疗保险).
    SupplementaryInsurance,
    /// Social medical relief (社会医疗救助).
    MedicalRelief,
    /// Another mutual-aid plan (其他互助保障计划).
    MutualAid,
    /// Anyone else.
    Other,
}

/// A paper handed in with the claim: its kind, its name and the digest of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// The file's name.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: Sha256,
}

/// What a paper is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// 互助金申请书
    Application,
    /// 身份证复印件
    IdentityCopy,
    /// 京卡复印件
    CardCopy,
    /// 北京市医疗保险住院费用清单
    InpatientStatement,
    /// 门诊收据
    OutpatientReceipt,
    /// 诊断证明
    DiagnosisCertificate,
    /// 病案首页
    HospitalRecordFirstPage,
    /// 入院记录
    AdmissionRecord,
    /// 出院记录
    DischargeRecord,
    /// 病理报告
    PathologyReport,
    /// 手术证明
    SurgeryCertificate,
    /// 转诊单
    TransferSlip,
    /// 单位事故证明
    AccidentCertificate,
    /// 死亡证明
    DeathCertificate,
    /// 户口注销证明
    HouseholdCancellation,
    /// 伤残鉴定
    DisabilityCertificate,
    /// 房产证明
    PropertyCertificate,
    /// Anything else.
    Other,
}

#[cfg(test)]
mod tests;
