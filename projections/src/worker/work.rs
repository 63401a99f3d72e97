//! What the worker's thread does.
//!
//! It keeps what serves up to date; in between it builds what is to serve, and brings up what serves
//! and is behind the others, slice by slice, so that the one never waits long for the other.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

use super::{Clock, Left, Progress, Status};
use crate::checkpoint::{Failure, ViewsError};
use crate::database::{Place, Reader};
use crate::edition::{Edition, Role, editions};
use crate::feed::{Batch, Budget, Feed};
use crate::keeper::{Keeper, Make, Turn};
use crate::orders::skips;
use crate::rows::DatabaseError;
use crate::verify::{SAMPLE, differs};

/// What one transaction takes in at most while the views are live, so that readers are never long
/// behind.
const LIVE: Budget = Budget { events: 2_000, bytes: 4 * 1024 * 1024 };
/// What one transaction takes in at most while they are far behind.
const BEHIND: Budget = Budget { events: 16_000, bytes: 16 * 1024 * 1024 };
/// What is built at a time.
const SLICE: Budget = Budget { events: 5_000, bytes: 8 * 1024 * 1024 };
/// The next event alone.
const NEXT: Budget = Budget { events: 1, bytes: 1 };

/// In a rush come at least so many events a second.
const RUSH: u128 = 10_000;

/// How long events gather between two transactions while more keep coming, since a transaction costs
/// more than an event. Whoever waits for a position ends the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) usual: Duration,
    /// Those who submit a rush want the processors, and many changes of a row become one.
    pub(super) in_a_rush: Duration,
}

impl Default for Rest {
    fn default() -> Self {
        Self { usual: Duration::from_millis(10), in_a_rush: Duration::from_millis(250) }
    }
}

/// The first wait after a failure; it doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// How often it looks whether people ask for something.
const ORDERS: Duration = Duration::from_millis(500);

/// How often one that stands by looks where the views are, and whether it can take over.
const LOOK: Duration = Duration::from_millis(200);
const TAKE_OVER: Duration = Duration::from_secs(2);

pub(super) struct Worker {
    make: Make,
    place: Place,
    feed: Box<dyn Feed>,
    clock: Clock,
    runtime: Runtime,
    told: watch::Sender<Arc<Status>>,
    stopped: watch::Receiver<bool>,
    // Somebody waits for the views.
    wanted: Arc<Notify>,
    // None while another process keeps the views.
    keeper: Option<Keeper>,
    reader: Option<Box<dyn Reader>>,
    tried: Instant,
    // When somebody last looked whether people ask for something.
    looked: Option<Instant>,
    budget: Budget,
    rest: Rest,
    head: u64,
    // When the log took what the views that serve take next, while more is waiting.
    behind: Option<Timestamp>,
    // When the log took what a view that is behind the others takes next.
    lagging: Option<Timestamp>,
    // What serves as other code left it.
    left: Vec<Left>,
    // Since when editions are being built, and from which offset.
    building: Option<(Instant, u64)>,
}

/// What ended a wait.
enum Woken {
    Stopped,
    Looking,
    Grown(Result<(), ViewsError>),
}

