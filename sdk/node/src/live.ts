// The state of a guard that changes while the guard runs: keys, floors, era, and when they were last current.
import type { Clock } from "./clock.js";
import { Floors, type Floor } from "./floors.js";
import type { Policy } from "./policy.js";
import type { Claims, Revision } from "./token/claims.js";
import { KeySet } from "./token/keys.js";

/** The question of a token, if it is above the newest revision that is known. */
export interface Question {
  /** 0 before the token asked, `Infinity` for one that stays refused. */
  number: number;
}

/** The relation of a token to the newest revision: known, asked about, or beyond all that the issuer has had. */
export type Standing = "known" | "beyond" | number;

/** The state of a guard that changes while it runs. */
export class LiveState {
  #keys: KeySet;
  #era: string;
  #floors = new Floors();
  #policy: Policy | undefined;
  #freshAt = -Infinity;
  #freshAtDay = -Infinity;
  #usualAge = Infinity;
  #isSilent = false;
  #newest: Revision | undefined;
  #asked = 0;
  #answered = 0;
  readonly #watchers = new Set<() => void>();
  readonly #questioners = new Set<() => void>();
  readonly #waiting = new Set<{ question: number; resolve: () => void }>();

  /** Creates a state that was never fresh; call {@link markFresh} to make it current. */
  constructor(readonly clock: Clock, keys: KeySet = KeySet.EMPTY, era = "") {
    this.#keys = keys;
    this.#era = era;
  }

  get keys(): KeySet {
    return this.#keys;
  }

  get era(): string {
    return this.#era;
  }

  get policy(): Policy | undefined {
    return this.#policy;
  }

  get floorCount(): number {
    return this.#floors.size;
  }

  /** Replaces the keys. Tokens whose key is no longer in the set are refused from now on. */
  setKeys(keys: KeySet): void {
    this.#keys = keys;
    this.#notify();
  }

  /** Replaces the policy from which permissions are derived for tokens without a `scope`. */
  setPolicy(policy: Policy): void {
    this.#policy = policy;
    this.#notify();
  }

  /** Adds floors. Tokens below them are refused from now on. */
  raise(floors: readonly Floor[]): void {
    if (floors.length === 0) return;
    for (const floor of floors) this.#floors.raise(floor);
    this.#notify();
  }

  /** Replaces the era and all floors. */
  replace(era: string, floors: readonly Floor[]): void {
    this.#era = era;
    this.#floors = new Floors();
    for (const floor of floors) this.#floors.raise(floor);
    this.#newest = undefined;
    this.#notify();
  }

  /** Removes the floors that ended at `now` or before. */
  prune(now: number): void {
    this.#floors.prune(now);
    this.#notify();
  }

  /** Marks the state as current `age` milliseconds ago. */
  markFresh(age = 0): void {
    // a delayed answer must not make the state older than an earlier one has shown
    this.#freshAt = Math.max(this.#freshAt, this.clock.monotonic() - age);
    this.#freshAtDay = this.clock.now() - age;
    if (!this.#isUnusuallyOld()) this.#isSilent = false;
  }

  /** Returns the time since the state was last known to be current, in milliseconds. */
  get age(): number {
    return Math.max(0, this.clock.monotonic() - this.#freshAt);
  }

  /** Returns true if the state was ever current. */
  get isKnown(): boolean {
    return this.#freshAt !== -Infinity;
  }

  /** Has requests wait for news when the state is older than `age`, which it becomes only if something is wrong. */
  setUsualAge(age: number): void {
    this.#usualAge = age;
  }

  #isUnusuallyOld(): boolean {
    // the time of day goes on while a machine is suspended; a clock that is set forward causes one question too many
    return Math.max(this.age, this.clock.now() - this.#freshAtDay) > this.#usualAge;
  }

  /** Asks for news if the state is older than usual, and returns the number of the question. */
  askIfOld(): number | undefined {
    return this.#isUnusuallyOld() && !this.#isSilent ? this.#ask() : undefined;
  }

  /** Notes that nobody answered in time, so that only the first requests wait. */
  noteSilence(): void {
    this.#isSilent = true;
  }

  /** Returns true if the token is of another era or was issued before a floor. */
  hasEnded(claims: Claims): boolean {
    return claims.era !== this.#era || this.#floors.refuses(claims);
  }

  /** Notes that the database has had this revision. */
  noteRevision(revision: Revision): void {
    if (this.#newest === undefined || revision > this.#newest) this.#newest = revision;
  }

  /** Answers all questions up to `question`: the newest revision, read after they were asked. */
  answer(question: number, revision: Revision): void {
    this.noteRevision(revision);
    this.#answered = Math.max(this.#answered, question);
    for (const waiting of this.#waiting) {
      if (waiting.question > this.#answered) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Returns true if a question is not answered yet. */
  get isAsked(): boolean {
    return this.#asked > this.#answered;
  }

  /** Returns the standing of a token, and asks if it is not known. */
  standing(rev: Revision, question: Question): Standing {
    if (question.number === Infinity) return "beyond";
    if (this.#newest === undefined || rev <= this.#newest) return "known";
    if (question.number === 0) question.number = this.#ask();
    if (this.#answered < question.number) return question.number;
    question.number = Infinity;
    return "beyond";
  }

  /** Resolves to true when the question is answered, or to false after `timeout` milliseconds. */
  async answered(question: number, timeout: number): Promise<boolean> {
    if (this.#answered >= question) return true;
    return new Promise((resolve) => {
      const waiting = { question, resolve: () => finish(true) };
      const timer = setTimeout(() => finish(false), timeout);
      const finish = (isAnswered: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve(isAnswered);
      };
      this.#waiting.add(waiting);
    });
  }

  /** Calls `watcher` after every change, until the function that is returned is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Calls `questioner` for every question, until the function that is returned is called. */
  onQuestion(questioner: () => void): () => void {
    this.#questioners.add(questioner);
    return () => this.#questioners.delete(questioner);
  }

  #ask(): number {
    // later than the time of asking, also for a clock that stands still: an answer from before is none
    this.#asked = Math.max(this.#asked + 1, questionAt(this.clock.monotonic()) + 1);
    for (const questioner of [...this.#questioners]) questioner();
    return this.#asked;
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Returns the number up to which questions are answered by what was read at a monotonic time. */
export function questionAt(monotonic: number): number {
  return Math.max(0, Math.floor(monotonic * 1000));
}
