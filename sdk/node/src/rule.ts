// Access rules as values.
import { isName, isPermission } from "./names.js";

const BRAND = Symbol.for("rolecall.rule");

/** Whoever holds roles and permissions: a verified caller, or an imaginary one of the access matrix. */
export interface Holder {
  readonly tenant: string | undefined;
  hasRole(role: string): boolean;
  hasPermission(permission: string): boolean;
  hasGlobalRole(role: string): boolean;
  hasGlobalPermission(permission: string): boolean;
  isFresh(seconds: number): boolean;
}

export type RuleNode =
  | { kind: "public" | "optional" | "authenticated" }
  | { kind: "role" | "permission"; name: string }
  | { kind: "any" | "all"; rules: readonly RuleNode[] }
  | { kind: "for_tenant" | "in_tenant"; rule: RuleNode }
  | { kind: "fresh"; rule: RuleNode; seconds: number };

/**
 * A rule that states who may call a route. `C` is what the handler gets as the caller.
 *
 * Create one with `role`, `permission`, `anyOf`, `allOf`, `forTenant`, `inTenant`, `fresh`, `authenticated`, `optional`
 * and `open`.
 */
export class Rule<out C = unknown> {
  /** Carries the type of the caller; it has no value. */
  declare readonly caller: C;
  readonly [BRAND] = true;

  constructor(/** @internal */ readonly node: RuleNode) {
    Object.freeze(this);
  }

  /** Returns true for a rule of this package, also if it was loaded twice, as ESM and as CommonJS. */
  static isRule(value: unknown): value is Rule {
    return typeof value === "object" && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
  }

  /** Returns true if the rule also admits requests without a token. */
  get admitsAnonymous(): boolean {
    return this.node.kind === "public" || this.node.kind === "optional";
  }

  /** Returns true if the rule compares the token with the tenant that the path names. */
  get needsTenant(): boolean {
    return needsTenant(this.node);
  }

  /** Returns true if `holder` satisfies the rule on a path that names `tenant`. */
  admits(holder: Holder, tenant?: string): boolean {
    return evaluate(this.node, tenant, holder, false);
  }

  /** As {@link admits}, where what is held in the tenant of the token counts. */
  admitsInOwnTenant(holder: Holder): boolean {
    return evaluate(this.node, undefined, holder, true);
  }

  /** Returns the roles and permissions with which a caller would be admitted, as a scope. */
  get scope(): string | undefined {
    return scopeOf(this.node);
  }

  /** Returns the scope that `holder` lacks; `undefined` if only the tenant or the age of the sign-in is missing. */
  missingScope(holder: Holder): string | undefined {
    const { node } = this;
    const isOnlyElsewhere =
      ((node.kind === "for_tenant" || node.kind === "in_tenant") && evaluate(node.rule, undefined, holder, true)) ||
      (node.kind === "fresh" && evaluate(node.rule, undefined, holder, false));
    return isOnlyElsewhere ? undefined : scopeOf(node);
  }

  /** Returns the greatest age of a sign-in that the rule accepts, in seconds. */
  get maxAge(): number | undefined {
    return maxAgeOf(this.node);
  }

  /** Returns the roles and permissions that the rule names, as in a scope, each once. */
  get names(): string[] {
    return [...new Set(namesOf(this.node))];
  }

  toString(): string {
    return textOf(this.node);
  }
}

/** Admits everyone, without looking at the token. */
export const open: Rule<undefined> = new Rule({ kind: "public" });
/** Admits everyone; the handler gets the caller if there is a valid token, and a token that is not valid is refused. */
export const optional: Rule<import("./principal.js").Principal | undefined> = new Rule({ kind: "optional" });
/** Admits every caller with a valid token. */
export const authenticated: Authenticated = new Rule({ kind: "authenticated" });

/** A rule that only an identified caller satisfies. */
export type Authenticated = Rule<import("./principal.js").Principal>;

/** Needs a role. */
export function role(name: string): Authenticated {
  if (!isName(name)) {
    throw new TypeError(`\`${name}\` is not a name of a role: use 1 to 64 of a-z, 0-9, \`.\`, \`_\` and \`-\`, beginning with a letter or digit`);
  }
  return new Rule({ kind: "role", name });
}

/** Needs a permission, `object:operation`. */
export function permission(name: string): Authenticated {
  if (!isPermission(name)) {
    throw new TypeError(`\`${name}\` is not a permission: write \`object:operation\`, each 1 to 64 of a-z, 0-9, \`.\`, \`_\` and \`-\`, the object not \`role\``);
  }
  return new Rule({ kind: "permission", name });
}

/** Needs at least one of several roles and permissions. */
export function anyOf(first: Authenticated, ...others: Authenticated[]): Authenticated {
  return combine("any", [first, ...others]);
}

/** Needs all of several roles and permissions. */
export function allOf(first: Authenticated, ...others: Authenticated[]): Authenticated {
  return combine("all", [first, ...others]);
}

/** Needs `rule` and a token for the tenant that the path names: its parameter `tenant`. */
export function forTenant(rule: Authenticated): Authenticated {
  return new Rule({ kind: "for_tenant", rule: inner(rule, "forTenant", NOT_LISTED) });
}

/** Needs `rule` and a token for any tenant; what the caller holds only there counts. */
export function inTenant(rule: Authenticated): Authenticated {
  return new Rule({ kind: "in_tenant", rule: inner(rule, "inTenant", NOT_LISTED) });
}

