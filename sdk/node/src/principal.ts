// A verified caller.
import { Denial } from "./denial.js";
import type { LiveState, Question } from "./live.js";
import { compareNames } from "./names.js";
import type { Policy } from "./policy.js";
import type { Holder, Rule } from "./rule.js";
import { stepUp } from "./step-up.js";
import type { Acr, Claims, Revision } from "./token/claims.js";
import type { JsonValue } from "./token/json.js";

/** The part of a guard that its principals share. */
export interface Checks {
  now(): number;
  policy(): Policy | undefined;
  isLost(claims: Claims, question: Question): boolean;
  /** The state whose changes can end a token. */
  readonly changing: LiveState | undefined;
}

/** The longest sleep of {@link Principal.lost}: nothing wakes it when a clock is set or the state becomes stale. */
const MAX_SLEEP = 1000;

/** A verified caller: the content of its access token, all of which is signed. */
export class Principal implements Holder {
  /** The roles, including inherited ones and, with a token for a tenant, those that the caller has only there. */
  readonly roles: readonly string[];
  /** The permissions, ordered by name. */
  readonly permissions: readonly string[];
  /** @internal */
  readonly question: Question = { number: 0 };
  readonly #claims: Claims;
  readonly #checks: Checks;
  readonly #roles: ReadonlySet<string>;
  readonly #permissions: ReadonlySet<string>;
  readonly #globalRoles: ReadonlySet<string>;
  readonly #globalPermissions: ReadonlySet<string>;

