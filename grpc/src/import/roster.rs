//! A unit's list of workers as members and as a roster.

mod row;

use std::collections::{BTreeSet, HashMap};

use futures::stream::FuturesOrdered;
use futures::{StreamExt, stream};
use jiff::civil::Date;

use self::row::Worker;
use super::call::{patiently, reason, wrong};
use super::columns::{Columns, Field};
use super::sheet::Sheet;
use super::{ImportError, Outcome, Wrong, fingerprint, request_id};
use crate::client::{self, Desk};
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;
use command::add_roster_members_request::Part;

/// How many workers one roster takes.
const ROWS_MAX: u64 = 60_000;
/// How many requests are under way at once.
const IN_FLIGHT: usize = 32;
/// How many lines go into one message.
const MESSAGE_LINES: usize = 1_000;

/// The columns of a roster.
pub const FIELDS: &[Field] = &[
    Field {
        name: "name",
        heading: "姓名",
        also: &["职工姓名", "员工姓名", "会员姓名", "名字"],
        needed: true,
        about: "职工姓名",
    },
    Field {
        name: "resident_id",
        heading: "身份证号",
        also: &["身份证号码", "身份证", "居民身份证号码", "公民身份号码", "证件号码", "证件号"],
        needed: true,
        about: "18位居民身份证号码，单元格设为文本",
    },
    Field {
        name: "card",
        heading: "京卡号",
        also: &["京卡", "京卡号码", "京卡卡号", "会员卡号", "卡号"],
        needed: false,
        about: "16至19位京卡号码，单元格设为文本；没有则留空",
    },
    Field {
        name: "phone",
        heading: "手机号",
        also: &["手机", "手机号码", "电话", "联系电话", "联系方式"],
        needed: false,
        about: "13812345678 或 010-12345678；没有则留空",
    },
    Field {
        name: "units",
        heading: "份数",
        also: &["投保份数", "参保份数", "份"],
        needed: false,
        about: "参加份数；留空为1份",
    },
    Field {
        name: "class",
        heading: "职工类别",
        also: &["类别", "人员类别"],
        needed: false,
        about: "普通职工、劳模或特困；留空为普通职工",
    },
    Field {
        name: "insured",
        heading: "基本医保",
        also: &["医保", "基本医疗保险", "是否参加基本医疗保险", "参加医保"],
        needed: false,
        about: "是否参加北京市基本医疗保险：是或否；留空为是",
    },
    Field {
        name: "high_risk",
        heading: "高危行业",
        also: &["高危", "是否高危", "高风险"],
        needed: false,
        about: "是否高危行业：是或否；留空为否",
    },
];

/// What the workers are enrolled in.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The plan.
    pub plan: String,
    /// The version; the latest on sale if empty.
    pub version: String,
    /// The unit.
    pub unit: String,
    /// The first day of the term.
    pub start: Date,
    /// Tells several rosters of the same unit, plan and term apart.
    pub part: String,
    /// The day on which it counts; now if absent.
    pub on: Option<Date>,
}

/// A worker who is a member now.
struct Enrolled {
    row: u32,
    units: u32,
    high_risk: bool,
    member: Result<String, Wrong>,
    is_new: bool,
}

/// Enrols the workers of `sheet`; with `dry_run` only says what does not hold. `tell` hears of the
/// rows that are done and of how many there are.
///
/// # Errors
///
/// [`ImportError`]; what was taken so far stays, and is not taken again.
pub async fn import(
    desk: &Desk,
    sheet: &Sheet,
    columns: &Columns,
    enrolment: &Enrolment,
    dry_run: bool,
    mut tell: impl FnMut(u64, u64),
) -> Result<Outcome, ImportError> {
    if columns.rows > ROWS_MAX {
        let why = format!("{} rows; one roster takes {ROWS_MAX}: split the file", columns.rows);
        return Err(ImportError::Refused(why));
    }
    look(desk, enrolment).await?;
    let mut outcome = Outcome::default();
    let mut persons = HashMap::new();
    let (mut lines, mut roster) = (Vec::new(), String::new());
    let mut under_way = FuturesOrdered::new();
    let mut rows = sheet.rows();
    loop {
        let row = if under_way.len() < IN_FLIGHT { rows.recv().await } else { None };
        if let Some(row) = row {
            let row = row?;
            if row.number <= columns.heading {
                continue;
            }
            outcome.rows = outcome.rows.saturating_add(1);
            match row::read(columns, &row, &mut persons) {
                Ok(worker) => {
                    // A roster that cannot be is found out before anybody becomes a member.
                    if !dry_run && roster.is_empty() {
                        roster = open(desk, enrolment).await?;
                    }
                    under_way.push_back(member(desk, columns, enrolment, worker, dry_run));
                }
                Err(wrong) => outcome.wrong(row.number, wrong),
            }
            continue;
        }
        let Some(enrolled) = under_way.next().await else { break };
        let enrolled = enrolled?;
        match enrolled.member {
            Ok(member_id) => {
                outcome.count(if enrolled.is_new { "members registered" } else { "members known" });
                lines.push(command::RosterLine {
                    number: enrolled.row,
                    member_id,
                    units: enrolled.units,
                    high_risk: enrolled.high_risk,
                });
            }
            Err(wrong) => outcome.wrong(enrolled.row, [wrong]),
        }
        tell(outcome.rows, columns.rows);
    }
    tell(outcome.rows, columns.rows);
    if dry_run {
        outcome.counts.clear();
        outcome.good = count(lines.len());
    } else if !lines.is_empty() {
        add(desk, columns, enrolment, &roster, lines, &mut outcome).await?;
    }
    Ok(outcome)
}