/** Needs `rule` and a sign-in that is at most `seconds` old; otherwise the caller is asked to sign in again. */
export function fresh(rule: Authenticated, seconds: number): Authenticated {
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new TypeError("the age of a sign-in is a whole number of seconds");
  return new Rule({ kind: "fresh", rule: inner(rule, "fresh", [...NOT_LISTED, "for_tenant", "in_tenant"]), seconds });
}

function combine(kind: "any" | "all", rules: Authenticated[]): Authenticated {
  const nodes = rules.map((rule) => inner(rule, `${kind}Of`, LISTED));
  if (nodes.some((node) => depthOf(node) > 1)) throw new TypeError("`anyOf` and `allOf` nest at most 2 deep");
  return new Rule({ kind, rules: nodes });
}

/** What a list can contain, and what can stand in a rule about a tenant. */
const LISTED: RuleNode["kind"][] = ["role", "permission", "authenticated", "any", "all"];
const NOT_LISTED: RuleNode["kind"][] = [...LISTED, "fresh"];

function depthOf(node: RuleNode): number {
  return node.kind === "any" || node.kind === "all" ? 1 + Math.max(...node.rules.map(depthOf)) : 0;
}

function inner(rule: Rule, outer: string, kinds: RuleNode["kind"][]): RuleNode {
  if (!Rule.isRule(rule)) throw new TypeError(`\`${outer}\` needs an access rule, such as \`role("admin")\``);
  if (!kinds.includes(rule.node.kind)) throw new TypeError(`\`${outer}\` cannot stand around \`${rule}\``);
  return rule.node;
}

function evaluate(node: RuleNode, tenant: string | undefined, holder: Holder, inTenant: boolean): boolean {
  switch (node.kind) {
    case "public":
    case "optional":
    case "authenticated":
      return true;
    // INVARIANT: what is held in a tenant satisfies only rules that look at the tenant
    case "role":
      return inTenant ? holder.hasRole(node.name) : holder.hasGlobalRole(node.name);
    case "permission":
      return inTenant ? holder.hasPermission(node.name) : holder.hasGlobalPermission(node.name);
    case "any":
      return node.rules.some((rule) => evaluate(rule, tenant, holder, inTenant));
    // INVARIANT: an empty list is a mistake and must not admit everyone
    case "all":
      return node.rules.length > 0 && node.rules.every((rule) => evaluate(rule, tenant, holder, inTenant));
    case "fresh":
      return holder.isFresh(node.seconds) && evaluate(node.rule, tenant, holder, inTenant);
    // INVARIANT: a path and a token without tenants do not match
    case "for_tenant":
      return tenant !== undefined && holder.tenant === tenant && evaluate(node.rule, tenant, holder, true);
    case "in_tenant":
      return Boolean(holder.tenant) && evaluate(node.rule, tenant, holder, true);
  }
}

function needsTenant(node: RuleNode): boolean {
  if (node.kind === "for_tenant") return true;
  if (node.kind === "any" || node.kind === "all") return node.rules.some(needsTenant);
  return (node.kind === "in_tenant" || node.kind === "fresh") && needsTenant(node.rule);
}

function scopeOf(node: RuleNode): string | undefined {
  switch (node.kind) {
    case "role":
      return `role:${node.name}`;
    case "permission":
      return node.name;
    case "for_tenant":
    case "in_tenant":
    case "fresh":
      return scopeOf(node.rule);
    case "any":
      return node.rules[0] && scopeOf(node.rules[0]);
    case "all": {
      const names = node.rules.flatMap((rule) => scopeOf(rule)?.split(" ") ?? []);
      return names.length > 0 ? [...new Set(names)].join(" ") : undefined;
    }
    default:
      return undefined;
  }
}

function maxAgeOf(node: RuleNode): number | undefined {
  const least = (ages: (number | undefined)[]) => {
    const known = ages.filter((age) => age !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  };
  switch (node.kind) {
    case "fresh":
      return least([maxAgeOf(node.rule), node.seconds]);
    case "for_tenant":
    case "in_tenant":
      return maxAgeOf(node.rule);
    case "any":
    case "all":
      return least(node.rules.map(maxAgeOf));
    default:
      return undefined;
  }
}

function namesOf(node: RuleNode): string[] {
  if (node.kind === "any" || node.kind === "all") return node.rules.flatMap(namesOf);
  if (node.kind === "for_tenant" || node.kind === "in_tenant" || node.kind === "fresh") return namesOf(node.rule);
  const scope = scopeOf(node);
  return scope === undefined ? [] : [scope];
}

/** Returns a rule as logs, problems and the access matrix show it. */
export function textOf(node: RuleNode): string {
  switch (node.kind) {
    case "role":
      return `role:${node.name}`;
    case "permission":
      return node.name;
    case "any": {
      const [first, second] = node.rules;
      // the same globally or in the token's tenant: one rule to a caller
      const isTwice = node.rules.length === 2 && first && second?.kind === "in_tenant" && isSame(first, second.rule);
      return isTwice ? textOf(first) : `any of (${node.rules.map(textOf).join(", ")})`;
    }
    case "all":
      return `all of (${node.rules.map(textOf).join(", ")})`;
    case "for_tenant":
      return `${textOf(node.rule)} in the path's tenant`;
    case "in_tenant":
      return `${textOf(node.rule)} in the token's tenant`;
    case "fresh":
      return `${textOf(node.rule)}, signed in within ${node.seconds} s`;
    default:
      return node.kind;
  }
}

function isSame(a: RuleNode, b: RuleNode): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
