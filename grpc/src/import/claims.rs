//! A sheet of applications as claims: one row for each stay or receipt, the rows of one
//! application one after the other.

mod row;

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream::FuturesOrdered;

use self::row::Application;
use super::call::{patiently, wrong};
use super::columns::{Columns, Field};
use super::sheet::Sheet;
use super::{ImportError, Outcome, Wrong, fingerprint, request_id};
use crate::client::Desk;
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;

/// How many applications are under way at once.
const IN_FLIGHT: usize = 16;
/// How many rows one file brings at most.
const ROWS_MAX: u64 = 200_000;
/// How many covers of a member are looked through.
const COVERS_MAX: i32 = 500;

macro_rules! field {
    ($name:literal, $heading:literal, [$($also:literal),*], $needed:literal, $about:literal) => {
        Field { name: $name, heading: $heading, also: &[$($also),*], needed: $needed, about: $about }
    };
}

/// The columns of a sheet of applications.
pub const FIELDS: &[Field] = &[
    field!(
        "application",
        "申请号",
        ["申请编号", "理赔号", "案件号"],
        true,
        "同一申请的各行相同且相邻"
    ),
    field!(
        "resident_id",
        "身份证号",
        ["身份证号码", "身份证", "居民身份证号码", "证件号码"],
        true,
        "18位居民身份证号码，单元格设为文本"
    ),
    field!(
        "plan",
        "计划",
        ["保障计划", "计划代码"],
        false,
        "计划代码，如 hospital-medical；留空则用 --plan"
    ),
    field!("start", "保障起始日", ["保障开始日期", "起保日期"], false, "同一计划有多份保障时必填"),
    field!("benefits", "互助项目", ["项目", "申请项目"], false, "项目代码，用逗号分开；留空为全部"),
    field!(
        "incident_kind",
        "事故类型",
        ["类型", "出险类型"],
        true,
        "疾病、工伤意外、非工伤意外或家财损失"
    ),
    field!("incident_on", "事故日期", ["发病日期", "出险日期"], true, "事故发生或疾病开始的日期"),
    field!("applied_on", "申请日期", ["申请时间"], true, "职工申请的日期"),
    field!("notified_on", "报案日期", [], false, ""),
    field!("diagnosis", "诊断编码", ["诊断", "ICD-10", "疾病编码"], false, "ICD-10，如 C50.9"),
    field!("severity", "病情", ["严重程度"], false, "普通、原位癌、轻症或重症；留空为普通"),
    field!("established_on", "确诊日期", ["病理报告日期"], false, "有诊断时必填"),
    field!("paper", "票据类型", ["单据类型"], false, "住院或门诊；没有票据则留空"),
    field!("serial", "交易流水号", ["流水号", "票据号"], false, "单元格设为文本"),
    field!("hospital_grade", "医院等级", ["医院级别"], false, "1、2或3，住院必填"),
    field!("admitted", "入院日期", [], false, "住院必填"),
    field!("discharged", "出院日期", [], false, "住院必填"),
    field!("treated_on", "就诊日期", ["门诊日期"], false, "门诊必填"),
    field!("self_pay_one", "自付一", ["自付1"], false, "封顶线以下的自付一（元）"),
    field!("self_pay_one_above", "封顶线以上自付一", ["超封顶线自付一"], false, ""),
    field!("self_pay_two", "自付二", ["自付2"], false, ""),
    field!("own_expense", "自费", [], false, ""),
    field!("special_disease", "特殊病", [], false, "是或否"),
    field!("mental_illness", "精神疾病", [], false, "是或否"),
    field!("death", "身故日期", ["死亡日期"], false, ""),
    field!("disability_grade", "伤残等级", [], false, "1至10"),
    field!("disability_on", "伤残鉴定日期", ["鉴定日期"], false, ""),
];

/// How applications are read.
#[derive(Clone, Debug)]
pub struct Filing {
    /// The plan of rows that name none.
    pub plan: Option<String>,
    /// The day on which it counts; now if absent.
    pub on: Option<jiff::civil::Date>,
}

/// What became of an application.
struct Filed {
    application: Application,
    answer: Result<bool, Vec<(u32, Wrong)>>,
}

