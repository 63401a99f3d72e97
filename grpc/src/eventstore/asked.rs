//! What a read asks for, checked.

use huzhu_store::port::{Direction, EventStore, Position, Revision, StreamName};
use tonic::Status;

use super::filter::Filter;
use super::paging::Place;
use super::wire::{self, UuidForm};
use super::wire_of::streams as messages;
use crate::status::eventstore as refused;
use messages::ReadReq;
use messages::read_req::options::all_options::AllOption;
use messages::read_req::options::filter_options::Window;
use messages::read_req::options::stream_options::RevisionOption;
use messages::read_req::options::{
    AllOptions, CountOption, FilterOption, FilterOptions, ReadDirection, StreamOption,
    StreamOptions, uuid_option,
};

/// How many events are examined before a checkpoint where the client names no number.
const WINDOW: u64 = 32;

/// A read or a subscription.
pub(super) struct Asked {
    pub(super) of: Of,
    pub(super) direction: Direction,
    /// How many events; without a number it is a subscription.
    pub(super) count: Option<u64>,
    pub(super) filter: Option<Filter>,
    /// How many events of the log are examined between two checkpoints.
    pub(super) checkpoint_every: u64,
    pub(super) links: bool,
    pub(super) form: UuidForm,
    /// What the client understands beside events; 0 is nothing.
    pub(super) compatibility: u32,
}

/// What is read, and where it begins.
pub(super) enum Of {
    Stream(StreamName, From),
    All(From),
}

/// Where a read begins, or what a subscription comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Start,
    At(u64),
    End,
}

impl TryFrom<ReadReq> for Asked {
    type Error = Status;

    fn try_from(request: ReadReq) -> Result<Self, Status> {
        let options = request.options.ok_or_else(|| refused::malformed("options are missing"))?;
        let direction = match ReadDirection::try_from(options.read_direction) {
            Ok(ReadDirection::Forwards) => Direction::Forwards,
            Ok(ReadDirection::Backwards) => Direction::Backwards,
            Err(_) => return Err(refused::malformed("the direction is unknown")),
        };
        let of = match options.stream_option {
            Some(StreamOption::Stream(stream)) => of_stream(&stream)?,
            Some(StreamOption::All(all)) => Of::All(of_all(&all)?),
            None => return Err(refused::malformed("neither a stream nor all is asked for")),
        };
        let count = match options.count_option {
            Some(CountOption::Count(count)) => Some(count),
            Some(CountOption::Subscription(_)) if direction == Direction::Backwards => {
                return Err(refused::malformed("a subscription goes forwards"));
            }
            Some(CountOption::Subscription(_)) => None,
            None => return Err(refused::malformed("neither a count nor a subscription is set")),
        };
        let (filter, checkpoint_every) = match options.filter_option {
            Some(FilterOption::Filter(_)) if matches!(of, Of::Stream(..)) => {
                return Err(refused::malformed("a filter is for reads of all streams"));
            }
            Some(FilterOption::Filter(filter)) => of_filter(filter)?,
            Some(FilterOption::NoFilter(())) | None => (None, WINDOW),
        };
        let form = match options.uuid_option.and_then(|form| form.content) {
            Some(uuid_option::Content::Structured(())) => UuidForm::Structured,
            Some(uuid_option::Content::String(())) | None => UuidForm::Text,
        };
        let compatibility = options.control_option.map_or(0, |control| control.compatibility);
        let links = options.resolve_links;
        Ok(Self { of, direction, count, filter, checkpoint_every, links, form, compatibility })
    }
}

fn of_stream(options: &StreamOptions) -> Result<Of, Status> {
    let stream = wire::stream(options.stream_identifier.as_ref())?;
    let from = match options.revision_option {
        Some(RevisionOption::Start(())) => From::Start,
        // Some clients say "the end" as a number.
        Some(RevisionOption::Revision(u64::MAX) | RevisionOption::End(())) => From::End,
        Some(RevisionOption::Revision(revision)) => From::At(revision),
        None => return Err(refused::malformed("where to begin is missing")),
    };
    Ok(Of::Stream(stream, from))
}