impl Worker {
    pub(super) fn open(
        make: Make,
        place: Place,
        feed: Box<dyn Feed>,
        clock: Clock,
        rest: Rest,
        runtime: Runtime,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, ViewsError> {
        let status = Status {
            store: feed.store(),
            checkpoints: Vec::new(),
            editions: Vec::new(),
            head: 0,
            built_per_second: 0,
            standing_by: false,
            behind_since: None,
            left: Vec::new(),
            trouble: None,
        };
        let told = watch::Sender::new(Arc::new(status));
        let mut worker = Self {
            make,
            place,
            feed,
            clock,
            runtime,
            told,
            stopped,
            wanted: Arc::default(),
            keeper: None,
            reader: None,
            tried: Instant::now(),
            looked: None,
            budget: LIVE,
            rest,
            head: 0,
            behind: None,
            lagging: None,
            left: Vec::new(),
            building: None,
        };
        match worker.take_over() {
            Ok(()) => worker.tell(None),
            // Only a server has room for two.
            Err(ViewsError::InUse) if matches!(worker.place, Place::Server(_)) => worker.look()?,
            Err(why) => return Err(why),
        }
        Ok(worker)
    }

    pub(super) fn progress(&self) -> Progress {
        Progress::new(self.told.subscribe(), Arc::clone(&self.wanted))
    }

    pub(super) fn work(mut self) {
        let mut wait = BACK_OFF;
        while !*self.stopped.borrow() {
            match self.round() {
                Ok(true) => wait = BACK_OFF,
                // That the database answers again, or had nothing to do, is no progress yet.
                Ok(false) => {}
                Err(trouble) => {
                    tracing::warn!(%trouble, "the views wait");
                    self.tell(Some(trouble.to_string()));
                    if matches!(self.place, Place::Server(_)) {
                        // The connection may be gone, and the right to write with it.
                        (self.keeper, self.reader) = (None, None);
                        // Who keeps them next knows how late they are.
                        (self.behind, self.lagging) = (None, None);
                    }
                    self.pause(wait, pending());
                    wait = wait.saturating_mul(2).min(BACK_OFF_MAX);
                }
            }
        }
    }

    /// Does what is to be done next, or waits for it; whether the views have moved on.
    fn round(&mut self) -> Result<bool, ViewsError> {
        if self.keeper.is_none() {
            self.stand_by()?;
            return Ok(false);
        }
        self.obey()?;
        self.look_at_left()?;
        let went_on = self.go_on()?;
        let caught_up = self.catch_up()?;
        let built = self.build()?;
        let moved_on = went_on || caught_up || built;
        if !moved_on {
            self.wait()?;
        }
        Ok(moved_on)
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Result<(), ViewsError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let offset = keeper.wants_after();
        let (feed, stopped) = (&mut self.feed, &mut self.stopped);
        let woken = self.runtime.block_on(async {
            let grown = async {
                match offset {
                    Some(offset) => feed.grown(offset).await.map_err(ViewsError::from),
                    // Every view stands still, until it is told to go on.
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                // Also when nobody is left who could ask to stop.
                _ = stopped.wait_for(|stopped| *stopped) => Woken::Stopped,
                () = tokio::time::sleep(ORDERS) => Woken::Looking,
                grown = grown => Woken::Grown(grown),
            }
        });
        match woken {
            Woken::Grown(grown) => grown,
            Woken::Stopped | Woken::Looking => Ok(()),
        }
    }

    /// Waits, unless it has to stop or is `woken`; whether it was woken.
    fn pause(&mut self, wait: Duration, woken: impl Future<Output = ()>) -> bool {
        let stopped = &mut self.stopped;
        self.runtime.block_on(async {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => true,
                () = woken => true,
                () = tokio::time::sleep(wait) => false,
            }
        })
    }

    /// Lets events gather behind those that were read at `read`, unless somebody waits for the
    /// views. A rush shows only then, not by what was there before it began.
    fn gather(&mut self, read: Instant) -> Result<(), ViewsError> {
        let wanted = Arc::clone(&self.wanted);
        if self.pause(self.rest.usual, wanted.notified()) {
            return Ok(());
        }
        let Some(offset) = self.keeper.as_ref().and_then(Keeper::wants_after) else {
            return Ok(());
        };
        let head = self.runtime.block_on(self.feed.head())?;
        // Where offsets do not count events, nobody knows how many have come.
        let come = self.feed.between(offset, head).unwrap_or_default();
        let millis = read.elapsed().as_millis().max(1);
        if u128::from(come).saturating_mul(1_000) >= RUSH.saturating_mul(millis) {
            self.pause(self.rest.in_a_rush, wanted.notified());
        }
        Ok(())
    }

    /// Takes in what is there for the views that serve; whether there was anything.
    fn go_on(&mut self) -> Result<bool, ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(false) };
        let Some(offset) = keeper.wants_after() else {
            // What stands still is told as that.
            self.behind = None;
            return Ok(false);
        };
        let read = Instant::now();
        let Batch { events, more } = self.runtime.block_on(self.feed.after(offset, self.budget))?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            (self.budget, self.behind) = (LIVE, None);
            self.tell(None);
            return Ok(false);
        };
        self.head = self.head.max(last.offset);
        let since = first.recorded_at;
        self.behind = Some(since);
        self.tell(None);
        let stopped_before = self.standing_still();
        if let Some(keeper) = &mut self.keeper {
            keeper.take(offset, &events, (self.clock)())?;
        }
        // Far behind, longer transactions cost readers nothing that they have.
        self.budget = if more { BEHIND } else { LIVE };
        self.behind = Some(since).filter(|_| more);
        self.tell(None);
        if self.standing_still() > stopped_before {
            self.report();
        }
        if !more && self.building.is_none() && self.lagging.is_none() {
            self.gather(read)?;
        }
        Ok(true)
    }

    /// Takes in a slice for the views that serve and are behind the others; whether there are any.
    fn catch_up(&mut self) -> Result<bool, ViewsError> {
        let Some(offset) = self.keeper.as_ref().and_then(Keeper::lags_after) else {
            self.lagging = None;
            return Ok(false);
        };
        let events = self.runtime.block_on(self.feed.after(offset, SLICE))?.events;
        self.lagging = events.first().map(|event| event.recorded_at);
        let stopped_before = self.standing_still();
        if let Some(keeper) = &mut self.keeper {
            keeper.take(offset, &events, (self.clock)())?;
        }
        self.tell(None);
        if self.standing_still() > stopped_before {
            self.report();
        }
        Ok(true)
    }

    /// Builds a slice of what is to serve, and lets it serve when it is there; whether there was
    /// anything to do.
    fn build(&mut self) -> Result<bool, ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(false) };
        let Some(offset) = keeper.builds_after() else {
            self.building = None;
            return Ok(false);
        };
        self.building.get_or_insert_with(|| (Instant::now(), offset));
        self.head = self.runtime.block_on(self.feed.head())?;
        let slice = if offset < SAMPLE {
            let left = usize::try_from(SAMPLE.saturating_sub(offset)).unwrap_or(usize::MAX);
            Budget { events: SLICE.events.min(left), ..SLICE }
        } else {
            SLICE
        };
        let events = self.runtime.block_on(self.feed.after(offset, slice))?.events;
        let Some(keeper) = &mut self.keeper else { return Ok(false) };
        keeper.take(offset, &events, (self.clock)())?;
        self.let_serve()?;
        self.tell(None);
        Ok(true)
    }

    /// Verifies what was built far enough, and lets it serve when it is whole.
    fn let_serve(&mut self) -> Result<(), ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let ripe = keeper.ripe(self.head);
        let unverified = |own: &&Edition| {
            let ripe = ripe.contains(&own.checkpoint.projection);
            own.role == Role::Building
                && own.verified.is_none()
                && own.checkpoint.failure.is_none()
                && (ripe || own.checkpoint.offset >= SAMPLE)
        };
        for edition in keeper.editions().filter(unverified).cloned().collect::<Vec<_>>() {
            self.verify(&edition)?;
        }
        for view in ripe {
            let Some(keeper) = &mut self.keeper else { return Ok(()) };
            if keeper.building(&view).is_none() {
                continue;
            }
            keeper.complete(&view)?;
            match keeper.promote(&view, self.head) {
                Ok(()) => tracing::info!(view, "a new edition serves"),
                Err(Turn::Views(why)) => {
                    let ViewsError::Database(why @ DatabaseError::Depended(_)) = *why else {
                        return Err(*why);
                    };
                    tracing::error!(view, %why, "a new edition waits to serve");
                    self.give_up(&view, format!("{why}; drop that, and order a retry"))?;
                }
                Err(why) => tracing::error!(view, %why, "a new edition does not serve"),
            }
        }
        Ok(())
    }

    /// Lets what was built of a view stand where it is, until somebody orders a retry.
    fn give_up(&mut self, view: &str, why: String) -> Result<(), ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let Some(offset) = keeper.building(view).map(|own| own.checkpoint.offset) else {
            return Ok(());
        };
        let since = (self.clock)();
        let (stream, event) = (String::new(), String::new());
        let failure = Failure { offset, stream, revision: 0, event, why, since };
        Ok(keeper.give_up(view, failure)?)
    }

    fn verify(&mut self, edition: &Edition) -> Result<(), ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let (view, offset) = (&edition.checkpoint.projection, edition.checkpoint.offset);
        let make = keeper.make_only(view);
        let views = keeper.database().reader();
        let skipped = skips(views)?;
        let feed = self.feed.as_mut();
        match differs(views, edition.number, &make, &skipped, offset, feed, &self.runtime)? {
            None => Ok(keeper.verified(view)?),
            Some(why) => {
                tracing::error!(view, why, "a new edition is not what the log says");
                self.give_up(view, why)
            }
        }
    }

    /// Does what people ask for, if they do.
    fn obey(&mut self) -> Result<(), ViewsError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if self.looked.is_some_and(|looked| looked.elapsed() < ORDERS) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        if keeper.obey(self.head, (self.clock)())? > 0 {
            self.tell(None);
        }
        Ok(())
    }

    /// Sees which views serve as other code left them, and since when they are behind.
    fn look_at_left(&mut self) -> Result<(), ViewsError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let left = keeper.left().map(|own| Left {
            view: own.checkpoint.projection.clone(),
            at: own.checkpoint.offset,
            next_is_built: keeper.building(&own.checkpoint.projection).is_some(),
            behind_since: None,
        });
        let mut left: Vec<_> = left.collect();
        for now in &mut left {
            let same = |known: &&Left| known.view == now.view && known.at == now.at;
            let known = self.left.iter().find(same).and_then(|known| known.behind_since);
            // What it does not reflect stays the same as long as it stands there.
            now.behind_since = match known {
                Some(since) => Some(since),
                None => {
                    let next = self.runtime.block_on(self.feed.after(now.at, NEXT))?.events;
                    next.first().map(|event| event.recorded_at)
                }
            };
        }
        if left != self.left {
            self.left = left;
            self.warn_of_left();
            self.tell(None);
        }
        Ok(())
    }

    fn warn_of_left(&self) {
        for left in self.left.iter().filter(|left| !left.next_is_built) {
            tracing::warn!(
                view = left.view,
                offset = left.at,
                "a view serves as other code left it, and nobody keeps it: order a rollback or a \
                 rebuild"
            );
        }
    }

    /// Becomes the one that keeps the views.
    fn take_over(&mut self) -> Result<(), ViewsError> {
        self.tried = Instant::now();
        let database = self.place.open_to_write()?;
        self.head = self.runtime.block_on(self.feed.head())?;
        let (make, store) = (Arc::clone(&self.make), self.feed.store());
        self.keeper = Some(Keeper::open(database, make, store, self.head)?);
        self.reader = None;
        self.look_at_left()
    }

    /// Waits for the right to keep the views, and says meanwhile where another one has brought them.
    fn stand_by(&mut self) -> Result<(), ViewsError> {
        if self.tried.elapsed() >= TAKE_OVER || self.reader.is_none() {
            match self.take_over() {
                Ok(()) => {
                    tracing::info!("this process keeps the views now");
                    self.tell(None);
                    return Ok(());
                }
                Err(ViewsError::InUse) => {}
                Err(why) => return Err(why),
            }
        }
        self.look()?;
        self.pause(LOOK, pending());
        Ok(())
    }

    fn look(&mut self) -> Result<(), ViewsError> {
        if self.reader.is_none() {
            self.reader = Some(self.place.open_to_read()?);
        }
        self.head = self.runtime.block_on(self.feed.head())?;
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let editions = editions(reader.as_mut())?;
        // Which code the one has that keeps them, it alone knows.
        self.left.clear();
        self.say(editions, None);
        Ok(())
    }

    fn standing_still(&self) -> usize {
        let failed = |edition: &&Edition| edition.checkpoint.failure.is_some();
        self.keeper.as_ref().map_or(0, |keeper| keeper.editions().filter(failed).count())
    }

    fn report(&self) {
        for edition in self.keeper.iter().flat_map(Keeper::editions) {
            if let Some(failure) = &edition.checkpoint.failure {
                tracing::error!(
                    view = edition.checkpoint.projection,
                    offset = failure.offset,
                    stream = failure.stream,
                    revision = failure.revision,
                    event = failure.event,
                    why = failure.why,
                    "a view stands still"
                );
            }
        }
    }

    fn tell(&self, trouble: Option<String>) {
        let editions = match &self.keeper {
            Some(keeper) => keeper.editions().cloned().collect(),
            None => self.told.borrow().editions.clone(),
        };
        self.say(editions, trouble);
    }

    fn say(&self, editions: Vec<Edition>, trouble: Option<String>) {
        let serving = editions.iter().filter(|edition| edition.role == Role::Serving);
        let checkpoints = serving.map(|edition| edition.checkpoint.clone()).collect();
        self.told.send_replace(Arc::new(Status {
            store: self.feed.store(),
            checkpoints,
            editions,
            head: self.head,
            built_per_second: self.built_per_second(),
            standing_by: self.keeper.is_none(),
            behind_since: self.lagging.or(self.behind),
            left: self.left.clone(),
            trouble,
        }));
    }

    fn built_per_second(&self) -> u64 {
        let Some((since, from)) = self.building else { return 0 };
        let at = self.keeper.as_ref().and_then(Keeper::builds_after).unwrap_or(from);
        let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        at.saturating_sub(from).saturating_mul(1_000).checked_div(millis).unwrap_or(0)
    }
}
