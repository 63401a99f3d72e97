//! Union offices bring spreadsheets: good rows are taken once, bad ones are told by their cell.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use huzhu_domain::envelope::Role;
use huzhu_tests::command::EndCoverRequest;
use huzhu_tests::facts::{date, written};
use huzhu_tests::people::{numbered, person};
use huzhu_tests::program::{Said, huzhu};
use huzhu_tests::query::{GetOrganisationRequest, ListClaimsRequest, ListMembersRequest, Member};
use huzhu_tests::union::Union;
use huzhu_tests::wire::{EndReason, MemberClass, Person, Sex};
use huzhu_tests::{new_id, story};
use rust_xlsxwriter::{Format, Workbook};
use tempfile::TempDir;

const START: &str = "2014-01-01";

struct Office {
    union: Union,
    folder: TempDir,
}

impl Office {
    /// An office with a unit of so many workers, which the views show.
    async fn with_unit(workers: u32) -> Self {
        let union = Union::found().await;
        union.unit("unit", "某单位", workers).await;
        let organisation_id = "unit".to_owned();
        let history = union.history("organisation-unit").await;
        let at_least = history.last().unwrap().position.clone();
        union.operator.must(GetOrganisationRequest { organisation_id, at_least }).await;
        Self { union, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    async fn import(&self, what: &str, file: &Path, more: &[&str]) -> Said {
        let address = format!("http://{}", self.union.service.address());
        let token = self.union.service.token(Role::Operator, "counter", None);
        let mut arguments =
            vec!["import", what, file.to_str().unwrap(), "--server", &address, "--token", &token];
        arguments.extend(more);
        huzhu(&arguments).await
    }

    async fn roster(&self, file: &Path, more: &[&str]) -> Said {
        let mut arguments = vec!["--plan", "hospital-allowance", "--version", "2013-one-day"];
        arguments.extend(["--unit", "unit", "--start", START, "--on", START]);
        arguments.extend(more);
        self.import("roster", file, &arguments).await
    }

    /// The members of the unit, once the views show so many.
    async fn members(&self, count: usize) -> Vec<Member> {
        let asked =
            ListMembersRequest { unit_id: "unit".into(), page_size: 500, ..Default::default() };
        let mut members = Vec::new();
        for _ in 0..600 {
            members = self.union.operator.must(asked.clone()).await.members;
            if members.len() >= count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(members.len(), count);
        members
    }
}

fn worker(number: u32) -> Person {
    numbered("赵职工", Sex::Male, "1980-05-01", number)
}

/// A list as an office keeps it: a title, headings in its own words, texts and numbers as typed.
fn workbook(path: &Path, people: &[Person], units: &[&str]) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "某单位2014年投保清单").unwrap();
    for (place, heading) in
        (0_u16..).zip(["序号", "职工 姓名", "身份证号码（必填）", "京卡号", "联系电话", "份数"])
    {
        sheet.write_string(2, place, heading).unwrap();
    }
    for (row, (person, units)) in (3_u32..).zip(people.iter().zip(units)) {
        sheet.write_number(row, 0, row).unwrap();
        sheet.write_string(row, 1, &person.name).unwrap();
        sheet.write_string(row, 2, &person.resident_id).unwrap();
        sheet.write_string(row, 3, &person.card).unwrap();
        sheet.write_number(row, 4, person.phone.parse::<u64>().unwrap_or(0) as f64).unwrap();
        match units.parse::<u32>() {
            Ok(units) => sheet.write_number(row, 5, units).unwrap(),
            Err(_) => sheet.write_string(row, 5, *units).unwrap(),
        };
    }
    book.save(path).unwrap();
}

fn never_told(said: &Said, people: &[Person]) {
    let all = format!("{}{}", said.lines.join("\n"), said.errors);
    for person in people {
        for text in [&person.name, &person.resident_id, &person.card, &person.phone] {
            assert!(!all.contains(text.as_str()), "{all}");
        }
    }
}

#[test]
fn a_roster_is_taken_once_and_its_bad_rows_are_told_by_cell() {
    story(async {
        let office = Office::with_unit(4).await;
        let mut people: Vec<_> = (0..7).map(worker).collect();
        // The last digit of one id is another one, one person stands twice, one card is too short.
        let wrong = if people[1].resident_id.ends_with('1') { "2" } else { "1" };
        people[1].resident_id.replace_range(17.., wrong);
        people[3] = people[0].clone();
        people[4].card.truncate(10);
        let file = office.path("roster.xlsx");
        workbook(&file, &people, &["1", "1", "1", "1", "1", "一", "1"]);

        let before = office.union.service.log_length();
        let tried = office.roster(&file, &["--dry-run"]).await;
        assert!(!tried.well);
        assert_eq!(office.union.service.log_length(), before, "a dry run records nothing");
        let expected = [
            "C5: does not hold: look at its length and its check digit",
            "C7: is the same as C4",
            "D8: does not hold: look at its length and its check digit",
            "F9: is no whole number",
        ];
        assert_eq!(tried.lines, expected, "{}", tried.errors);
        assert!(
            tried.errors.contains("3 of 7 rows hold; nothing was recorded"),
            "{}",
            tried.errors
        );
        assert!(
            tried.errors.contains("columns A"),
            "the numbers in A say nothing: {}",
            tried.errors
        );

        let before_its_time =
            ["--plan", "hospital-allowance", "--unit", "unit", "--start", "1999-01-01"];
        let refused = office.import("roster", &file, &before_its_time).await;
        assert!(!refused.well && refused.errors.contains("the roster: "), "{}", refused.errors);
        assert_eq!(office.union.service.log_length(), before, "nobody becomes a member in vain");

        let taken = office.roster(&file, &[]).await;
        assert_eq!(taken.lines, expected);
        assert!(taken.errors.contains("3 of 7 rows are on record"), "{}", taken.errors);
        never_told(&taken, &people);
        let members = office.members(3).await;
        assert!(members.iter().all(|member| member.class() == MemberClass::Ordinary));
        let persons: Vec<_> = members.iter().map(|member| member.person.clone().unwrap()).collect();
        assert!(persons.contains(&people[0]) && persons.contains(&people[6]), "as they were typed");

        let before = office.union.service.log_length();
        let again = office.roster(&file, &[]).await;
        assert_eq!(again.lines, expected);
        assert!(again.errors.contains("nothing new was recorded"), "{}", again.errors);
        assert_eq!(office.union.service.log_length(), before, "a second run records nothing");

        // The office puts the card right: only what is new is recorded.
        people[4] = worker(4);
        workbook(&file, &people, &["1", "1", "1", "1", "1", "一", "1"]);
        let mended = office.roster(&file, &[]).await;
        assert_eq!(mended.lines.len(), 3, "{:?}", mended.lines);
        assert!(mended.errors.contains("1  members registered"), "{}", mended.errors);
        assert!(mended.errors.contains("4  lines taken into the roster"), "{}", mended.errors);
        office.members(4).await;

        let roster = mended.errors.lines().find_map(|line| line.strip_prefix("roster ")).unwrap();
        let history = office.union.history(&format!("roster-{roster}")).await;
        let names: Vec<_> = history.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["RosterOpened", "RosterMembersAdded", "RosterMembersAdded"]);
        let unit = office.union.known_unit("unit");
        unit.contribute(roster, START, "240").await;
        unit.confirm(roster, START).await.unwrap();
    });
}

