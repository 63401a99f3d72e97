//! `huzhu import`: spreadsheets of union offices into the running service.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use huzhu_domain::envelope::Role;
use huzhu_domain::id::{OrganisationId, PlanCode, VersionLabel};
use jiff::civil::Date;

use super::Failure;
use super::audit::Server;
use super::progress::Progress;
use crate::client::Desk;
use crate::import::claims::{self, Filing};
use crate::import::columns::{Columns, Field, Mapping, mapped};
use crate::import::roster::{self, Enrolment};
use crate::import::sheet::{Letters, Sheet};
use crate::import::{Outcome, template};

/// Whose name the commands carry where the key of the data folder signs the token.
const SUBJECT: &str = "huzhu-import";

/// Take spreadsheets of union offices (.xlsx, .csv) into the running service.
#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// A unit's list of workers: members that are new are registered, and all are put into the
    /// unit's roster. Run it again as often as you like: what is there is not recorded twice.
    Roster(Roster),
    /// Applications, one row for each stay or receipt, against covers that are there.
    Claims(Claims),
    /// Write an empty workbook with the headings that are known.
    Template {
        /// For what.
        kind: TemplateKind,
        /// The file.
        #[arg(long, value_name = "FILE.xlsx")]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum TemplateKind {
    /// A unit's list of workers.
    Roster,
    /// Applications.
    Claims,
}

#[derive(Debug, Args)]
pub(super) struct Roster {
    #[command(flatten)]
    file: FileArgs,
    /// The plan.
    #[arg(long)]
    plan: PlanCode,
    /// The version of the plan; the latest on sale on the first day if absent.
    #[arg(long)]
    version: Option<VersionLabel>,
    /// The unit.
    #[arg(long)]
    unit: OrganisationId,
    /// The first day of the term.
    #[arg(long, value_name = "DAY")]
    start: Date,
    /// Tells several rosters of the same unit, plan and term apart, such as that of late comers.
    #[arg(long, default_value = "")]
    part: String,
}

#[derive(Debug, Args)]
pub(super) struct Claims {
    #[command(flatten)]
    file: FileArgs,
    /// The plan of rows that name none.
    #[arg(long)]
    plan: Option<PlanCode>,
}

/// The file, how it is read, and who is told.
#[derive(Debug, Args)]
struct FileArgs {
    /// The file: .xlsx, or .csv in UTF-8 or GBK.
    file: PathBuf,
    /// The sheet of a workbook; the first if absent.
    #[arg(long)]
    sheet: Option<String>,
    /// How the letters of a CSV are written.
    #[arg(long, default_value = "auto")]
    encoding: Letters,
    /// A heading of the file and the field that it means, such as 员工=name.
    #[arg(long = "map", value_name = "HEADING=FIELD")]
    maps: Vec<String>,
    /// A TOML file of such lines: "员工" = "name".
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
    /// Say what does not hold, and record nothing.
    #[arg(long)]
    dry_run: bool,
    /// The day on which what is recorded counts (业务日期); now if absent.
    #[arg(long, value_name = "DAY")]
    on: Option<Date>,
    /// Show progress even where nobody watches.
    #[arg(long)]
    progress: bool,
    #[command(flatten)]
    server: Server,
}

impl FileArgs {
    fn mapping(&self) -> Result<Mapping, Failure> {
        let mut mapping = match &self.mapping {
            None => BTreeMap::new(),
            Some(path) => {
                let named =
                    |why: &dyn std::fmt::Display| Failure(format!("{}: {why}", path.display()));
                let text = fs::read_to_string(path).map_err(|why| named(&why))?;
                toml::from_str(&text).map_err(|why: toml::de::Error| named(&why.message()))?
            }
        };
        for text in &self.maps {
            mapping.extend([mapped(text).map_err(Failure::of)?]);
        }
        Ok(mapping)
    }

    async fn open(&self, fields: &'static [Field]) -> Result<(Sheet, Columns), Failure> {
        let sheet = Sheet::open(&self.file, self.sheet.as_deref(), self.encoding);
        let sheet = sheet.map_err(Failure::of)?;
        let columns = Columns::find(&sheet, fields, &self.mapping()?).await;
        let columns = columns.map_err(Failure::of)?.map_err(Failure::of)?;
        if !columns.ignored.is_empty() {
            let ignored = columns.ignored.join(", ");
            eprintln!("left aside, since their headings say nothing known: columns {ignored}");
        }
        Ok((sheet, columns))
    }

    async fn desk(&self) -> Result<Desk, Failure> {
        self.server.desk(Role::Operator, SUBJECT).await
    }
}

pub(super) async fn run(asked: Import) -> Result<(), Failure> {
    match asked {
        Import::Roster(asked) => roster(&asked).await,
        Import::Claims(asked) => claims(&asked).await,
        Import::Template { kind, out } => {
            let (title, fields) = match kind {
                TemplateKind::Roster => ("投保清单", roster::FIELDS),
                TemplateKind::Claims => ("理赔申请", claims::FIELDS),
            };
            let named = |why| Failure(format!("{}: {why}", out.display()));
            template::write(&out, title, fields).map_err(named)
        }
    }
}

async fn roster(asked: &Roster) -> Result<(), Failure> {
    let file = &asked.file;
    let (sheet, columns) = file.open(roster::FIELDS).await?;
    let desk = file.desk().await?;
    let enrolment = Enrolment {
        plan: asked.plan.to_string(),
        version: asked.version.as_ref().map(ToString::to_string).unwrap_or_default(),
        unit: asked.unit.to_string(),
        start: asked.start,
        part: asked.part.clone(),
        on: file.on,
    };
    let mut progress = Progress::new("rows", file.progress);
    let tell = |done, of| progress.tell(done, of);
    let outcome = roster::import(&desk, &sheet, &columns, &enrolment, file.dry_run, tell).await;
    progress.end();
    conclude(&outcome.map_err(Failure::of)?, file.dry_run)
}

async fn claims(asked: &Claims) -> Result<(), Failure> {
    let file = &asked.file;
    let (sheet, columns) = file.open(claims::FIELDS).await?;
    let desk = file.desk().await?;
    let filing = Filing { plan: asked.plan.as_ref().map(ToString::to_string), on: file.on };
    let mut progress = Progress::new("rows", file.progress);
    let tell = |done, of| progress.tell(done, of);
    let outcome = claims::import(&desk, &sheet, &columns, &filing, file.dry_run, tell).await;
    progress.end();
    conclude(&outcome.map_err(Failure::of)?, file.dry_run)
}

/// Every cell that does not hold on standard output, the sums on standard error.
fn conclude(outcome: &Outcome, dry_run: bool) -> Result<(), Failure> {
    for wrong in outcome.wrong.values().flatten() {
        say!("{}: {}", wrong.cell, wrong.why);
    }
    for (what, count) in &outcome.counts {
        eprintln!("{count:>10}  {what}");
    }
    for note in &outcome.notes {
        eprintln!("{note}");
    }
    let (good, rows) = (outcome.good, outcome.rows);
    let done = if dry_run { "hold; nothing was recorded" } else { "are on record" };
    eprintln!("{good} of {rows} rows {done}");
    if outcome.wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure(format!("{} rows do not hold", outcome.wrong.len())))
    }
}
