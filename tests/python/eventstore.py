"""The official Python client against a node of the embedded log: python eventstore.py ADDRESS

It says `subscribed` on standard output when the node may be started again, and goes on when it
reads a line; at the end it says `done`.
"""

import sys
from uuid import uuid4

from kurrentdbclient import CaughtUp, Checkpoint, KurrentDBClient, NewEvent, RecordedEvent, StreamState
from kurrentdbclient import exceptions

ADDRESS = sys.argv[1]


def event(name, data=b"{}", **more):
    return NewEvent(type=name, data=data, **more)


def raises(kind, call, *texts):
    try:
        call()
    except kind as error:
        for text in texts:
            assert text in str(error), (text, str(error))
    else:
        raise AssertionError(f"no {kind.__name__}")


def appends(client):
    stream = "claim-互助-1"
    filed = event("ClaimFiled", b'{"amount":"100.00"}', metadata=b'{"by":"clerk"}')
    several = [event("ClaimAssessed"), event("StepPassed"), event("StepPassed")]
    photo = event("Scan", b"\x00\xff", content_type="application/octet-stream", metadata=b"\x00")
    passed = event("StepPassed")
    steps = [
        (StreamState.NO_STREAM, filed),
        (0, several),
        (StreamState.ANY, photo),
        (StreamState.EXISTS, [passed]),
    ]
    append = lambda step: client.append_to_stream(stream, current_version=step[0], events=step[1])
    positions = [append(step) for step in steps]
    assert positions == sorted(set(positions)) and positions[0] > 0, positions
    # Sent again, because the answer was lost: they stand where they stood.
    assert [append(step) for step in steps] == positions

    wrong = exceptions.WrongCurrentVersionError
    for version in (0, 4, 6, StreamState.NO_STREAM):
        for events in (event("Late"), [event("Late"), event("Late")]):
            raises(
                wrong,
                lambda: client.append_to_stream(stream, current_version=version, events=events),
                "5",
            )
    for events in (event("Late"), [event("Late")]):
        raises(
            wrong,
            lambda: client.append_to_stream("missing", current_version=StreamState.EXISTS, events=events),
            "does not exist",
        )
        raises(wrong, lambda: client.append_to_stream("missing", current_version=3, events=events))
    assert client.get_current_version("missing") is StreamState.NO_STREAM
    assert client.get_current_version(stream) == 5
    return stream, filed, photo


def limits(client):
    large = b"x" * (1024 * 1024)
    any_version = StreamState.ANY
    client.append_to_stream("large", current_version=any_version, events=event("L", large))
    assert client.get_stream("large")[0].data == large
    raises(
        exceptions.GrpcError,
        lambda: client.append_to_stream("large", current_version=any_version, events=event("L", large + b"x")),
        "INVALID_ARGUMENT",
        "1048577",
    )
    many = [event("Many") for _ in range(10_000)]
    client.append_to_stream("many", current_version=StreamState.NO_STREAM, events=many)
    raises(
        exceptions.MaximumAppendSizeExceededError,
        lambda: client.append_to_stream("many", current_version=9_999, events=many + [event("Many")]),
    )
    assert client.get_current_version("many") == 9_999
    for name in ("x" * 201, "a\nb"):
        raises(
            exceptions.GrpcError,
            lambda: client.append_to_stream(name, current_version=any_version, events=event("X")),
            "INVALID_ARGUMENT",
        )


def reads(client, stream, filed, photo):
    events = client.get_stream(stream)
    assert [e.stream_position for e in events] == [0, 1, 2, 3, 4, 5]
    positions = [e.commit_position for e in events]
    assert positions == sorted(set(positions)) and positions[0] > 0
    first, scan = events[0], events[4]
    assert (first.id, first.type, first.data, first.metadata) == (
        filed.id, "ClaimFiled", filed.data, filed.metadata,
    )
    assert first.stream_name == stream and first.content_type == "application/json"
    assert first.recorded_at is not None
    assert (scan.data, scan.metadata, scan.content_type) == (
        photo.data, photo.metadata, "application/octet-stream",
    )
    ids = [e.id for e in events]
    assert [e.id for e in client.get_stream(stream, stream_position=2, limit=3)] == ids[2:5]
    assert [e.id for e in client.get_stream(stream, backwards=True)] == ids[::-1]
    assert [e.id for e in client.get_stream(stream, stream_position=2, backwards=True)] == ids[2::-1]
    assert client.get_stream(stream, stream_position=6) == ()
    raises(exceptions.NotFoundError, lambda: client.get_stream("missing"))

    everything = [e.commit_position for e in client.read_all()]
    assert everything == list(range(1, client.get_commit_position() + 1))
    # Forwards begins at the position, backwards before it.
    at = everything[3]
    assert [e.commit_position for e in client.read_all(commit_position=at, limit=2)] == everything[3:5]
    back = [e.commit_position for e in client.read_all(commit_position=at, backwards=True)]
    assert back == everything[2::-1]
    raises(
        exceptions.GrpcError,
        lambda: list(client.read_all(commit_position=everything[-1] + 1)),
        "invalid position",
    )


