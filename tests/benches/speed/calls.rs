//! Durable commands through the real service, beside the echo and the disk, taking turns.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use huzhu_domain::cover::Cover;
use huzhu_domain::id::CoverId;
use huzhu_domain::money::Money;
use huzhu_grpc::auth::keys::ResidentHasher;
use huzhu_grpc::client::{self, Desk, Desks};
use huzhu_grpc::clock::Clock;
use huzhu_grpc::contract::huzhu::command::v1 as command;
use huzhu_grpc::contract::huzhu::command::v1::claim_service_client::ClaimServiceClient;
use huzhu_grpc::contract::huzhu::r#type::v1 as wire;
use huzhu_grpc::server::{self, Config};
use huzhu_grpc::simulate::{Plan, Setting, simulate};
use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::engine::{Engine, Limits, streams};
use huzhu_store::port::Position;
use jiff::civil::date;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::asked;
use crate::disk::Disk;
use crate::echo;
use crate::processor::Processor;
use crate::report::{Report, Samples};

const IN_FLIGHT: [usize; 4] = [1, 8, 64, 256];
const ROUNDS: u32 = 3;
/// How long the service is left alone until it has nothing left to do.
const QUIET: Duration = Duration::from_secs(3);
/// How many paced calls are under way at most: then the service is later than their pace.
const PACED_MAX: usize = 256;
const PLAN: Plan = Plan { seed: 1, members: 4_000, months: 0 };

/// Measures with so many calls under way, or with few to many where nothing is asked for.
pub(crate) fn measure(report: &mut Report, asked_in_flight: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    eprintln!("enrolling {} members", PLAN.members);
    let covers = runtime.block_on(enrol(folder.path()));
    let mut config = Config::new(folder.path().to_owned());
    config.backdate_days_max = None;
    let service = server::start(config).unwrap();
    let echo = echo::serve();
    let mut disk = Disk::new(folder.path(), 16_384);
    runtime.block_on(async {
        let mut caller = Caller::new(&service, echo, &covers).await;
        caller.warm_up().await;
        let in_flight = if asked_in_flight.is_empty() { &IN_FLIGHT } else { asked_in_flight };
        for &in_flight in in_flight {
            let count = in_flight * usize::try_from(asked("HUZHU_BENCH_CALLS", 24)).unwrap();
            let count = count.clamp(300, 4_000);
            let (mut bare, mut flushed) = (Samples::default(), Samples::default());
            let (mut filed, mut passed) = (Samples::default(), Samples::default());
            for round in 1..=ROUNDS {
                eprintln!("{in_flight} in flight, round {round} of {ROUNDS}");
                // What follows from the last round, such as its views, writes to the same disk.
                tokio::time::sleep(QUIET).await;
                flushed.add(disk.flush(300));
                bare.add(caller.echo(in_flight, count).await);
                filed.add(caller.file(in_flight, count).await);
                passed.add(caller.pass(in_flight, count).await);
            }
            tell(report, in_flight, &bare, &flushed, &[("FileClaim", filed), ("PassStep", passed)]);
        }
    });
    service.stop();
    service.join().unwrap();
}

fn tell(
    report: &mut Report,
    in_flight: usize,
    bare: &Samples,
    flushed: &Samples,
    commands: &[(&str, Samples)],
) {
    report.samples("bare fdatasync", 1, flushed, None);
    report.samples("bare echo", in_flight, bare, None);
    for (what, samples) in commands {
        let target = match in_flight {
            1 => {
                let most = bare.percentile(50) + 2 * flushed.percentile(50);
                let met = samples.percentile(50) < most;
                Some((format!("p50 under {most} µs (echo + 2 fdatasync)"), met))
            }
            64 | 256 => {
                let least = bare.rate() / 2;
                let part = samples.rate() * 100 / bare.rate().max(1);
                let met = samples.rate() >= least;
                Some((format!("{least}/s (half of echo; is {part} %)"), met))
            }
            _ => None,
        };
        report.samples(what, in_flight, samples, target);
    }
}