/// Sees that the unit and the plan are there, before anything is recorded.
async fn look(desk: &Desk, enrolment: &Enrolment) -> Result<(), ImportError> {
    let refused = |what: &str, status: &tonic::Status| {
        ImportError::Refused(format!("{what}: {}", status.message()))
    };
    let asked = query::GetOrganisationRequest {
        organisation_id: enrolment.unit.clone(),
        at_least: String::new(),
    };
    let unit = patiently(|| {
        let mut queries = desk.queries();
        let request = desk.request(asked.clone());
        async move { queries.get_organisation(request).await }
    });
    unit.await?.map_err(|status| refused(&format!("unit {}", enrolment.unit), &status))?;
    let asked = query::GetPlanRequest {
        plan: enrolment.plan.clone(),
        version: enrolment.version.clone(),
        at_least: String::new(),
    };
    let plan = patiently(|| {
        let mut queries = desk.queries();
        let request = desk.request(asked.clone());
        async move { queries.get_plan(request).await }
    });
    plan.await?.map_err(|status| refused(&format!("plan {}", enrolment.plan), &status))?;
    Ok(())
}

/// Makes a worker a member, or finds the member.
async fn member(
    desk: &Desk,
    columns: &Columns,
    enrolment: &Enrolment,
    worker: Worker,
    dry_run: bool,
) -> Result<Enrolled, ImportError> {
    let Worker { row, person, class, insured, units, high_risk } = worker;
    let enrolled = |member, is_new| Ok(Enrolled { row, units, high_risk, member, is_new });
    if !dry_run {
        let asked = command::RegisterMemberRequest {
            request_id: client::request_id(),
            business_time: enrolment.on.map(dawn),
            person: Some(person.clone()),
            unit_id: enrolment.unit.clone(),
            class: class.into(),
            insured,
            ..Default::default()
        };
        let registered = patiently(|| {
            let mut members = desk.members();
            let request = desk.request(asked.clone());
            async move { members.register_member(request).await }
        });
        match registered.await? {
            Ok(answer) => return enrolled(Ok(answer.into_inner().member_id), true),
            Err(status) if status.code() == tonic::Code::AlreadyExists => {}
            Err(status) => {
                let place = |field: Option<&str>| {
                    let field = field.and_then(|field| field.rsplit('.').next());
                    columns.cell(field.unwrap_or("resident_id"), row)
                };
                return match wrong(&status, place).into_iter().next() {
                    Some(wrong) => enrolled(Err(wrong), false),
                    None => Err(ImportError::Refused(status.message().to_owned())),
                };
            }
        }
    }
    let asked = query::GetMemberRequest {
        key: Some(query::get_member_request::Key::ResidentId(person.resident_id.clone())),
        at_least: String::new(),
    };
    let found = patiently(|| {
        let mut queries = desk.queries();
        let request = desk.request(asked.clone());
        async move { queries.get_member(request).await }
    });
    let at = |field: &str, why: String| Err(Wrong { cell: columns.cell(field, row), why });
    let found = match found.await? {
        Ok(answer) => answer.into_inner().member.unwrap_or_default(),
        Err(status) if status.code() == tonic::Code::NotFound && dry_run => {
            return enrolled(Ok(String::new()), true);
        }
        Err(status) => return enrolled(at("resident_id", status.message().to_owned()), false),
    };
    if found.person.is_some_and(|known| known.name != person.name) {
        let why = "is not the name of the member with this number".to_owned();
        return enrolled(at("name", why), false);
    }
    if found.unit_id != enrolment.unit {
        let why = format!("belongs to a member of unit {}", found.unit_id);
        return enrolled(at("resident_id", why), false);
    }
    enrolled(Ok(found.member_id), false)
}

/// Opens the roster, or finds that of an earlier run.
async fn open(desk: &Desk, enrolment: &Enrolment) -> Result<String, ImportError> {
    let Enrolment { plan, version, unit, start, part, on } = enrolment;
    let asked = command::OpenRosterRequest {
        request_id: request_id(&["roster", unit, plan, version, &start.to_string(), part]),
        business_time: on.map(dawn),
        plan: plan.clone(),
        version: version.clone(),
        unit_id: unit.clone(),
        start: Some(client::date(*start)),
        ..Default::default()
    };
    let opened = patiently(|| {
        let mut rosters = desk.rosters();
        let request = desk.request(asked.clone());
        async move { rosters.open_roster(request).await }
    });
    Ok(opened.await?.map_err(|status| refused(&status))?.into_inner().roster_id)
}

