use std::io::Cursor;
use std::sync::Arc;

use calamine::{Data, Reader, Xlsx as Opened};
use jiff::civil::date;
use tempfile::TempDir;

use super::*;
use crate::database::Place;
use crate::keeper::Keeper;
use crate::sqlite::{Mode, Sqlite};
use crate::testing::{Figures, History, STORE, time, year};
use crate::value::Kind;

pub(super) struct World {
    folder: TempDir,
    keeper: Keeper,
    pub(super) source: Source,
}

/// Two units of 40 workers: every second one files.
pub(super) fn world() -> World {
    let history = year(Figures { units: 2, members: 40, one_claim_of: 2 });
    world_of(&history, history.events().len())
}

fn world_of(history: &History, events: usize) -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let database = Box::new(Sqlite::open(&path, Mode::Live).unwrap());
    let head = u64::try_from(history.events().len()).unwrap();
    let mut keeper = Keeper::open(database, Arc::new(crate::views::all), STORE, head).unwrap();
    keeper.take(0, &history.events()[..events], time(1)).unwrap();
    let source = Source::open(&Place::Folder(folder.path().to_owned())).unwrap();
    World { folder, keeper, source }
}

pub(super) fn of(view: &str) -> Ask {
    Ask { view: view.into(), ..Ask::default() }
}

pub(super) fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn csv(world: &World, ask: &Ask) -> Result<String, ExportError> {
    let mut text = Vec::new();
    let mut file = Csv::new(&mut text, true)?;
    world.source.export(ask, &mut file, None)?;
    drop(file);
    Ok(String::from_utf8(text).unwrap())
}

fn refused(world: &World, ask: &Ask) -> String {
    csv(world, ask).unwrap_err().to_string()
}

#[test]
fn csv_opens_in_spreadsheets_with_money_in_yuan_and_dates_as_dates() {
    let world = world();
    let ask = Ask {
        columns: texts(&["state", "filed_on", "asked", "paid_fen", "approved"]),
        conditions: texts(&["state=paid", "state = withdrawn", "unit=unit-0"]),
        order: texts(&["filed_on desc"]),
        ..of("claims")
    };
    let text = csv(&world, &ask).unwrap();
    let mut lines = text.strip_prefix('\u{feff}').unwrap().split("\r\n");
    assert_eq!(lines.next(), Some("state,filed_on,asked,paid,approved"));
    let mut lines: Vec<_> = lines.collect();
    assert_eq!(lines.pop(), Some(""));
    assert!(lines.contains(&"paid,2014-02-01,4200.00,400.00,400.00"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("withdrawn,") && line.ends_with(",0.00,")));
    let days: Vec<_> = lines.iter().map(|line| line.split(',').nth(1).unwrap()).collect();
    assert!(days.is_sorted_by(|one, next| one >= next), "{days:?}");
    let claims: Vec<_> = lines.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert!(claims.iter().all(|state| ["paid", "withdrawn"].contains(state)), "{claims:?}");
}

#[test]
fn a_text_that_begins_like_a_formula_is_a_text() {
    let cell = |text, for_spreadsheets| {
        let mut out = Vec::new();
        let mut file = Csv::new(&mut out, for_spreadsheets).unwrap();
        file.row(&[Cell::Text(text), Cell::Fen(-1)]).unwrap();
        file.finish().unwrap();
        drop(file);
        String::from_utf8(out).unwrap().trim_start_matches('\u{feff}').trim_end().to_owned()
    };
    assert_eq!(cell("=1+1", true), "'=1+1,-0.01");
    assert_eq!(cell("+1", true), "'+1,-0.01");
    assert_eq!(cell("-a", true), "'-a,-0.01");
    assert_eq!(cell("@sum", true), "'@sum,-0.01");
    assert_eq!(cell("\tx", true), "'\tx,-0.01");
    assert_eq!(cell("2-1=1", true), "2-1=1,-0.01");
    assert_eq!(cell("=1+1", false), "=1+1,-0.01");
    assert_eq!(cell("甲,\"乙\"\r\n丙", true), "\"甲,\"\"乙\"\"\r\n丙\",-0.01");
}

