//! An assessment, as the contract has it.

use std::collections::HashMap;

use huzhu_domain::assessment::{Accumulators, Assessment, Finding, TraceStep};
use serde::Serialize;
use serde_json::Value;

use super::value::money;
use crate::contract::huzhu::r#type::v1 as wire;

/// An assessment as the contract has it.
#[must_use]
pub fn assessment(assessment: &Assessment) -> wire::Assessment {
    let lines = assessment.lines.iter().map(|line| wire::AssessmentLine {
        benefit: line.benefit.to_string(),
        subject: line.subject.to_string(),
        amount: Some(money(line.amount)),
    });
    wire::Assessment {
        plan: assessment.plan.to_string(),
        version: assessment.version.to_string(),
        lines: lines.collect(),
        total: Some(money(assessment.total)),
        trace: assessment.trace.iter().map(step).collect(),
        uses: accumulators(&assessment.uses),
        basis: accumulators(&assessment.basis),
        ceilings: accumulators(&assessment.ceilings),
        ends_cover: assessment.ends_cover,
        findings: assessment.findings.iter().map(finding).collect(),
    }
}

fn step(step: &TraceStep) -> wire::TraceStep {
    let inputs = step
        .inputs
        .iter()
        .map(|input| wire::TraceInput { name: input.name.clone(), value: input.value.clone() });
    wire::TraceStep {
        rule: word(step.rule),
        benefit: step.benefit.as_ref().map(ToString::to_string).unwrap_or_default(),
        text: step.text.clone(),
        inputs: inputs.collect(),
        result: step.result.clone(),
        rounding: step.rounding.map(word).unwrap_or_default(),
    }
}

fn accumulators(accumulators: &Accumulators) -> Vec<wire::Accumulator> {
    let sum = |(key, value): (&_, &_)| {
        let (key, value): (&huzhu_domain::assessment::AccumulatorKey, &rust_decimal::Decimal) =
            (key, value);
        wire::Accumulator { key: key.to_string(), value: value.to_string() }
    };
    accumulators.iter().map(sum).collect()
}

fn finding(finding: &Finding) -> wire::Finding {
    let mut figures: HashMap<String, String> = match serde_json::to_value(finding) {
        Ok(Value::Object(figures)) => {
            figures.into_iter().map(|(name, figure)| (name, plain(figure))).collect()
        }
        Ok(_) | Err(_) => HashMap::new(),
    };
    let code = figures.remove("finding").unwrap_or_default();
    wire::Finding { code, figures }
}

/// The stored name of a value of an enum.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).map(plain).unwrap_or_default()
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
