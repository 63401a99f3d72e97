// The official Node client against a node of the embedded log: node eventstore.cjs ADDRESS
//
// It says `subscribed` on standard output when the node may be started again, and goes on when it
// reads a line; at the end it says `done`.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const readline = require("node:readline");
const {
  ANY, BACKWARDS, END, FORWARDS, NO_STREAM, START, STREAM_EXISTS,
  AccessDeniedError, StreamNotFoundError, UnavailableError, WrongExpectedVersionError,
  KurrentDBClient, binaryEvent, eventTypeFilter, jsonEvent, streamNameFilter,
} = require("@kurrent/kurrentdb-client");

const client = KurrentDBClient.connectionString`kurrentdb://${process.argv[2]}?tls=false`;
const event = (type, data = {}, more = {}) => jsonEvent({ type, data, ...more });
const append = (stream, streamState, events) => client.appendToStream(stream, events, { streamState });

async function collected(asked) {
  const events = [];
  for await (const { event } of asked) events.push(event);
  return events;
}

async function appends(stream) {
  const filed = event("ClaimFiled", { amount: "100.00" }, { metadata: { by: "clerk" } });
  assert.equal((await append(stream, NO_STREAM, filed)).nextExpectedRevision, 0n);
  const several = [event("ClaimAssessed"), event("StepPassed")];
  const { success, nextExpectedRevision, position } = await append(stream, 0n, several);
  assert.deepEqual([success, nextExpectedRevision], [true, 2n]);
  assert.equal(position.commit, position.prepare);
  const scan = binaryEvent({ type: "Scan", data: Buffer.from([0, 255]), metadata: Buffer.from([0]) });
  assert.equal((await append(stream, ANY, scan)).nextExpectedRevision, 3n);
  assert.equal((await append(stream, STREAM_EXISTS, event("StepPassed"))).nextExpectedRevision, 4n);
  // Sent again, because the answer was lost.
  assert.equal((await append(stream, ANY, scan)).nextExpectedRevision, 3n);
  assert.equal((await append(stream, 0n, several)).nextExpectedRevision, 2n);

  for (const state of [NO_STREAM, 1n, 9n]) {
    await assert.rejects(append(stream, state, event("Late")), (error) => {
      assert.ok(error instanceof WrongExpectedVersionError, error);
      assert.equal(error.actualState ?? error.actualVersion, 4n);
      return true;
    });
  }
  await assert.rejects(append("missing", STREAM_EXISTS, event("Late")), WrongExpectedVersionError);
  // More than a message holds comes in several.
  const large = Array.from({ length: 9 }, () => event("Large", { text: "x".repeat(900_000) }));
  assert.equal((await append("large", NO_STREAM, large)).nextExpectedRevision, 8n);
  const much = Array.from({ length: 80 }, () => event("Large", { text: "x".repeat(900_000) }));
  await assert.rejects(append("large", 8n, much));
  const together = await Promise.all(
    Array.from({ length: 200 }, (_, number) => append("together", ANY, event("Numbered", { number }))),
  );
  assert.equal(new Set(together.map((one) => one.nextExpectedRevision)).size, 200);
}

async function reads(stream) {
  const events = await collected(client.readStream(stream));
  assert.deepEqual(events.map((one) => one.revision), [0n, 1n, 2n, 3n, 4n]);
  assert.deepEqual(events[0].data, { amount: "100.00" });
  assert.deepEqual(events[0].metadata, { by: "clerk" });
  assert.deepEqual([...events[3].data], [0, 255]);
  assert.deepEqual([events[3].isJson, events[0].isJson], [false, true]);
  const ids = events.map((one) => one.id);
  const of = async (options) => (await collected(client.readStream(stream, options))).map((one) => one.id);
  assert.deepEqual(await of({ fromRevision: 1n, maxCount: 2 }), ids.slice(1, 3));
  assert.deepEqual(await of({ direction: BACKWARDS, fromRevision: END }), [...ids].reverse());
  await assert.rejects(collected(client.readStream("missing")), StreamNotFoundError);

  const all = await collected(client.readAll({ direction: FORWARDS, fromPosition: START }));
  assert.ok(all.length >= 5 + 9 + 200);
  const back = await collected(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 3 }));
  assert.deepEqual(back.map((one) => one.id), all.slice(-3).reverse().map((one) => one.id));
}

