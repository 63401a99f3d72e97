//! What members fall ill with: by category of the ICD-10, sex, band of age, district and year.

use huzhu_domain::claim::facts::Facts;
use huzhu_domain::id::MemberId;
use huzhu_domain::id::checked::{Icd10, Sex};
use huzhu_domain::money::Money;
use jiff::civil::Date;

use super::tables::Claim;
use crate::record::{Record, record};
use crate::views::age::{AgeBand, year};

record! {
    /// What the bands of age are computed from, as little as will do: the year of birth of each
    /// member, no date.
    Claimant = "claimants";
    key {
        /// The member.
        member: MemberId,
    }
    columns {
        /// female or male.
        sex: Sex,
        /// The year of birth (出生年份).
        born_year: u32 as personal,
    }
}

record! {
    /// What members fall ill with (疾病统计), by category of the ICD-10, sex, band of age, district
    /// and year of what is counted.
    DiseaseStatistic = "disease_statistics";
    key {
        /// The category of the ICD-10 (三位类目), such as C50; empty where the papers name none.
        category: String,
        /// female or male.
        sex: Sex,
        /// The age (年龄段) that the member reaches in the year of the incident, in bands of ten years.
        age_band: AgeBand,
        /// The district of the claim's chain; empty where there is none.
        district: String,
        /// The calendar year.
        year: u32,
    }
    columns {
        /// The chapter of the ICD-10 (章) that the category belongs to, such as II for neoplasms;
        /// empty where the papers name none.
        chapter: String,
        /// Cases (事故): incidents for which a first claim was filed in the year.
        cases: u32,
        /// Claims filed in the year (申请件数), under whatever plan.
        claims: u32,
        /// Claims approved in the year (批准件数).
        approved: u32,
        /// What was approved for them.
        approved_fen: Money,
        /// Payments in the year (给付人次).
        payments: u32,
        /// What was paid in the year (互助金).
        benefits_fen: Money,
        /// Payments taken back in the year (追回人次).
        reversals: u32,
        /// What was taken back in the year (追回金额).
        recovered_fen: Money,
    }
    index { "chapter, year", "district, year" }
}

type Key = <DiseaseStatistic as Record>::Key;

impl DiseaseStatistic {
    pub(super) fn none(key: Key, chapter: String) -> Self {
        let (category, sex, age_band, district, year) = key;
        Self {
            category,
            sex,
            age_band,
            district,
            year,
            chapter,
            cases: 0,
            claims: 0,
            approved: 0,
            approved_fen: Money::ZERO,
            payments: 0,
            benefits_fen: Money::ZERO,
            reversals: 0,
            recovered_fen: Money::ZERO,
        }
    }
}

/// Where the statistics of diseases count what becomes of a claim on a day.
pub(super) fn cell(claim: &Claim, on: Date) -> Key {
    let category = claim.disease_category.clone().unwrap_or_default();
    let district = claim.district.as_ref().map_or_else(String::new, ToString::to_string);
    (category, claim.sex, claim.age_band, district, year(on))
}

/// What the papers say the member fell ill with: the first diagnosis, or else the first stay's cause.
pub(super) fn disease(facts: &Facts) -> Option<&Icd10> {
    let diagnosed = facts.diagnoses.first().map(|diagnosis| &diagnosis.code);
    diagnosed.or_else(|| facts.stays.iter().find_map(|stay| stay.cause.as_ref()))
}