#[test]
fn a_workbook_holds_numbers_and_dates_and_says_what_it_shows() {
    let world = world();
    let ask = Ask {
        columns: texts(&["plan", "filed_on", "paid", "stays", "recorded_at", "approved"]),
        conditions: texts(&["paid>0"]),
        ..of("claims")
    };
    let mut out = Vec::new();
    let mut file = Xlsx::new(&mut out);
    let exported = world.source.export(&ask, &mut file, None).unwrap();
    drop(file);
    let again = {
        let mut out = Vec::new();
        world.source.export(&ask, &mut Xlsx::new(&mut out), None).unwrap();
        out
    };
    assert!(out == again, "the same rows make the same file");

    let mut book = Opened::new(Cursor::new(out)).unwrap();
    assert_eq!(book.sheet_names(), ["claims", "about"]);
    let sheet = book.worksheet_range("claims").unwrap();
    let rows: Vec<_> = sheet.rows().collect();
    assert_eq!(u64::try_from(rows.len()).unwrap(), exported.rows + 1);
    assert_eq!(rows[0][2], Data::String("paid".into()));
    assert_eq!(rows[1][0], Data::String("hospital-allowance".into()));
    assert_eq!(rows[1][2], Data::Float(400.0));
    assert_eq!(rows[1][3], Data::Float(1.0));
    let Data::DateTime(filed) = rows[1][1] else { panic!("{:?}", rows[1][1]) };
    let (year, month, day, ..) = filed.to_ymd_hms_milli();
    assert_eq!((year, month), (2014, 3), "{day}");
    let about = book.worksheet_range("about").unwrap();
    let told: Vec<_> = about.rows().map(|row| row[1].to_string()).collect();
    assert!(told.contains(&exported.freshness.position.unwrap().to_string()), "{told:?}");
    assert!(told.contains(&"where paid>0".to_owned()), "{told:?}");
}

#[test]
fn rows_that_a_sheet_does_not_hold_go_on_in_the_next() {
    let world = world();
    let mut out = Vec::new();
    let mut file = Xlsx::with_rows(&mut out, 30);
    let exported = world.source.export(&of("claims"), &mut file, None).unwrap();
    drop(file);
    assert_eq!(exported.rows, 40);
    let mut book = Opened::new(Cursor::new(out)).unwrap();
    assert_eq!(book.sheet_names(), ["claims", "claims 2", "about"]);
    let rows = |book: &mut Opened<_>, name: &str| book.worksheet_range(name).unwrap().rows().len();
    assert_eq!((rows(&mut book, "claims"), rows(&mut book, "claims 2")), (31, 11));
}

#[test]
fn an_amount_that_a_spreadsheet_would_round_is_refused_with_its_place() {
    let column = Column {
        name: "paid".into(),
        stored: "paid_fen".into(),
        about: String::new(),
        kind: Kind::Fen,
        nullable: false,
    };
    let heading = Heading {
        view: "claims".into(),
        about: String::new(),
        columns: vec![column],
        freshness: Freshness { position: None, recorded_at: None },
        asked: String::new(),
    };
    let mut file = Xlsx::new(Vec::new());
    file.begin(&heading).unwrap();
    file.row(&[Cell::Fen(999_999_999_999_999)]).unwrap();
    let error = file.row(&[Cell::Fen(1_000_000_000_000_001)]).unwrap_err().to_string();
    assert!(error.starts_with("row 2, column paid: 10000000000000.01 has more"), "{error}");
    let long = "长".repeat(32_768);
    let error = file.row(&[Cell::Text(&long)]).unwrap_err().to_string();
    assert!(error.contains("32768 characters"), "{error}");
    assert!(file.row(&[Cell::Date(date(1899, 12, 31))]).is_ok());
}