async function refusals(stream) {
  await assert.rejects(client.deleteStream(stream), AccessDeniedError);
  await assert.rejects(client.tombstoneStream(stream), AccessDeniedError);
  await assert.rejects(client.setStreamMetadata(stream, { maxCount: 1 }), AccessDeniedError);
  assert.equal((await collected(client.readStream(stream))).length, 5);
}

// The first `count` events of a subscription.
async function first(subscription, count) {
  const events = [];
  for await (const resolved of subscription) {
    events.push(resolved.event);
    if (events.length === count) break;
  }
  return events;
}

async function subscriptions(stream) {
  const known = await first(client.subscribeToStream(stream), 5);
  assert.deepEqual(known.map((one) => one.revision), [0n, 1n, 2n, 3n, 4n]);
  const later = await first(client.subscribeToStream(stream, { fromRevision: 2n }), 2);
  assert.deepEqual(later.map((one) => one.revision), [3n, 4n]);

  const types = eventTypeFilter({ regex: "^Claim" });
  const claims = await first(client.subscribeToAll({ filter: types }), 2);
  assert.deepEqual(claims.map((one) => one.type), ["ClaimFiled", "ClaimAssessed"]);
  const reached = [];
  const streams = streamNameFilter({
    prefixes: ["together"],
    checkpointInterval: 1,
    maxSearchWindow: 10,
    checkpointReached: async (_, position) => void reached.push(position.commit),
  });
  assert.equal((await first(client.subscribeToAll({ filter: streams }), 200)).length, 200);
  assert.ok(reached.length >= 20, `${reached.length} checkpoints`);
  assert.deepEqual(reached, [...new Set(reached)].sort((a, b) => (a < b ? -1 : 1)));

  const live = client.subscribeToStream("not-yet");
  const one = first(live, 1);
  await new Promise((caughtUp) => live.once("caughtUp", caughtUp));
  await append("not-yet", NO_STREAM, event("First"));
  assert.equal((await one)[0].type, "First");
}

// Nothing is lost and nothing comes twice, though the node stops in the middle.
async function acrossARestart() {
  const stream = `restart-${randomUUID()}`;
  const numbers = (from, to) =>
    Array.from({ length: to - from }, (_, place) => event("Numbered", { number: from + place }));
  await append(stream, ANY, numbers(0, 100));
  const seen = [];
  let confirmed;
  const subscribed = new Promise((resolve) => (confirmed = resolve));
  const ended = (async () => {
    for await (const { event } of client.subscribeToStream(stream)) {
      seen.push(event);
      if (seen.length === 60) confirmed();
    }
  })();
  await subscribed;
  console.log("subscribed");
  const told = new Promise((line) => readline.createInterface({ input: process.stdin }).once("line", line));
  await assert.rejects(ended, UnavailableError);
  await told;

  await retried(() => append(stream, ANY, numbers(100, 150)));
  const from = seen.at(-1).revision;
  seen.push(...(await first(client.subscribeToStream(stream, { fromRevision: from }), 149 - Number(from))));
  assert.deepEqual(seen.map((one) => one.data.number), Array.from({ length: 150 }, (_, place) => place));
}

// The first call after a node came back may meet the connection that it left.
async function retried(call) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

async function main() {
  const stream = "claim-互助-2";
  await appends(stream);
  await reads(stream);
  await refusals(stream);
  await subscriptions(stream);
  await acrossARestart();
  await client.dispose();
  console.log("done");
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