fn refused(status: &tonic::Status) -> ImportError {
    ImportError::Refused(format!("the roster: {} {}", reason(status), status.message()))
}

/// Puts the members into the roster. What an earlier run of the same sheet could not put there is
/// asked for anew: its reason may be gone.
async fn add(
    desk: &Desk,
    columns: &Columns,
    enrolment: &Enrolment,
    roster: &str,
    lines: Vec<command::RosterLine>,
    outcome: &mut Outcome,
) -> Result<(), ImportError> {
    let sent = count(lines.len());
    let mut added = send(desk, enrolment, roster, lines.clone()).await?;
    let mut refused = all_refused(&mut added);
    let anew: BTreeSet<u32> =
        refused.extract_if(.., |line| line.reason == NOT_TAKEN).map(|line| line.number).collect();
    if !anew.is_empty() {
        let lines = lines.into_iter().filter(|line| anew.contains(&line.number)).collect();
        match send(desk, enrolment, roster, lines).await {
            Ok(mut more) => {
                refused.extend(all_refused(&mut more));
                added.taken = added.taken.saturating_add(more.taken);
                added.receipt = more.receipt;
            }
            // Such as that the roster was confirmed meanwhile.
            Err(ImportError::Refused(message)) => refused.extend(anew.iter().map(|number| {
                let (number, reason, message) = (*number, NOT_TAKEN.to_owned(), message.clone());
                command::RefusedLine { number, reason, message, ..Default::default() }
            })),
            Err(why) => return Err(why),
        }
        refused.sort_by_key(|line| line.number);
    }
    let mut left_out = 0_u64;
    for line in refused {
        if line.reason == "MEMBER_TWICE" {
            // No person stands twice in the sheet: an earlier run put the member there.
            outcome.count("lines that stood in the roster before");
            continue;
        }
        left_out = left_out.saturating_add(1);
        let field = if line.reason.starts_with("UNITS") { "units" } else { "resident_id" };
        let sentence = Some(&line.message).filter(|message| !message.is_empty());
        let why = sentence
            .map_or_else(|| line.reason.clone(), |sentence| format!("{}: {sentence}", line.reason));
        outcome.wrong(line.number, [Wrong { cell: columns.cell(field, line.number), why }]);
    }
    outcome.good = sent.saturating_sub(left_out);
    outcome.counts.insert("lines taken into the roster", u64::from(added.taken));
    if added.receipt.is_some_and(|receipt| receipt.repeated) {
        outcome.notes.push("the same lines had been sent before: nothing new was recorded".into());
    }
    outcome.notes.push(format!("roster {roster}"));
    Ok(())
}

/// The reason of a line that the same request did not take when it was answered first.
const NOT_TAKEN: &str = "LINE_NOT_TAKEN";

async fn send(
    desk: &Desk,
    enrolment: &Enrolment,
    roster: &str,
    lines: Vec<command::RosterLine>,
) -> Result<command::AddRosterMembersResponse, ImportError> {
    let messages = messages(roster, enrolment.on.map(dawn), lines);
    let added = patiently(|| {
        let mut rosters = desk.rosters();
        let request = desk.request(stream::iter(messages.clone()));
        async move { rosters.add_roster_members(request).await }
    });
    Ok(added.await?.map_err(|status| refused(&status))?.into_inner())
}

/// Every line that was left out; those beyond the first thousands without a sentence.
fn all_refused(added: &mut command::AddRosterMembersResponse) -> Vec<command::RefusedLine> {
    let mut refused = std::mem::take(&mut added.refused);
    for command::RefusedLines { reason, numbers } in std::mem::take(&mut added.refused_beyond) {
        let line =
            |number| command::RefusedLine { number, reason: reason.clone(), ..Default::default() };
        refused.extend(numbers.into_iter().map(line));
    }
    refused
}

fn messages(
    roster: &str,
    business_time: Option<prost_types::Timestamp>,
    lines: Vec<command::RosterLine>,
) -> Vec<command::AddRosterMembersRequest> {
    // The same lines are the same request; others are another one.
    let content = lines.iter().map(|line| format!("{line:?}")).collect::<Vec<_>>().join("\n");
    let content: String = fingerprint(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let header = command::RosterHeader {
        request_id: request_id(&["lines", roster, &content]),
        expected_revision: None,
        business_time,
        roster_id: roster.to_owned(),
    };
    let header = command::AddRosterMembersRequest { part: Some(Part::Header(header)) };
    let lines = lines.chunks(MESSAGE_LINES).map(|lines| {
        let lines = command::RosterLines { lines: lines.to_vec() };
        command::AddRosterMembersRequest { part: Some(Part::Lines(lines)) }
    });
    std::iter::once(header).chain(lines).collect()
}

/// The beginning of a day in Beijing, for what counts on that day: it is past on the day itself too.
pub(super) fn dawn(day: Date) -> prost_types::Timestamp {
    let beijing = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    let at = beijing.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or_default();
    client::time(at)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