def filters(client):
    types = lambda **asked: [e.type for e in client.read_all(**asked)]
    assert set(types(filter_include=["StepPassed", "Scan"])) == {"StepPassed", "Scan"}
    assert types(filter_include=["Claim"], filter_by_prefix=True) == ["ClaimFiled", "ClaimAssessed"]
    by_stream = dict(filter_include=["claim-.*"], filter_by_stream_name=True)
    assert len(types(**by_stream)) == 6
    # The exclusion is a negative look-ahead.
    excluded = types(filter_exclude=["Many", "L"])
    assert "Many" not in excluded and "ClaimFiled" in excluded


def refusals(client, stream):
    denied = exceptions.AccessDeniedError
    raises(denied, lambda: client.delete_stream(stream, current_version=StreamState.ANY), "immutable")
    raises(denied, lambda: client.tombstone_stream(stream, current_version=5), "immutable")
    raises(denied, lambda: client.set_stream_metadata(stream, metadata={"$maxCount": 1}), "immutable")
    metadata, version = client.get_stream_metadata(stream)
    assert (metadata, version) == ({}, StreamState.NO_STREAM)
    assert client.get_current_version(stream) == 5
    assert list(client.list_subscriptions()) == []


def following(client, asked, count):
    """The events of a subscription, and what was said on the way."""
    events, said = [], []
    with asked as subscription:
        while len(events) < count:
            got = next(subscription)
            if isinstance(got, (Checkpoint, CaughtUp)):
                said.append(got)
            else:
                events.append(got)
    return events, said


def subscriptions(client, stream):
    events, _ = following(client, client.subscribe_to_stream(stream), 6)
    assert [e.stream_position for e in events] == [0, 1, 2, 3, 4, 5]
    events, _ = following(client, client.subscribe_to_stream(stream, stream_position=3), 2)
    assert [e.stream_position for e in events] == [4, 5]

    live = client.subscribe_to_stream("not-yet", include_caught_up=True)
    assert isinstance(next(live), CaughtUp)
    client.append_to_stream("not-yet", current_version=StreamState.NO_STREAM, events=event("First"))
    assert next(live).type == "First"
    live.stop()

    at_the_end = client.subscribe_to_all(from_end=True, include_caught_up=True)
    assert isinstance(next(at_the_end), CaughtUp)
    client.append_to_stream("not-yet", current_version=0, events=event("Second"))
    assert next(at_the_end).type == "Second"
    at_the_end.stop()

    # Ten thousand events that it does not want, and a checkpoint for each thousand.
    asked = client.subscribe_to_all(
        filter_include=["First"],
        include_checkpoints=True,
        include_caught_up=True,
        window_size=1_000,
        checkpoint_interval_multiplier=1,
    )
    said = []
    with asked as subscription:
        while not (said and isinstance(said[-1], CaughtUp)):
            said.append(next(subscription))
    checkpoints = [s.commit_position for s in said if isinstance(s, Checkpoint)]
    assert len(checkpoints) >= 10 and checkpoints == sorted(set(checkpoints)), checkpoints
    assert checkpoints[-1] == client.get_commit_position()
    assert [s.type for s in said if isinstance(s, RecordedEvent) and s.type] == ["First"]


def across_a_restart(client):
    """Nothing is lost and nothing comes twice, though the node stops in the middle."""
    stream = f"restart-{uuid4()}"
    append = lambda numbers: client.append_to_stream(
        stream,
        current_version=StreamState.ANY,
        events=[event("Numbered", str(number).encode()) for number in numbers],
    )
    append(range(100))
    seen = []
    subscription = client.subscribe_to_stream(stream)
    for _ in range(60):
        seen.append(next(subscription))
    print("subscribed", flush=True)
    sys.stdin.readline()
    # What was under way may still come; the end is an error and never looks like success.
    try:
        for got in subscription:
            seen.append(got)
        raise AssertionError("the subscription ended as if that were all")
    except exceptions.KurrentDBClientError:
        pass
    append(range(100, 150))
    again = client.subscribe_to_stream(stream, stream_position=seen[-1].stream_position)
    with again as subscription:
        while len(seen) < 150:
            seen.append(next(subscription))
    assert [int(e.data) for e in seen] == list(range(150))


def main():
    client = KurrentDBClient(f"kurrentdb://{ADDRESS}?tls=false")
    stream, filed, photo = appends(client)
    limits(client)
    reads(client, stream, filed, photo)
    filters(client)
    refusals(client, stream)
    subscriptions(client, stream)
    across_a_restart(client)
    discovered = KurrentDBClient(f"kurrentdb+discover://{ADDRESS}?tls=false")
    assert discovered.get_current_version(stream) == 5
    discovered.close()
    client.close()
    print("done", flush=True)


main()