  /** @internal */
  constructor(claims: Claims, policy: Policy | undefined, checks: Checks) {
    this.#claims = claims;
    this.#checks = checks;
    this.#roles = new Set(claims.roles);
    this.roles = Object.freeze([...this.#roles].sort(compareNames));
    const derive = policy !== undefined && claims.scope === undefined && !claims.narrowed;
    const derived = (roles: Iterable<string>) => derivedPermissions(policy, claims, roles);
    this.#permissions = derive ? derived(this.roles) : valuesOf(claims.scope);
    this.permissions = Object.freeze([...this.#permissions].sort(compareNames));
    if (claims.tenant === undefined) {
      [this.#globalRoles, this.#globalPermissions] = [this.#roles, this.#permissions];
      return;
    }
    // a floor compares the flat list, so a role that is only in `global` could not be revoked
    this.#globalRoles = new Set((claims.global?.roles ?? []).filter((role) => this.#roles.has(role)));
    const global = derive ? derived(this.#globalRoles) : valuesOf(claims.global?.scope);
    this.#globalPermissions = new Set([...global].filter((one) => this.#permissions.has(one)));
  }

  /** The id of the subject, `sub`. */
  get subject(): string {
    return this.#claims.sub;
  }

  /** The kind of the subject. */
  get kind(): "user" | "client" {
    return this.#claims.subjectKind;
  }

  /** The name of the user, for display; empty for a client, which could have the name of a user: show its `clientId`. */
  get username(): string {
    return this.#claims.subjectKind === "user" ? this.#claims.username : "";
  }

  /** The id of the client that requested the token. */
  get clientId(): string {
    return this.#claims.clientId;
  }

  /** The tenant for which the token was issued. */
  get tenant(): string | undefined {
    return this.#claims.tenant;
  }

  /** The id of the session, `sid`. */
  get session(): string | undefined {
    return this.#claims.sid;
  }

  /** The id of the token, `jti`. */
  get tokenId(): string {
    return this.#claims.jti;
  }

  /** True if the token was requested with less than the subject holds. */
  get narrowed(): boolean {
    return this.#claims.narrowed;
  }

  /** The revision from which the token was issued. */
  get rev(): Revision {
    return this.#claims.rev;
  }

  /** The era in which the token was issued. */
  get era(): string {
    return this.#claims.era;
  }

  /** The time at which the token was issued. */
  get issuedAt(): Date {
    return new Date(this.#claims.iat * 1000);
  }

  /** The time at which the token expires. */
  get expiresAt(): Date {
    return new Date(this.#claims.exp * 1000);
  }

  /** The time at which the user last authenticated, if the token has it. */
  get authTime(): Date | undefined {
    return this.#claims.authTime === undefined ? undefined : new Date(this.#claims.authTime * 1000);
  }

  /** The assurance of the session: the lowest for a token that does not state one of rolecall's. */
  get acr(): Acr {
    return this.#claims.acr ?? "aal1";
  }

  /** The methods by which the user authenticated, as in RFC 8176. */
  get methods(): readonly string[] {
    return this.#claims.amr;
  }

  /** The audience of the token. */
  get audience(): string | readonly string[] {
    return this.#claims.aud;
  }

  /** The e-mail address, if the token has it. Unless {@link emailVerified}, any user may have entered any address. */
  get email(): string | undefined {
    return this.claimText("email");
  }

  /** True if the issuer has proven that the e-mail address belongs to the user. */
  get emailVerified(): boolean {
    return this.claim("email_verified") === true;
  }

  /** The claims that have no meaning for rolecall. */
  get otherClaims(): Readonly<Record<string, JsonValue>> {
    return this.#claims.other;
  }

  /** Returns a claim of the application, such as a profile field. */
  claim(name: string): JsonValue | undefined {
    return this.#claims.other[name];
  }

  /** Returns a claim of the application that is a text. */
  claimText(name: string): string | undefined {
    const value = this.claim(name);
    return typeof value === "string" ? value : undefined;
  }

  /** Returns true if the caller has `role`, be it only in the tenant of the token. */
  hasRole(role: string): boolean {
    return this.#roles.has(role);
  }

  /** Returns true if the caller has `permission`, be it only in the tenant of the token. */
  hasPermission(permission: string): boolean {
    return this.#permissions.has(permission);
  }

  /** Returns true if the caller has `role` whatever the tenant. */
  hasGlobalRole(role: string): boolean {
    return this.#globalRoles.has(role);
  }

  /** Returns true if the caller has `permission` whatever the tenant. */
  hasGlobalPermission(permission: string): boolean {
    return this.#globalPermissions.has(permission);
  }

  /** Returns true if the user signed in at most `seconds` ago. */
  isFresh(seconds: number): boolean {
    const { authTime } = this.#claims;
    if (authTime === undefined) return false;
    return Math.floor(Math.max(0, this.#checks.now() - authTime * 1000) / 1000) <= seconds;
  }

  /** Returns true if the caller satisfies `rule`, for rules that depend on data: "the owner or an administrator". */
  has(rule: Rule): boolean {
    return rule.admits(this);
  }

  /** Throws a {@link Denial} unless the caller satisfies `rule`. */
  require(rule: Rule): void {
    if (!this.has(rule)) throw this.refusal(rule);
  }

  /** Creates the denial for a caller who does not satisfy `rule` on a path that names `tenant`. */
  refusal(rule: Rule, tenant?: string): Denial {
    const missed = this.#claims.subjectKind === "client" ? undefined : this.#claims.stepUp;
    const admits = (holder: Holder) => rule.admits(holder, tenant);
    // a client has nobody who could sign in
    const needed = missed && stepUp(rule.maxAge, this, [this.acr, missed], this.#checks.policy(), admits);
    return needed ?? new Denial({ kind: "forbidden", scope: rule.missingScope(this) });
  }

  /** Returns true if the token would no longer be accepted, because it expired or was revoked. */
  get isLost(): boolean {
    return this.#checks.isLost(this.#claims, this.question);
  }

  /** Resolves when the token would no longer be accepted, for answers that last, such as streams and WebSockets. */
  async lost(signal?: AbortSignal): Promise<void> {
    while (!this.isLost && !signal?.aborted) await this.#change(signal);
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const remaining = Math.max(0, this.#claims.exp * 1000 - this.#checks.now());
      const finish = () => {
        clearTimeout(timer);
        unwatch?.();
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(remaining, MAX_SLEEP));
      const unwatch = this.#checks.changing?.watch(finish);
      signal?.addEventListener("abort", finish);
    });
  }
}

function valuesOf(scope: string | undefined): Set<string> {
  return new Set((scope ?? "").split(" ").filter((name) => name !== ""));
}

/** INVARIANT: reserved permissions are in the `scope` of a token for a tenant, or not in the token at all. */
function derivedPermissions(policy: Policy | undefined, claims: Claims, roles: Iterable<string>): Set<string> {
  const permissions = policy?.permissionsInToken(roles, claims.acr ?? "aal1") ?? new Set<string>();
  if (claims.tenant === undefined) return permissions;
  return new Set([...permissions].filter((name) => !name.startsWith("rolecall.")));
}