/// Files the applications of `sheet`; with `dry_run` only says what does not hold. `tell` hears of
/// the rows that are done and of how many there are.
///
/// # Errors
///
/// [`ImportError`]; what was filed so far stays, and is not filed again.
pub async fn import(
    desk: &Desk,
    sheet: &Sheet,
    columns: &Columns,
    filing: &Filing,
    dry_run: bool,
    mut tell: impl FnMut(u64, u64),
) -> Result<Outcome, ImportError> {
    if columns.rows > ROWS_MAX {
        let why = format!("{} rows; at most {ROWS_MAX} are taken: split the file", columns.rows);
        return Err(ImportError::Refused(why));
    }
    let mut outcome = Outcome::default();
    let mut applications = Applications { columns, filing, begun: HashMap::new(), open: None };
    let mut rows = sheet.rows();
    let mut more = true;
    let mut under_way = FuturesOrdered::new();
    while more || !under_way.is_empty() {
        if more && under_way.len() < IN_FLIGHT {
            let done = match rows.recv().await {
                Some(row) => {
                    let row = row?;
                    if row.number <= columns.heading {
                        continue;
                    }
                    outcome.rows = outcome.rows.saturating_add(1);
                    applications.take(&row, &mut outcome)
                }
                None => {
                    more = false;
                    applications.open.take()
                }
            };
            if let Some(application) = done.filter(Application::holds) {
                under_way.push_back(file(desk, columns, filing, application, dry_run));
            }
            continue;
        }
        if let Some(filed) = under_way.next().await {
            conclude(filed?, dry_run, &mut outcome);
            tell(outcome.rows, columns.rows);
        }
    }
    tell(outcome.rows, columns.rows);
    Ok(outcome)
}

fn conclude(filed: Filed, dry_run: bool, outcome: &mut Outcome) {
    match filed.answer {
        Ok(repeated) => {
            outcome.good = outcome.good.saturating_add(filed.application.rows());
            outcome.count(match (dry_run, repeated) {
                (true, _) => "applications that hold",
                (false, true) => "claims filed before",
                (false, false) => "claims filed",
            });
        }
        Err(wrong) => {
            for (row, wrong) in wrong {
                outcome.wrong(row, [wrong]);
            }
        }
    }
}

/// Rows on their way into applications.
struct Applications<'c> {
    columns: &'c Columns,
    filing: &'c Filing,
    // The first row of each application so far.
    begun: HashMap<[u8; 32], u32>,
    open: Option<Application>,
}

impl Applications<'_> {
    /// Takes a row in; answers with the application that ended before it.
    fn take(&mut self, row: &super::sheet::Row, outcome: &mut Outcome) -> Option<Application> {
        let read = row::read(self.columns, row, self.filing.plan.as_deref());
        let key = match &read.key {
            Some(key) => fingerprint(key),
            None => {
                outcome.wrong(row.number, read.wrong);
                self.doubt(row.number, outcome);
                return None;
            }
        };
        if let Some(open) = self.open.as_mut().filter(|open| open.key == key) {
            outcome.wrong(row.number, open.add(self.columns, row.number, read));
            self.tidy(row.number, outcome);
            return None;
        }
        let done = self.open.take();
        if let Some(first) = self.begun.insert(key, row.number) {
            let place = self.columns.cell("application", first);
            let why = format!("began at {place}: its rows must follow each other");
            let cell = self.columns.cell("application", row.number);
            outcome.wrong(row.number, [Wrong { cell, why }]);
        }
        let (mut application, wrong) = Application::begin(key, row.number, read);
        // What is wrong already is not also called absent.
        let named: Vec<_> = wrong.iter().map(|wrong| wrong.cell.clone()).collect();
        outcome.wrong(row.number, wrong);
        let lacking = application.lacks().into_iter().map(|field| Wrong {
            cell: self.columns.cell(field, row.number),
            why: "must be there".to_owned(),
        });
        outcome.wrong(row.number, lacking.filter(|wrong| !named.contains(&wrong.cell)));
        if outcome.wrong.get(&row.number).is_some_and(|wrong| !wrong.is_empty()) {
            application.spoil();
        }
        self.open = Some(application);
        self.tidy(row.number, outcome);
        done
    }

    /// A row that names no application may belong to the one before it, as where cells were merged:
    /// half of that is not filed.
    fn doubt(&mut self, row: u32, outcome: &mut Outcome) {
        let Some(open) = self.open.as_mut().filter(|open| open.holds()) else { return };
        open.spoil();
        let cell = self.columns.cell("application", open.first());
        let why = format!("row {row} below it names no application, and may belong to it");
        outcome.wrong(open.first(), [Wrong { cell, why }]);
    }

    /// A row without anything wrong is not listed.
    fn tidy(&self, row: u32, outcome: &mut Outcome) {
        if outcome.wrong.get(&row).is_some_and(Vec::is_empty) {
            outcome.wrong.remove(&row);
        }
    }
}