#[test]
fn a_csv_in_gbk_and_one_in_utf_8_say_the_same() {
    story(async {
        let office = Office::with_unit(2).await;
        let rows = |people: &[Person]| {
            let mut text = "员工,证件,电话,份数,职工类别,医保\r\n".to_owned();
            for Person { name, resident_id, phone, .. } in people {
                let _ = write!(text, "{name},{resident_id},{phone},2,劳模,否\r\n");
            }
            text
        };
        let mapping =
            office.file("mapping.toml", "\"员工\" = \"name\"\n\"证件\" = \"resident_id\"\n");
        let mapped = ["--mapping", mapping.to_str().unwrap()];
        let people = [person("钱职工", Sex::Female, "1985-02-03")];
        let text = rows(&people);
        let gbk = encoding_rs::GBK.encode(&text).0.into_owned();
        let file = office.file("gbk.csv", gbk);
        let unknown = office.roster(&file, &[]).await;
        assert!(!unknown.well && unknown.errors.contains("姓名, 身份证号"), "{}", unknown.errors);
        let taken = office.roster(&file, &mapped).await;
        assert!(taken.well, "{:?} {}", taken.lines, taken.errors);
        let members = office.members(1).await;
        assert_eq!(members[0].person.as_ref().unwrap().name, "钱职工");
        assert_eq!((members[0].class(), members[0].insured), (MemberClass::ModelWorker, false));

        let before = office.union.service.log_length();
        let file = office.file("utf8.csv", format!("\u{feff}{}", rows(&people)));
        let same = office.roster(&file, &["--map", "员工=name", "--map", "证件=resident_id"]).await;
        assert!(same.well, "{:?} {}", same.lines, same.errors);
        assert_eq!(office.union.service.log_length(), before, "the same people in other letters");

        let other = office
            .file("other.csv", rows(&[Person { name: "孙职工".into(), ..people[0].clone() }]));
        let told = office.roster(&other, &mapped).await;
        assert_eq!(told.lines, ["A2: is not the name of the member with this number"]);
    });
}

