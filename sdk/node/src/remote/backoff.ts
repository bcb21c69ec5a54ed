/** Exponential backoff with jitter, so that guards that lost the same issuer do not all retry at once. */
export class Backoff {
  #failures = 0;

  /** Creates a backoff whose first wait is at most `first` milliseconds. */
  constructor(readonly first: number) {}

  reset(): void {
    this.#failures = 0;
  }

  /** Returns the wait after another failure, at most `longest` and at least half of it. */
  next(longest: number): number {
    const wait = Math.min(this.first * 2 ** Math.min(this.#failures, 16), longest);
    this.#failures += 1;
    return wait * (1 - Math.random() / 2);
  }
}
