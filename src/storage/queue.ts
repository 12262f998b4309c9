/** What stands in a queue knows its neighbours there, so that it can leave from anywhere. */
export interface Queued<T> {
  previous?: T | undefined;
  next?: T | undefined;
}

/**
 * In the order in which they came. A Map and a Set have that order too, but V8 keeps the places of what was deleted for a while, and whoever looks for the
 * first passes over all of them, each time anew: with 200,000 idempotency keys, of which one goes with each that comes, 100 µs and more a push.
 */
export class Queue<T extends Queued<T>> {
  first: T | undefined;
  private last: T | undefined;

  add(item: T): void {
    item.previous = this.last;
    item.next = undefined;
    if (this.last) this.last.next = item;
    else this.first = item;
    this.last = item;
  }

  /** @param item one that stands in it */
  remove({ previous, next }: T): void {
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
  }
}
