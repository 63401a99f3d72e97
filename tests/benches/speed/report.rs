//! What was measured: one table for people, the same as JSON for machines.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::processor::Processor;

/// Latencies of one kind of call, how long all of them took, and on whose processor time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) each: Vec<Duration>,
    pub(crate) took: Duration,
    pub(crate) processor: Processor,
}

impl Samples {
    pub(crate) fn add(&mut self, more: Self) {
        self.each.extend(more.each);
        self.took += more.took;
        self.processor += more.processor;
    }

    /// How many a second.
    pub(crate) fn rate(&self) -> u64 {
        rate(self.each.len(), self.took)
    }

    /// The latency that so many of a hundred do not exceed, in microseconds.
    pub(crate) fn percentile(&self, of_hundred: usize) -> u64 {
        let mut sorted = self.each.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * of_hundred / 100).min(sorted.len() - 1);
        u64::try_from(sorted[place].as_micros()).unwrap()
    }
}

/// How many a second.
pub(crate) fn rate(count: usize, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap().max(1);
    u64::try_from(count).unwrap() * 1_000_000 / micros
}

#[derive(Debug, Serialize)]
struct Row {
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<usize>,
    value: u64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_micros: Option<u64>,
    /// Of the caller's thread, the thread that answers, and those that work behind it, for a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_micros: Option<[u64; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

/// Everything that was measured, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Calls, or whatever else has latencies; `target` is what they are held against.
    pub(crate) fn samples(
        &mut self,
        what: &str,
        in_flight: usize,
        samples: &Samples,
        target: Option<(String, bool)>,
    ) {
        let (target, met) = target.unzip();
        self.rows.push(Row {
            what: what.to_owned(),
            in_flight: Some(in_flight),
            value: samples.rate(),
            unit: "/s",
            p50_micros: Some(samples.percentile(50)),
            p99_micros: Some(samples.percentile(99)),
            processor_micros: samples.processor.micros_each(samples.each.len()),
            target,
            met,
        });
    }

    /// One figure.
    pub(crate) fn figure(
        &mut self,
        what: &str,
        value: u64,
        unit: &'static str,
        target: Option<(String, bool)>,
    ) {
        let (target, met) = target.unzip();
        self.rows.push(Row {
            what: what.to_owned(),
            in_flight: None,
            value,
            unit,
            p50_micros: None,
            p99_micros: None,
            processor_micros: None,
            target,
            met,
        });
    }

    pub(crate) fn print(&self) {
        let line = |what: &str, cells: [&str; 7]| {
            let [flight, value, p50, p99, cpu, target, met] = cells;
            println!(
                "{what:<34} {flight:>9} {value:>14} {p50:>9} {p99:>9} {cpu:>13}  {target:<38} {met}"
            );
        };
        println!();
        line("what", ["in flight", "value", "p50 µs", "p99 µs", "CPU µs a call", "target", "met"]);
        for row in &self.rows {
            let shown = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
            let in_flight = row.in_flight.map(|n| n.to_string()).unwrap_or_default();
            let cpu = row.processor_micros.map(|micros| micros.map(|each| each.to_string()));
            let cpu = cpu.map(|cpu| cpu.join(" + ")).unwrap_or_default();
            let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
            line(
                &row.what,
                [
                    &in_flight,
                    &format!("{} {}", row.value, row.unit),
                    &shown(row.p50_micros),
                    &shown(row.p99_micros),
                    &cpu,
                    row.target.as_deref().unwrap_or_default(),
                    met,
                ],
            );
        }
    }

    /// Writes `bench.json` into the target folder.
    pub(crate) fn write(&self) {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
            PathBuf::from,
        );
        let json = serde_json::to_vec_pretty(&self.rows).unwrap();
        std::fs::write(target.join("bench.json"), json).unwrap();
    }
}
