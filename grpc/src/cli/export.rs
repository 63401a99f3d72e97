//! `huzhu export`: a view as a file for other programs.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use huzhu_projections::database::Place;
use huzhu_projections::export::{self, Ask, Csv, Exported, Source, Span, Writer, Xlsx};
use tempfile::NamedTempFile;

use super::Failure;
use super::progress::Progress;

/// Export a view as CSV, Excel workbook or Parquet. The service may run.
///
/// What is read is one moment of the log, which is told on standard error. Amounts leave in yuan:
/// the column paid_fen of the database is called paid.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The view, such as claims; without one, every view is listed.
    view: Option<String>,
    /// List the columns of the view with their meaning, and export nothing.
    #[arg(long)]
    columns_only: bool,
    /// The kind of file; by the ending of --out if absent, CSV if that says nothing.
    #[arg(long)]
    format: Option<Format>,
    /// The file, replaced at the end if it is there; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only rows where this holds: a column, one of = != < <= > >=, and a value; nothing if the
    /// value is empty. All have to hold; several values that one column may equal are
    /// alternatives.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    conditions: Vec<String>,
    /// Only rows from this day (or month) on.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only rows up to this day (or month), that day included.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// The column that --from and --until speak of, where the view has several dates.
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// The columns, in this order; all if absent.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// The order: columns, each followed by desc to go down; that of the key if absent.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    order: Vec<String>,
    /// Let personal data out: names and numbers of people.
    #[arg(long)]
    personal: bool,
    /// Write CSV for programs other than spreadsheets: without a byte order mark, and texts that
    /// begin like a formula as they are.
    #[arg(long)]
    raw: bool,
    /// Show progress even where nobody watches.
    #[arg(long)]
    progress: bool,
    /// The data folder.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
    /// The PostgreSQL database of the views, if they are not in the data folder.
    #[arg(long, value_name = "URL", env = "HUZHU_VIEWS", hide_env_values = true)]
    views: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text, opened by anything.
    Csv,
    /// An Excel workbook.
    Xlsx,
    /// Parquet, for data frames and warehouses; where the program was built with it.
    Parquet,
}

pub(super) fn run(asked: Export) -> Result<(), Failure> {
    let place = Place::of(&asked.data, asked.views.as_deref()).map_err(Failure::of)?;
    let source = Source::open(&place).map_err(Failure::of)?;
    let Some(view) = asked.view else {
        for view in export::views() {
            let personal = if view.personal { " PERSONAL DATA" } else { "" };
            say!("{:<24} {}{personal}", view.name, view.about);
        }
        return Ok(());
    };
    if asked.columns_only {
        return tell_columns(&view);
    }
    let format = asked.format.or_else(|| by_ending(asked.out.as_deref()?)).unwrap_or(Format::Csv);
    let ask = Ask {
        view,
        columns: asked.columns,
        conditions: asked.conditions,
        span: Span { by: asked.by, from: asked.from, until: asked.until },
        order: asked.order,
        personal: asked.personal,
    };
    let mut progress = Progress::new("rows", asked.progress);
    let exported = match &asked.out {
        Some(out) => {
            let mut file = beside(out, ask.personal)?;
            let exported =
                write(&source, &ask, format, asked.raw, file.as_file_mut(), &mut progress)?;
            file.as_file().sync_all().map_err(Failure::of)?;
            file.persist(out).map_err(|why| Failure(format!("{}: {why}", out.display())))?;
            exported
        }
        None if format == Format::Csv => {
            write(&source, &ask, format, asked.raw, io::stdout(), &mut progress)?
        }
        None => return Err(Failure("only CSV goes to standard output: say --out".into())),
    };
    progress.end();
    conclude(&ask, &exported);
    Ok(())
}

fn write<W: Write + Send>(
    source: &Source,
    ask: &Ask,
    format: Format,
    raw: bool,
    out: W,
    progress: &mut Progress,
) -> Result<Exported, Failure> {
    let out = BufWriter::with_capacity(1 << 16, out);
    let mut file: Box<dyn Writer + '_> = match format {
        Format::Csv => Box::new(Csv::new(out, !raw).map_err(Failure::of)?),
        Format::Xlsx => Box::new(Xlsx::new(out)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(export::Parquet::new(out)),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            let why = "this program was built without Parquet: build it with --features parquet";
            return Err(Failure(why.into()));
        }
    };
    let wanted = progress.is_shown();
    let mut told = |at: export::Progress| progress.tell(at.rows, at.of);
    let tell = wanted.then_some(&mut told as &mut dyn FnMut(export::Progress));
    source.export(ask, file.as_mut(), tell).map_err(Failure::of)
}

/// A file beside `out` that takes its place when it is whole.
fn beside(out: &Path, personal: bool) -> Result<NamedTempFile, Failure> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    // Personal data is for whoever exported it; the rest as the system is set up.
    let mode = if personal { 0o600 } else { 0o666 };
    tempfile::Builder::new()
        .prefix(".huzhu-export-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(|why| Failure(format!("{}: {why}", folder.display())))
}

/// What was exported, and as of when, beside the rows and not among them.
fn conclude(ask: &Ask, exported: &Exported) {
    let position = exported.freshness.position;
    let at = position.map_or_else(|| "an empty log".to_owned(), |at| at.to_string());
    let recorded = exported.freshness.recorded_at;
    let recorded = recorded.map_or_else(String::new, |at| format!(", recorded {at:.6}"));
    eprintln!("{} rows of {} as of {at}{recorded}", exported.rows, ask.view);
    if ask.personal {
        eprintln!("this is personal data: keep it where only those may read it who have to");
    }
    for (view, failure) in &exported.stopped {
        eprintln!(
            "look at `huzhu views status`: the view {view} stands still before event {} since {}",
            failure.offset, failure.since
        );
    }
}

fn tell_columns(view: &str) -> Result<(), Failure> {
    let views = export::views();
    let found = views.iter().find(|one| one.name == view);
    let view = found.ok_or_else(|| Failure(format!("there is no view {view}")))?;
    say!("{}: {}", view.name, view.about);
    for column in &view.columns {
        let kind = format!("{:?}", column.kind).to_lowercase();
        let kind = if kind == "fen" { "yuan".to_owned() } else { kind };
        say!("  {:<20} {kind:<10} {}", column.name, column.about);
    }
    Ok(())
}

fn by_ending(out: &Path) -> Option<Format> {
    match out.extension()?.to_str()?.to_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "xlsx" => Some(Format::Xlsx),
        "parquet" => Some(Format::Parquet),
        _ => None,
    }
}