#[test]
fn a_span_takes_in_its_first_and_its_last_day() {
    let world = world();
    let days = |from: Option<&str>, until: Option<&str>| {
        let span = Span {
            by: Some("filed_on".into()),
            from: from.map(str::to_owned),
            until: until.map(str::to_owned),
        };
        let ask = Ask { columns: texts(&["filed_on"]), span, ..of("claims") };
        csv(&world, &ask).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = days(None.or(Some("0001-01-01")), None);
    assert_eq!(all.len(), 40);
    let (first, last) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert_eq!(days(Some(first), Some(last)).len(), 40);
    let some = days(Some(last), Some(last));
    assert!(!some.is_empty() && some.iter().all(|day| day == last));
    assert!(days(None, Some("2014-01-31")).is_empty());

    let months = Span { from: Some("2014-03".into()), until: Some("2014-12".into()), by: None };
    let ask = Ask { span: months, ..of("plan_statistics") };
    let text = csv(&world, &ask).unwrap();
    assert!(text.lines().count() > 1);
    assert!(
        text.starts_with("\u{feff}plan,version,district,month,covers,contributions,"),
        "{text}"
    );
    assert!(!text.contains("2014-02"), "{text}");
}

#[test]
fn what_cannot_be_meant_is_refused_and_says_what_can() {
    let world = world();
    let told = refused(&world, &of("claim"));
    assert!(told.starts_with("there is no view claim; there are plans, "), "{told}");
    let told = refused(&world, &Ask { columns: texts(&["paid", "payed"]), ..of("claims") });
    assert!(told.starts_with("claims has no column payed; it has claim, "), "{told}");
    let told = refused(&world, &Ask { order: texts(&["1; DROP TABLE claims"]), ..of("claims") });
    assert!(told.starts_with("claims has no column 1; DROP TABLE claims"), "{told}");
    let condition =
        |text: &str| refused(&world, &Ask { conditions: texts(&[text]), ..of("claims") });
    assert!(condition("paid").contains("must be a column, one of"));
    assert_eq!(condition("paid=1.005"), "paid=1.005: is no amount in yuan such as 1200.50");
    assert_eq!(
        condition("filed_on>=2014-02-30"),
        "filed_on>=2014-02-30: is no date such as 2014-07-01"
    );
    assert_eq!(condition("stays=one"), "stays=one: is no whole number");
    assert_eq!(condition("steps=[]"), "steps=[]: rows cannot be chosen by this column");
    assert_eq!(condition("paid_on<"), "paid_on<: only = and != can be asked of nothing");
    let span = Span { from: Some("2014-01-01".into()), ..Span::default() };
    let told = refused(&world, &Ask { span: span.clone(), ..of("claims") });
    assert!(told.contains("has several dates: say with --by"), "{told}");
    let told = refused(&world, &Ask { span, ..of("unit_members") });
    assert!(told.contains("has no dates"), "{told}");
}

#[test]
fn personal_data_leaves_only_when_that_is_said() {
    let world = world();
    let told = refused(&world, &of("member_persons"));
    assert_eq!(told, "member_persons holds personal data: say --personal if that is meant");
    let ask = Ask { personal: true, ..of("member_persons") };
    assert_eq!(csv(&world, &ask).unwrap().lines().count(), 81);
}

/// A file that lets the views grow while it is written.
struct Meanwhile<'w> {
    keeper: &'w mut Keeper,
    events: &'w [crate::projection::Arrived],
    rows: u64,
}

impl Writer for Meanwhile<'_> {
    fn begin(&mut self, _: &Heading) -> Result<(), ExportError> {
        self.keeper.take(self.keeper.wants_after().unwrap_or(0), self.events, time(1))?;
        Ok(())
    }

    fn row(&mut self, _: &[Cell<'_>]) -> Result<(), ExportError> {
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        Ok(())
    }
}

#[test]
fn an_export_shows_one_moment_while_the_views_go_on() {
    let history = year(Figures { units: 2, members: 40, one_claim_of: 2 });
    let half = history.events().len() / 2;
    let World { folder, mut keeper, source } = world_of(&history, half);
    let mut file = Meanwhile { keeper: &mut keeper, events: &history.events()[half..], rows: 0 };
    let mut told = Vec::new();
    let mut tell = |progress: Progress| told.push(progress);
    let before = source.export(&of("approval_steps"), &mut file, Some(&mut tell)).unwrap();
    assert_eq!(before.freshness.position.unwrap().offset, u64::try_from(half).unwrap());
    assert_eq!(before.rows, file.rows);
    assert_eq!(told, [Progress { rows: before.rows, of: before.rows }]);
    let ask = Ask { columns: texts(&["claim"]), ..of("approval_steps") };
    let after = World {
        source: Source::open(&Place::Folder(folder.path().to_owned())).unwrap(),
        folder,
        keeper,
    };
    let rows = csv(&after, &ask).unwrap().lines().count() - 1;
    assert!(u64::try_from(rows).unwrap() > before.rows, "{rows}");
}

#[test]
fn every_view_can_be_exported_and_no_two_columns_have_one_name() {
    let world = world();
    for view in views() {
        let ask = Ask { personal: true, ..of(&view.name) };
        let text = csv(&world, &ask).unwrap();
        let header = text.lines().next().unwrap().trim_start_matches('\u{feff}');
        let mut names: Vec<_> = header.split(',').collect();
        assert_eq!(names.len(), view.columns.len(), "{}", view.name);
        assert!(!header.contains("_fen"), "{header}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), view.columns.len(), "{}", view.name);
        let mut out = Vec::new();
        world.source.export(&ask, &mut Xlsx::new(&mut out), None).unwrap();
        assert!(Opened::new(Cursor::new(out)).is_ok(), "{}", view.name);
    }
}
