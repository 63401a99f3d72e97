//! `huzhu plans`: what an operator does before a plan is published.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use huzhu_domain::assessment::{Assessment, CoverStanding, assess};
use huzhu_domain::claim::facts::Facts;
use huzhu_domain::id::BenefitCode;
use huzhu_domain::plan::{PlanVersion, catalogue, schema};
use serde::Deserialize;
use serde_json::Value;

use super::Failure;

/// Check plans, try them on facts, show their schema.
#[derive(Debug, Subcommand)]
pub(super) enum Plans {
    /// Check a plan file (JSON or TOML) and list the figures that are not sourced.
    Check {
        /// The plan file.
        file: PathBuf,
    },
    /// Compute an assessment from a facts file and print how it comes about.
    Try {
        /// The plan file.
        file: PathBuf,
        /// The facts file (JSON or TOML): `cover`, `benefits` and `facts`.
        #[arg(long)]
        facts: PathBuf,
        /// Print the assessment as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of plan files.
    Schema,
    /// Print the JSON Schema of facts files.
    FactsSchema,
    /// List the catalogue, or print one of its files.
    Catalogue {
        /// The file to print, such as `nuan-huzhu.2014-revised.json`.
        file: Option<String>,
    },
}

/// What a facts file holds.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// The cover as it stands.
    cover: CoverStanding,
    /// The benefits that are asked for; all if none.
    #[serde(default)]
    benefits: Vec<BenefitCode>,
    /// What happened.
    facts: Facts,
}

pub(super) fn run(plans: &Plans) -> Result<(), Failure> {
    match plans {
        Plans::Check { file } => check(file),
        Plans::Try { file, facts, json } => try_on(file, facts, *json),
        Plans::Schema => print_json(&schema()),
        Plans::FactsSchema => print_json(&schemars::schema_for!(Trial).to_value()),
        Plans::Catalogue { file: None } => {
            for (name, _) in catalogue() {
                say!("{name}");
            }
            Ok(())
        }
        Plans::Catalogue { file: Some(wanted) } => {
            let found = catalogue().iter().find(|(name, _)| name == wanted);
            let (_, text) =
                found.ok_or_else(|| Failure(format!("the catalogue has no {wanted}")))?;
            say!("{}", text.trim_end());
            Ok(())
        }
    }
}

fn check(file: &Path) -> Result<(), Failure> {
    let terms = plan(file)?;
    say!("{} {} holds: {}", terms.plan, terms.version, terms.name.zh);
    let figures = terms.figures();
    say!("{} figures:", figures.len());
    for figure in figures {
        // A figure without a standing does not pass the check above.
        let (standing, note) = figure
            .standing
            .map(|standing| (format!("{:?}", standing.standing).to_lowercase(), standing.note))
            .unwrap_or_default();
        say!("  {standing:<13} {:<52} {:<12} {note}", figure.path, figure.value);
    }
    Ok(())
}

fn try_on(file: &Path, facts: &Path, json: bool) -> Result<(), Failure> {
    let terms = plan(file)?;
    let trial: Trial = serde_path_to_error::deserialize(read(facts)?)
        .map_err(|why| Failure(format!("{}: {}: {}", facts.display(), why.path(), why.inner())))?;
    let assessment =
        assess(&terms, &trial.cover, &trial.benefits, &trial.facts).map_err(Failure::of)?;
    if json {
        return print_json(&serde_json::to_value(&assessment).map_err(Failure::of)?);
    }
    print_assessment(&assessment);
    Ok(())
}

fn print_assessment(assessment: &Assessment) {
    say!("{} {}", assessment.plan, assessment.version);
    for (step, number) in assessment.trace.iter().zip(1_u32..) {
        say!("{number:>4}. {}", step.text);
    }
    for line in &assessment.lines {
        say!("      {:<20} {:<24} {:>14}", line.benefit, line.subject.to_string(), line.amount);
    }
    say!("total {} yuan", assessment.total);
    for finding in &assessment.findings {
        say!("look at: {finding:?}");
    }
}

fn plan(file: &Path) -> Result<PlanVersion, Failure> {
    PlanVersion::parse(read(file)?).map_err(|errors| {
        let lines: Vec<_> =
            errors.iter().map(|error| format!("  {}: {}", error.path, error.why)).collect();
        Failure(format!("{} does not hold:\n{}", file.display(), lines.join("\n")))
    })
}

/// A JSON or TOML file.
fn read(file: &Path) -> Result<Value, Failure> {
    let named = |why: &dyn std::fmt::Display| Failure(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|why| named(&why))?;
    if file.extension().is_some_and(|extension| extension == "toml") {
        toml::from_str(&text).map_err(|why| named(&why))
    } else {
        serde_json::from_str(&text).map_err(|why| named(&why))
    }
}

fn print_json(value: &Value) -> Result<(), Failure> {
    say!("{}", serde_json::to_string_pretty(value).map_err(Failure::of)?);
    Ok(())
}