fn of_all(options: &AllOptions) -> Result<From, Status> {
    match options.all_option {
        Some(AllOption::Start(())) => Ok(From::Start),
        Some(AllOption::End(())) => Ok(From::End),
        Some(AllOption::Position(given)) => match (given.commit_position, given.prepare_position) {
            (0, 0) => Ok(From::Start),
            (u64::MAX, u64::MAX) => Ok(From::End),
            (commit, prepare) if commit == prepare => Ok(From::At(commit)),
            _ => Err(refused::invalid_position()),
        },
        None => Err(refused::malformed("where to begin is missing")),
    }
}

fn of_filter(options: FilterOptions) -> Result<(Option<Filter>, u64), Status> {
    let filter = options.filter.ok_or_else(|| refused::malformed("the filter is empty"))?;
    let window = match options.window {
        Some(Window::Max(0)) => return Err(refused::malformed("a window holds at least 1 event")),
        Some(Window::Max(max)) => u64::from(max),
        Some(Window::Count(())) | None => WINDOW,
    };
    let multiplier = u64::from(options.checkpoint_interval_multiplier);
    if multiplier == 0 {
        return Err(refused::malformed("the multiplier of checkpoints is at least 1"));
    }
    Ok((Some(Filter::new(filter)?), window.saturating_mul(multiplier)))
}

impl Of {
    /// Where a read begins: at the place itself, where it is going forwards.
    pub(super) async fn read_from(
        &self,
        store: &dyn EventStore,
        direction: Direction,
    ) -> Result<Place, Status> {
        let forwards = direction == Direction::Forwards;
        match self {
            Self::Stream(stream, from) => Ok(match from {
                From::Start => Place::Stream(stream.clone(), Some(Revision::FIRST)),
                From::At(revision) => Place::Stream(stream.clone(), Some(Revision(*revision))),
                From::End if forwards => Place::Nowhere,
                From::End => Place::Stream(stream.clone(), None),
            }),
            Self::All(from) => Ok(match from {
                From::Start if forwards => Place::All(None),
                From::End if !forwards => Place::All(None),
                From::Start | From::End => Place::Nowhere,
                From::At(offset) => {
                    let at = within(store, *offset).await?;
                    // A read begins with the event at the place going forwards, and with the one
                    // before it going backwards.
                    let before = at.offset.checked_sub(1).filter(|before| *before > 0);
                    match (forwards, before) {
                        (true, None) => Place::All(None),
                        (true, Some(offset)) => Place::All(Some(Position { offset, ..at })),
                        (false, _) => Place::All(Some(at)),
                    }
                }
            }),
        }
    }

    /// Where a subscription begins: behind the place.
    pub(super) async fn follow_from(&self, store: &dyn EventStore) -> Result<Place, Status> {
        match self {
            Self::Stream(stream, from) => {
                let first = match from {
                    From::Start => Revision::FIRST,
                    From::At(revision) => Revision(*revision).next(),
                    From::End => {
                        let last = store.read_stream(stream, None, Direction::Backwards, 1).await;
                        let last = last.map_err(refused::store)?;
                        last.first().map_or(Revision::FIRST, |last| last.revision.next())
                    }
                };
                Ok(Place::Stream(stream.clone(), Some(first)))
            }
            Self::All(From::Start) => Ok(Place::All(None)),
            Self::All(From::At(offset)) => Ok(Place::All(Some(within(store, *offset).await?))),
            Self::All(From::End) => Ok(Place::All(store.head().await.map_err(refused::store)?)),
        }
    }
}

/// The place at `offset`, if the log reaches so far.
async fn within(store: &dyn EventStore, offset: u64) -> Result<Position, Status> {
    let head = store.head().await.map_err(refused::store)?;
    if head.is_none_or(|head| head.offset < offset) {
        return Err(refused::invalid_position());
    }
    Ok(Position { store: store.id(), offset })
}