#[test]
fn of_a_list_of_50000_the_good_rows_are_kept() {
    story(async {
        let office = Office::with_unit(1_000).await;
        // Every 50th row is a worker; the ids of the others have a digit that does not fit.
        let mut text = "姓名,身份证号,份数\n".to_owned();
        for number in 0..50_000_u32 {
            let mut person = worker(number / 50);
            if number % 50 != 0 {
                let check = person.resident_id.pop().unwrap();
                person.resident_id.push(if check == '1' { '2' } else { '1' });
            }
            let _ = writeln!(text, "{},{},1", person.name, person.resident_id);
        }
        let file = office.file("large.csv", text);
        let taken = office.roster(&file, &["--progress"]).await;
        assert!(!taken.well);
        assert_eq!(taken.lines.len(), 49_000, "{}", taken.errors);
        assert!(taken.lines[0].starts_with("B3: "), "{}", taken.lines[0]);
        assert!(taken.errors.contains("1000 of 50000 rows are on record"), "{}", taken.errors);
        assert!(taken.errors.contains("100% 50000 of 50000 rows"), "it shows how far it is");
    });
}

const CLAIMS: &str =
    "申请号,身份证号,事故类型,事故日期,申请日期,互助项目,票据类型,流水号,就诊日期,自付一,备注\n";

