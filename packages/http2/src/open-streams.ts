/**
 * The open streams by id. Not a Map: one through which a hundred thousand streams pass each second throws a
 * table away for every few hundred of them, and a table that has grown old keeps all that stood in it alive
 * until the next full garbage collection, which cost a third of all processor time here.
 */
import type { ClientStream } from './client-stream.ts';

const FIRST_BUCKETS = 64;

export class OpenStreams {
  /** Ids follow each other, so they spread evenly; those of one bucket are a list. */
  #buckets: (ClientStream | undefined)[] = new Array(FIRST_BUCKETS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): ClientStream | undefined {
    let stream = this.#buckets[this.#bucketOf(id)];
    while (stream !== undefined && stream.id !== id) stream = stream.nextInBucket;
    return stream;
  }

  /** It must not be there yet. */
  add(stream: ClientStream): void {
    if (this.#size >= 2 * this.#buckets.length) this.#grow();
    this.#size++;
    this.#link(stream);
  }

  /** @returns false if it was not there */
  delete(stream: ClientStream): boolean {
    const bucket = this.#bucketOf(stream.id);
    let before: ClientStream | undefined;
    let at = this.#buckets[bucket];
    while (at !== undefined && at !== stream) {
      before = at;
      at = at.nextInBucket;
    }
    if (at === undefined) return false;
    if (before === undefined) this.#buckets[bucket] = stream.nextInBucket;
    else before.nextInBucket = stream.nextInBucket;
    stream.nextInBucket = undefined;
    this.#size--;
    return true;
  }

  /** Those that are open now, in the order in which they were opened. */
  all(): ClientStream[] {
    const streams: ClientStream[] = [];
    for (let stream of this.#buckets) {
      for (; stream !== undefined; stream = stream.nextInBucket) streams.push(stream);
    }
    return streams.sort((a, b) => a.id - b.id);
  }

  #bucketOf(id: number): number {
    return (id >>> 1) & (this.#buckets.length - 1);
  }

  #link(stream: ClientStream): void {
    const bucket = this.#bucketOf(stream.id);
    stream.nextInBucket = this.#buckets[bucket];
    this.#buckets[bucket] = stream;
  }

  #grow(): void {
    const streams = this.all();
    this.#buckets = new Array(2 * this.#buckets.length).fill(undefined);
    for (const stream of streams) this.#link(stream);
  }
}