async fn file(
    desk: &Desk,
    columns: &Columns,
    filing: &Filing,
    application: Application,
    dry_run: bool,
) -> Result<Filed, ImportError> {
    let first = application.first();
    let at =
        |field: &str, why: String| vec![(first, Wrong { cell: columns.cell(field, first), why })];
    let cover = match cover(desk, &application).await? {
        Ok(cover) => cover,
        Err((field, why)) => return Ok(Filed { answer: Err(at(field, why)), application }),
    };
    let (benefits, facts) = (application.benefits.clone(), Some(application.facts.clone()));
    let answer = if dry_run {
        let asked = command::PreviewAssessmentRequest { cover_id: cover, benefits, facts };
        let previewed = patiently(|| {
            let mut claims = desk.claims();
            let request = desk.request(asked.clone());
            async move { claims.preview_assessment(request).await }
        });
        previewed.await?.map(|_| false)
    } else {
        let asked = command::FileClaimRequest {
            // The same application against the same cover is one claim, whichever file brings it.
            request_id: request_id(&["claim", &cover, &application.name]),
            business_time: filing.on.map(super::roster::dawn),
            cover_id: cover,
            benefits,
            facts,
            ..Default::default()
        };
        let filed = patiently(|| {
            let mut claims = desk.claims();
            let request = desk.request(asked.clone());
            async move { claims.file_claim(request).await }
        });
        let repeated = |receipt: wire::Receipt| receipt.repeated;
        filed.await?.map(|answer| answer.into_inner().receipt.is_some_and(repeated))
    };
    let answer = answer.map_err(|status| {
        let taken = super::call::reason(&status) == "REQUEST_ID_REUSED";
        if taken {
            let why = "was filed before, with other content or by somebody else".to_owned();
            return at("application", why);
        }
        let place = |field: Option<&str>| match field {
            Some(field) => {
                let (row, field) = application.place(field);
                columns.cell(field, row)
            }
            None => columns.cell("application", first),
        };
        wrong(&status, place).into_iter().map(|wrong| (first, wrong)).collect()
    });
    Ok(Filed { application, answer })
}

/// The cover that an application is against; else the field that does not hold, and why.
async fn cover(
    desk: &Desk,
    application: &Application,
) -> Result<Result<String, (&'static str, String)>, ImportError> {
    let asked = query::GetMemberRequest {
        key: Some(query::get_member_request::Key::ResidentId(application.resident_id.clone())),
        at_least: String::new(),
    };
    let found = patiently(|| {
        let mut queries = desk.queries();
        let request = desk.request(asked.clone());
        async move { queries.get_member(request).await }
    });
    let member = match found.await? {
        Ok(answer) => answer.into_inner().member.unwrap_or_default(),
        Err(_) => return Ok(Err(("resident_id", "is of nobody who is a member".into()))),
    };
    let asked = query::ListCoversRequest {
        member_id: member.member_id,
        plan: application.plan.clone(),
        page_size: COVERS_MAX,
        ..Default::default()
    };
    let listed = patiently(|| {
        let mut queries = desk.queries();
        let request = desk.request(asked.clone());
        async move { queries.list_covers(request).await }
    });
    let covers = match listed.await? {
        Ok(answer) => answer.into_inner().covers,
        Err(status) => return Ok(Err(("plan", status.message().to_owned()))),
    };
    let fits: Vec<_> = covers.iter().filter(|cover| application.is_against(cover)).collect();
    Ok(match fits.as_slice() {
        [only] => Ok(only.cover_id.clone()),
        [] if application.start.is_some() => {
            Err(("start", "no cover of the plan begins on this day".into()))
        }
        [] => Err(("incident_on", "no cover of the plan holds on this day".into())),
        [_, _, ..] => {
            Err(("start", "several covers of the plan hold: say when the right one begins".into()))
        }
    })
}