#[test]
fn applications_become_claims_once_and_say_what_they_lack() {
    story(async {
        let office = Office::with_unit(10).await;
        let unit = office.union.known_unit("unit");
        let people: Vec<_> = (0..3).map(|_| person("周女士", Sex::Female, "1972-03-08")).collect();
        for person in &people[..2] {
            let member = unit.member(person.clone()).await;
            unit.grant(&member, "nuan-huzhu", START).await;
        }
        let [one, two, nobody] = [0, 1, 2].map(|number| people[number].resident_id.clone());
        let rest = "疾病,2014-01-02,2014-11-20,outpatient,门诊";
        let text = format!(
            "{CLAIMS}\
             2014-1,{one},{rest},I-1,2014-05-01,\"5,800.00\",\n\
             2014-1,{one},,,,,门诊,I-2,2014/6/1,1200,\n\
             2014-2,{two},{rest},I-3,2014年5月3日,0.005,\n\
             2014-3,{nobody},{rest},I-4,2014-05-04,100,\n\
             2014-4,{two},疾病,2016-01-02,2016-02-20,outpatient,门诊,I-5,2016-01-02,100,\n\
             2014-5,{two},{rest},I-6,2014-13-04,100,\n\
             2014-1,{one},{rest},I-7,2014-05-01,5800,\n\
             ,{one},{rest},I-8,2014-05-01,5800,\n"
        );
        let file = office.file("claims.csv", &text);
        let more = ["--plan", "nuan-huzhu", "--on", "2014-11-20"];
        let expected = [
            "J4: has more than two decimal places",
            "B5: is of nobody who is a member",
            "D6: no cover of the plan holds on this day",
            "I7: is no date such as 2014-07-01",
            "A8: began at A2: its rows must follow each other",
            "A9: must be there",
        ];
        let before = office.union.service.log_length();
        let tried = office.import("claims", &file, &[&more[..], &["--dry-run"]].concat()).await;
        assert_eq!(tried.lines, expected, "{}", tried.errors);
        assert_eq!(office.union.service.log_length(), before, "a dry run records nothing");

        let taken = office.import("claims", &file, &more).await;
        assert_eq!(taken.lines, expected, "{}", taken.errors);
        assert!(taken.errors.contains("1  claims filed\n"), "{}", taken.errors);
        assert!(taken.errors.contains("2 of 8 rows are on record"), "{}", taken.errors);
        never_told(&taken, &people);

        let before = office.union.service.log_length();
        let again = office.import("claims", &file, &more).await;
        assert_eq!(again.lines, expected);
        assert!(again.errors.contains("1  claims filed before"), "{}", again.errors);
        assert_eq!(office.union.service.log_length(), before, "a second run records nothing");

        // What was wrong is put right, and what was filed is changed.
        let mended = text.replace("0.005", "5800.00").replace("1200", "1300");
        let file = office.file("claims.csv", mended);
        let mended = office.import("claims", &file, &more).await;
        assert_eq!(mended.lines[0], "A2: was filed before, with other content or by somebody else");
        assert!(mended.errors.contains("1  claims filed\n"), "{}", mended.errors);
        let mut claims = Vec::new();
        for _ in 0..600 {
            let asked = ListClaimsRequest { unit_id: "unit".into(), ..Default::default() };
            claims = office.union.analyst.must(asked).await.claims;
            if claims.len() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let mut worth: Vec<_> =
            claims.iter().map(|claim| written(claim.assessed.as_ref())).collect();
        worth.sort();
        assert_eq!(worth.len(), 2, "{worth:?}");
        assert!(worth.contains(&"800.00".to_owned()), "{worth:?}");
    });
}

#[test]
fn half_of_an_application_is_not_filed_where_a_row_names_none() {
    story(async {
        let office = Office::with_unit(10).await;
        let unit = office.union.known_unit("unit");
        let woman = person("周女士", Sex::Female, "1972-03-08");
        let member = unit.member(woman.clone()).await;
        unit.grant(&member, "nuan-huzhu", START).await;
        let id = woman.resident_id;
        let first =
            format!("2014-1,{id},疾病,2014-01-02,2014-11-20,outpatient,门诊,I-1,2014-05-01,5800,");
        // A cell over both rows is empty in the second.
        let text = |key| format!("{CLAIMS}{first}\n{key},,,,,,门诊,I-2,2014-06-01,1200,\n");
        let more = ["--plan", "nuan-huzhu", "--on", "2014-11-20"];
        let before = office.union.service.log_length();
        let merged = office.import("claims", &office.file("a.csv", text("")), &more).await;
        let expected =
            ["A2: row 3 below it names no application, and may belong to it", "A3: must be there"];
        assert_eq!(merged.lines, expected, "{}", merged.errors);
        assert_eq!(office.union.service.log_length(), before, "nothing is filed by halves");
        let whole = office.import("claims", &office.file("b.csv", text("2014-1")), &more).await;
        assert!(whole.errors.contains("2 of 2 rows are on record"), "{}", whole.errors);
    });
}

#[test]
fn the_same_list_takes_in_later_what_stood_in_the_way_before() {
    story(async {
        let office = Office::with_unit(2).await;
        let unit = office.union.known_unit("unit");
        let people = [worker(0), worker(1)];
        let held = unit.member(people[1].clone()).await;
        let plan = ("hospital-allowance", "2013-one-day");
        let cover = unit.enrol(plan, "2013-06-01", &[&held], 1, "60").await.remove(0);
        let file = office.path("roster.xlsx");
        workbook(&file, &people, &["1", "1"]);
        let refused = office.roster(&file, &[]).await;
        assert!(refused.lines[0].contains("ALREADY_ENROLLED"), "{:?}", refused.lines);
        assert!(refused.errors.contains("1 of 2 rows are on record"), "{}", refused.errors);
        let ended = EndCoverRequest {
            request_id: new_id(),
            cover_id: cover,
            reason: EndReason::Requested.into(),
            on: date("2013-12-31"),
            ..Default::default()
        };
        office.union.operator.must(ended).await;
        let again = office.roster(&file, &[]).await;
        assert!(again.well, "{:?} {}", again.lines, again.errors);
        assert!(again.errors.contains("2 of 2 rows are on record"), "{}", again.errors);
        let before = office.union.service.log_length();
        assert!(office.roster(&file, &[]).await.well);
        assert_eq!(office.union.service.log_length(), before, "a third run records nothing");
    });
}

#[test]
fn a_template_has_the_headings_that_an_import_knows() {
    story(async {
        let office = Office::with_unit(1).await;
        let template = office.path("template.xlsx");
        let made =
            huzhu(&["import", "template", "roster", "--out", template.to_str().unwrap()]).await;
        assert!(made.well, "{}", made.errors);
        let empty = office.roster(&template, &[]).await;
        assert!(empty.well, "{}", empty.errors);
        assert!(empty.errors.contains("0 of 0 rows are on record"), "{}", empty.errors);

        let odd = office.file("list.xls", "not a sheet");
        assert!(office.roster(&odd, &[]).await.errors.contains("save it as one of them"));
        let odd = office.file("list.xlsx", "not a workbook");
        assert!(office.roster(&odd, &[]).await.errors.contains("cannot be read"));
        let odd = office.file("list.csv", [0xff, 0xfe, 0x00, 0x41]);
        assert!(!office.roster(&odd, &[]).await.well);
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        let worker = worker(1);
        let long: f64 = "110101198005010019".parse().unwrap();
        for (place, heading) in (0_u16..).zip(["姓名", "身份证号"]) {
            sheet.write_string_with_format(0, place, heading, &Format::new().set_bold()).unwrap();
        }
        sheet.write_string(1, 0, &worker.name).unwrap();
        sheet.write_number(1, 1, long).unwrap();
        book.save(office.path("number.xlsx")).unwrap();
        let told = office.roster(&office.path("number.xlsx"), &[]).await;
        assert!(told.lines[0].starts_with("B2: is a number, of which Excel keeps 15"), "{told:?}");
    });
}