/// A city whose members are enrolled, and nothing has happened yet: the members who have a cover of
/// the free plan, and the cover. Those who are not insured have none.
pub(crate) async fn enrol(folder: &std::path::Path) -> Vec<(u32, CoverId)> {
    let clock = Clock::system();
    let store = EmbeddedStore::open(folder, move || clock.now()).unwrap();
    let residents = Arc::new(ResidentHasher::open(folder).unwrap());
    let engine = Engine::open(Arc::new(store.clone()), Limits::default()).await.unwrap();
    simulate(engine.clone(), residents, PLAN, 256, |_, _| {}).await.unwrap();
    let (setting, free) = (Setting::of(&PLAN).unwrap(), "nuan-huzhu".parse().unwrap());
    let mut covers = Vec::new();
    for number in 0..PLAN.members {
        let cover = CoverId::of(&free, setting.member(number), date(2014, 1, 1));
        if engine.load::<Cover>(streams::cover(cover)).await.unwrap().revision.is_some() {
            covers.push((number, cover));
        }
    }
    drop(engine);
    store.close().await;
    covers
}

/// What calls the service and the echo, each over one connection.
pub(crate) struct Caller {
    echo: ClaimServiceClient<Channel>,
    covers: Vec<String>,
    /// The unit of the member who has the cover.
    units: Vec<usize>,
    /// The clerk and the endorser of each unit.
    desks: Vec<(Desk, Desk)>,
    /// How many claims were filed.
    filed: usize,
    /// Claims that wait for their first step, with the unit.
    waiting: Vec<(usize, String)>,
}

impl Caller {
    pub(crate) async fn new(
        service: &server::Running,
        echo: SocketAddr,
        covers: &[(u32, CoverId)],
    ) -> Self {
        let setting = Setting::of(&PLAN).unwrap();
        let desks =
            Desks::connect(format!("http://{}", service.address), &service.key).await.unwrap();
        let of_unit = setting.units().iter().map(|unit| {
            let desk = |name: String| desks.handler(&name, unit.id.as_str()).unwrap();
            (desk(unit.clerk()), desk(unit.endorser()))
        });
        let unit_of = |number: u32| {
            setting.units().iter().position(|unit| unit.members.contains(&number)).unwrap()
        };
        let channel = Endpoint::from_shared(format!("http://{echo}")).unwrap().tcp_nodelay(true);
        Self {
            echo: ClaimServiceClient::new(channel.connect().await.unwrap()),
            covers: covers.iter().map(|(_, cover)| cover.to_string()).collect(),
            units: covers.iter().map(|(number, _)| unit_of(*number)).collect(),
            desks: of_unit.collect(),
            filed: 0,
            waiting: Vec::new(),
        }
    }

    pub(crate) async fn warm_up(&mut self) {
        self.echo(64, 2_000).await;
        self.file(64, 1_000).await;
        self.pass(64, 1_000).await;
    }

    /// The claim of this number: the unit that files it, its clerk, and the request.
    fn filing(&self, number: usize) -> (usize, &Desk, Request<command::FileClaimRequest>) {
        let member = number % self.covers.len();
        let unit = self.units[member];
        let clerk = &self.desks[unit].0;
        (unit, clerk, clerk.request(claim(&self.covers[member], number)))
    }

    async fn echo(&self, in_flight: usize, count: usize) -> Samples {
        // The requests that the service gets: many clerks, each with a token of their own.
        let calls = (0..count).map(|number| {
            let (_, _, request) = self.filing(number);
            let mut echo = self.echo.clone();
            async move { drop(echo.file_claim(request).await.unwrap()) }
        });
        timed(in_flight, calls).await.0
    }

