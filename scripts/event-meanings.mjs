/**
 * What each event of a log means and, where somebody should do something, what: for docs/events.md.
 * `npm run generate` fails when one is missing or gone.
 */
export const EVENT_MEANINGS = {
  'apns.available': ['A probe passed: APNs serves pushes again, and this worker sends.'],
  'apns.unavailable': [
    'APNs answers most pushes with 5xx. All workers with this credential stop and one probes; nobody loses an attempt.',
    "Nothing: it ends by itself. Apple's system status page says more.",
  ],
  'app.mismatch': [
    "The producer registered the app with another topic or environment than this worker has; it takes no jobs until they agree. `topic` and `environment` are the producer's.",
    'Set `PUSHFLEET_APNS_TOPIC` and `PUSHFLEET_APNS_ENVIRONMENT` alike on both (or `PUSHFLEET_APP`), restart.',
  ],
  'app.resumed': ['The breaker of an app is closed: APNs takes pushes again, or an operator resumed it.'],
  'app.stopped': [
    'The breaker of an app is open: APNs refuses its credential (error), or answers most pushes with 5xx (warn).',
    'For a credential: [breaker open](operations.md#breaker-open). An outage ends by itself.',
  ],
  'batch.addUnknown': [
    'Redis was asked to take batches and did not answer, so that they may be there or not. They are looked for, and queued again where they are not.',
    'Nothing, unless it goes on: then look at Redis.',
  ],
  'batch.lost': [
    'Batches that MySQL knows as queued are no longer in Redis; they are queued again.',
    'After a restart of Redis: nothing. Else look for evictions, another fleet or a `FLUSHALL`; is Redis append-only?',
  ],
  'batch.sent': ['One run of a batch is over: outcomes so far, how long it took, how it ended.'],
  'batch.takenOver': [
    'This worker was silent for so long that another one took its batch over. Answers that it still gets are recorded.',
    'Now and then: nothing. Often: the machine has too little CPU, or stands still (suspended, swapping).',
  ],
  'board.entered': ['Somebody has logged in to the board by its page, from `address`.'],
  'board.failed': [
    'A page of the board could not be made.',
    'What the error says; mostly MySQL or Redis is away.',
  ],
  'board.loginRefused': [
    'Somebody gave the board a wrong user or password, from `address`; `closed`: after ten in a minute, for the rest of which nobody gets in from there (one line a minute, of whichever address).',
    'Now and then: nothing. Often: look who it is, and keep the board away from where they come from.',
  ],
  'board.ready': ['The board can be opened at `url`.'],
  'board.retried': [
    'Somebody retries jobs in Bull Board: `jobs` (a queue, and a job or a state), `by`. The operators’ log has it too.',
  ],
  'breaker.unknown': ['Redis did not answer a question for the breakers; asked again soon.'],
  'claim.made': ['Due rows were claimed.'],
  'command.executed': ["An operator's command was done: who, which, and whether it succeeded."],
  'connection.lost': [
    'The connection to APNs ended; another is opened after `retryInMs`. What was not answered is sent again. As an error: the certificate of the other side is not trusted, and nothing is sent.',
    'Now and then: nothing. Else firewall (443, or 2197), proxy, DNS; for the error `PUSHFLEET_APNS_CA_FILE`.',
  ],
  'connection.opened': ['A connection to APNs is open; `streamLimit` is how many requests it takes at once.'],
  'connection.permitFailed': [
    'Redis did not answer how many workers may connect to APNs at once; this one connects without being told.',
  ],
  'connection.replaced': ['APNs asked to leave the connection, or it is used up; a new one takes over.'],
  'control.unreadable': [
    "The producer's word in Redis could not be read; without one that is fresh nothing is sent.",
  ],
  'credential.accepted': ['A probe passed: APNs takes the credential (or the topic) again.'],
  'credential.open': ['Others may read or replace the file of a secret.', 'The `chmod` that the line names.'],
  'credential.refused': [
    'APNs refuses the credential, or the topic with it. Workers stop and probe; nobody loses an attempt.',
    '[Breaker open](operations.md#breaker-open).',
  ],
  'database.indexMissing': [
    'Finding due rows reads the whole table of notifications, several times a second.',
    'Run the `CREATE INDEX` of the line.',
  ],
  'database.newer': [
    'Somebody has migrated the tables for a newer version, and they say that this producer may go on with them.',
    'Finish the upgrade: docs/upgrading.md.',
  ],
  'device.retired': [
    'Device tokens that APNs called dead are switched off; `kept` ones were registered again since, or are protected by the brake.',
  ],
  'dispatch.cancelled': ['A notification is cancelled: nothing more of it is sent.'],
  'dispatch.cancelledByBackend': [
    'The backend set `sent` itself while the notification was under way, which cancels it.',
    'Nothing, unless the old loop still runs beside: [leaving the PHP loop](leaving-the-php-loop.md).',
  ],
  'dispatch.done': ['Every recipient has its outcome, and `sent` is set.'],
  'dispatch.planned': ['A large audience is planned: recipients, batches, how long it took.'],
  'heartbeat.failed': [
    'Redis did not take what this worker says of itself for the board; said anew after two seconds.',
  ],
  'job.crashed': [
    'A run of a batch ended by an error that nobody expected; it is tried again.',
    'Report the error.',
  ],
  'job.malformed': [
    'A job in Redis holds no batch that can be read, or is a copy of another. It fails; what it was made for is queued again if it is lost.',
    'Who else writes into this Redis, under this prefix? Sending again is `pushfleet replay`.',
  ],
  'job.notReturned': ['Redis did not take a job back; its lock runs out and another worker takes it.'],
  'job.refused': [
    'A job is of another app, topic, environment, fleet or of a newer version; handed back, so that another worker takes it. `why` says which.',
    'Do workers of the same app have the same settings and version?',
  ],
  'lane.error': ['A queue reports an error of Redis; it goes on.', 'Repeated: look at Redis.'],
  'lanes.closed': [
    'The worker takes no jobs; `causes` says why (paused, breaker, recovering, no connection …).',
  ],
  'lanes.opened': ['The worker takes jobs.'],
  'loop.failed': [
    'A step of the producer or worker failed; it is repeated, ever less often. From the second time on with level debug.',
    'What the error says; mostly MySQL or Redis. `mend` names a missing right.',
  ],
  'loop.recovered': ['The step works again, after so many failures.'],
  'notification.held': [
    'An unusual share of device tokens is refused (brake): what waits of the notification is held, and none of them is switched off.',
    '[Held notification](operations.md#held-notification).',
  ],
  'notification.invalid': [
    'A row cannot be sent; `reason` says why. Others go on.',
    'Mend the row (it is looked at again when it changes) or the mapping.',
  ],
  'notification.mended': ['Rows that could not be sent have changed and are looked at again.'],
  'notification.refused': [
    'A small notification had ended before the brake could hold it. None of its device tokens is switched off.',
    'As of a [held notification](operations.md#held-notification): sandbox and production, or the app, are mixed up.',
  ],
  'notification.sentReset': [
    'The backend set `sent` back to 0 with the same due time. The rows are not sent again.',
    'If they should be: a new due time, or `PUSHFLEET_ON_SENT_RESET=resend`.',
  ],
  'notification.tooOld': [
    'Unsent rows are older than `PUSHFLEET_MAX_AGE` and are not sent.',
    'After an outage, or rows that the backend never meant to send: set their `sent`. To send them: a new due time.',
  ],
  'planning.failed': [
    'Planning one audience broke off; it goes on where it was.',
    'Repeated: what the error says, mostly a view or column of the mapping.',
  ],
  'planning.left': ['What was just claimed could not be planned at once; the next look at MySQL plans it.'],
  'planning.takenOver': ['Another producer fell silent while planning; this one goes on with it.'],
  'probe.answered': ['A probe was refused or got no answer; the next one comes later.'],
  'probe.waits': ['A probe is due and no push waits to probe with; the next push finds out.'],
  'process.crashed': [
    'An error that nobody expected ended the process.',
    'Start it again; report the error.',
  ],
  'process.failed': ['The process cannot go on and stops in order.', 'What the error says; start it again.'],
  'process.leftBehind': [
    'A server did not answer while stopping; the next start finds out what became of it.',
  ],
  'process.stopFailed': ['A part did not stop in order; what it had under way is taken over by others.'],
  'process.stopLate': [
    'A part did not stop within `PUSHFLEET_DRAIN_TIMEOUT_MS`; what it had under way is taken over by others.',
    'Each time: a longer time, in the unit or compose file too.',
  ],
  'process.stopNow': ['Asked a second time to stop, it leaves at once.'],
  'process.stopped': ['The process stopped in order.'],
  'process.stopping': ['Asked to stop, or a part failed (`cause`).'],
  'producer.started': ['The producer is ready.'],
  'rate.unreachable': ['Redis did not answer how much may be sent; asked again.'],
  'redis.empty': [
    'Redis has nothing of this fleet: emptied, or new. It is filled again from MySQL.',
    'Nothing. If nobody emptied it: is it append-only, and on a disk that stays?',
  ],
  'redis.older': [
    'Redis came back with older data (a snapshot, a replica). Jobs of which MySQL knows more were removed.',
    'Is Redis append-only? `appendfsync` says how much a crash of it may lose.',
  ],
  'redis.reachable': ['Redis is back.'],
  'redis.recovered': ['What an emptied Redis lost is in it again; workers go on.'],
  'redis.refuses': [
    'Redis answers with errors: full, read-only, or a right that is missing. Tried again each second.',
    '[Redis near its limit](operations.md#redis-near-its-limit); for `NOPERM` the line says what to do.',
  ],
  'redis.unknown': [
    'Redis was started again and no producer has looked through it for 10 s. The worker goes on, and may repeat what was sent before.',
    'Start a producer.',
  ],
  'redis.unreachable': [
    'Redis cannot be reached; trying again. Nothing is lost.',
    'Bring it back, or mend its URL.',
  ],
  'redis.wiped': ['Redis was emptied: this worker told once more what it had told of late.'],
  'result.foreign': [
    'A result of another fleet is in this Redis; dropped.',
    'Two installations need two prefixes (`PUSHFLEET_REDIS_PREFIX`) or two Redis.',
  ],
  'result.malformed': [
    'A result cannot be read; dropped.',
    'Are producers as new as workers? Update producers first.',
  ],
  'result.notRecorded': [
    'MySQL did not take results; they stay in Redis and are tried again.',
    'Look at MySQL.',
  ],
  'result.recordedAgain': ['Results are recorded again.'],
  'result.unknownBatch': [
    'A result is about a batch that MySQL does not have; dropped.',
    'Was MySQL set back to a backup, or `pushfleet_batch` emptied?',
  ],
  'result.unknownFormat': [
    'A worker is newer than this producer, which cannot read what it tells. The result stays in Redis; no recipient is sent to again.',
    'Upgrade the producers: docs/upgrading.md.',
  ],
  'results.error': ['The queue of results reports an error of Redis; it goes on.'],
  'results.failed': [
    'Results were given up by the queue; they are recorded once more.',
    'Repeated: look at MySQL.',
  ],
  'results.refused': [
    'Redis did not take results; they stay in the worker and are tried again. As debug while Redis is away.',
    'As of `redis.refuses`.',
  ],
  'results.stuck': [
    'The oldest result has waited for long to be recorded. `/health/live` of the producer fails, so that it is started again.',
    'Is MySQL there, and does it take writes? Rights, disk, locks.',
  ],
  'retention.removed': ['Rows of `pushfleet_*` older than `PUSHFLEET_RETENTION` are gone.'],
  'sending.paused': ['An operator paused the app; this worker sends nothing more.'],
  'sending.resumed': ['Nobody has the app paused any more.'],
  'start.serverThere': ['The server that a start waited for is there.'],
  'start.waiting': [
    'A start waits for MySQL or Redis.',
    'Start the server, or mend the setting that the line names.',
  ],
  'topic.resumed': ['APNs takes a topic with this credential again, or an operator resumed it.'],
  'topic.stopped': [
    'APNs refuses one topic with the credential; other topics go on.',
    '[Breaker open](operations.md#breaker-open).',
  ],
  'traces.lost': [
    'The collector of the `OTEL_*` settings did not take spans (`spans`: so many since this was last told). Told every ten minutes at most; pushes do not wait for it.',
    'Is it there, at the endpoint and with the protocol that the settings name?',
  ],
  'traces.on': ['The `OTEL_*` settings ask for traces; they are exported. [Traces](operations.md#traces).'],
  'traces.trouble': [
    'What OpenTelemetry itself reports: a setting that it cannot read, or spans that its queue has no room for.',
    'Mend the setting; for a full queue `OTEL_TRACES_SAMPLER`.',
  ],
  'traces.unsupported': [
    'An `OTEL_*` setting asks for an exporter or a protocol that is not there. Without another one nothing is exported.',
    'What the line says.',
  ],
  'wake.deaf': ['The producer cannot hear wakes through Redis; due rows are found by the poll.'],
  'worker.started': ['The worker is ready: app, topic, environment, kind of credential.'],
};