    async fn file(&mut self, in_flight: usize, count: usize) -> Samples {
        let first = self.filed;
        let calls = (first..first + count).map(|number| {
            let (unit, clerk, request) = self.filing(number);
            let mut claims = clerk.claims();
            async move { (unit, claims.file_claim(request).await.unwrap().into_inner().claim_id) }
        });
        let (samples, filed) = timed(in_flight, calls).await;
        self.waiting.extend(filed);
        self.filed += count;
        samples
    }

    /// Files `count` claims, `rate` of them a second whatever becomes of them; when each was
    /// acknowledged, and the offset of its last event.
    pub(crate) async fn paced(&mut self, rate: u32, count: u32) -> Vec<(Instant, u64)> {
        let first = self.filed;
        self.filed += usize::try_from(count).unwrap();
        let begun = Instant::now();
        let calls = (0..count).map(|place| {
            let number = first + usize::try_from(place).unwrap();
            let (_, clerk, request) = self.filing(number);
            let mut claims = clerk.claims();
            async move {
                let due = begun + Duration::from_secs(1) * place / rate;
                tokio::time::sleep_until(due.into()).await;
                let receipt = claims.file_claim(request).await.unwrap().into_inner().receipt;
                let position: Position = receipt.unwrap().position.parse().unwrap();
                (Instant::now(), position.offset)
            }
        });
        futures::stream::iter(calls).buffer_unordered(PACED_MAX).collect().await
    }

    async fn pass(&mut self, in_flight: usize, count: usize) -> Samples {
        let waiting = self.waiting.split_off(self.waiting.len() - count);
        let calls = waiting.into_iter().map(|(unit, claim_id)| {
            let endorser = &self.desks[unit].1;
            let (mut claims, request) = (endorser.claims(), endorser.request(pass(claim_id)));
            async move { drop(claims.pass_step(request).await.unwrap()) }
        });
        timed(in_flight, calls).await.0
    }
}

/// Makes calls, so many of them under way at any time.
async fn timed<A>(
    in_flight: usize,
    calls: impl Iterator<Item = impl Future<Output = A>>,
) -> (Samples, Vec<A>) {
    let (used, begun) = (Processor::used(), Instant::now());
    let calls = calls.map(|call| async {
        let begun = Instant::now();
        let answer = call.await;
        (begun.elapsed(), answer)
    });
    let done = futures::stream::iter(calls).buffer_unordered(in_flight);
    let (each, answers): (Vec<Duration>, Vec<A>) = done.unzip().await;
    let took = begun.elapsed();
    (Samples { each, took, processor: Processor::used() - used }, answers)
}

/// A claim for a stay of ten days that nobody has claimed.
fn claim(cover_id: &str, number: usize) -> command::FileClaimRequest {
    let day = |day| Some(client::date(date(2014, 10, day)));
    let amount: Money = "9300".parse().unwrap();
    let stay = wire::Stay {
        serial: format!("B{number}"),
        hospital_grade: 3,
        admitted: day(1),
        discharged: day(11),
        self_pay_one: Some(client::money(amount)),
        ..wire::Stay::default()
    };
    let kind = wire::IncidentKind::Illness.into();
    command::FileClaimRequest {
        request_id: Uuid::new_v4().to_string(),
        business_time: on(13),
        cover_id: cover_id.to_owned(),
        facts: Some(wire::Facts {
            incident: Some(wire::Incident { kind, date: day(1) }),
            applied_on: day(12),
            stays: vec![stay],
            ..wire::Facts::default()
        }),
        ..command::FileClaimRequest::default()
    }
}

fn pass(claim_id: String) -> command::PassStepRequest {
    let request_id = Uuid::new_v4().to_string();
    let business_time = on(14);
    command::PassStepRequest {
        request_id,
        business_time,
        claim_id,
        ..command::PassStepRequest::default()
    }
}

fn on(day: i8) -> Option<prost_types::Timestamp> {
    let at = jiff::tz::TimeZone::UTC.to_timestamp(date(2014, 10, day).at(3, 0, 0, 0)).unwrap();
    Some(client::time(at))
}
