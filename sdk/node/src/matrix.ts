// The access matrix: which role may call which route, in the format of `access.lock`.
import { isAtMost, type Policy } from "./policy.js";
import type { RouteAccess } from "./routes.js";
import { sortRoutes } from "./routes.js";
import { textOf, type Holder, type Rule, type RuleNode } from "./rule.js";
import type { Acr } from "./token/claims.js";

/** The tenant that is used for paths that name one, and one that no path names. */
export const SOME_TENANT = "rolecall-test";
export const OTHER_TENANT = "rolecall-test-other";

interface CallerFacts {
  roles?: readonly string[];
  permissions?: readonly string[];
  tenant?: string | undefined;
  acr?: Acr;
  stepUp?: readonly string[];
  isStale?: boolean;
  assigned?: string | undefined;
}

/** An imaginary caller, for a column or a single cell of the matrix. */
export class Caller implements Holder {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly tenant: string | undefined;
  readonly acr: Acr;
  /** The roles that only the assurance keeps out of the token. */
  readonly stepUp: readonly string[];
  /** True for a sign-in that is too old for every rule that limits its age. */
  readonly isStale: boolean;
  /** The role that was assigned, of which the others follow. */
  readonly assigned: string | undefined;

  constructor(facts: CallerFacts = {}) {
    this.roles = facts.roles ?? [];
    this.permissions = facts.permissions ?? [];
    this.tenant = facts.tenant;
    this.acr = facts.acr ?? "aal1";
    this.stepUp = facts.stepUp ?? [];
    this.isStale = facts.isStale ?? false;
    this.assigned = facts.assigned;
  }

  hasRole(role: string): boolean {
    return this.roles.includes(role);
  }

  hasPermission(permission: string): boolean {
    return this.permissions.includes(permission);
  }

  hasGlobalRole(role: string): boolean {
    return this.tenant === undefined && this.hasRole(role);
  }

  hasGlobalPermission(permission: string): boolean {
    return this.tenant === undefined && this.hasPermission(permission);
  }

  isFresh(): boolean {
    return !this.isStale;
  }

  change(facts: CallerFacts): Caller {
    return new Caller({ ...this, ...facts });
  }

  /** Adds roles and permissions that are written as in a scope. */
  with(names: readonly string[]): Caller {
    const isRole = (name: string) => name.startsWith("role:");
    return this.change({
      roles: [...this.roles, ...names.filter(isRole).map((name) => name.slice(5))],
      permissions: [...this.permissions, ...names.filter((name) => !isRole(name))],
    });
  }

  /** Returns the caller that the policy makes of this one with the lowest assurance, if that has less. */
  atLowest(policy: Policy): Caller | undefined {
    const stepUp = this.roles.filter((role) => !isAtMost(policy.role(role)?.acr ?? "aal1", "aal1"));
    if (stepUp.length === 0) return undefined;
    const reached = policy.closureAt(this.assigned === undefined ? [] : [this.assigned], "aal1");
    const permissions = [...policy.ownPermissionsOf(reached)];
    return this.change({ roles: [...reached], permissions, acr: "aal1", stepUp });
  }
}

/** The result for a route and a column. */
export type Cell = "ok" | "own" | "any" | "401" | "403" | "?" | "step-up";

/** A column of the matrix; `caller` is missing for a request without a token. */
export interface Column {
  title: string;
  caller?: Caller;
  /** The caller in a session of the lowest assurance, if the policy gives less to that. */
  below?: Caller | undefined;
  /** False if the role may also give permissions that are not known. */
  complete: boolean;
}

/** Returns with which tokens a caller is admitted: without a tenant, for that of the path, or for another one. */
export function admission(rule: Rule, caller: Caller): "ok" | "own" | "any" | "403" {
  const admits = (one: Caller) => rule.admits(one, SOME_TENANT);
  if (admits(caller)) return "ok";
  if (admits(caller.change({ tenant: OTHER_TENANT }))) return "any";
  return admits(caller.change({ tenant: SOME_TENANT })) ? "own" : "403";
}

export function permissionsOf(rule: Rule): string[] {
  return rule.names.filter((name) => !name.startsWith("role:"));
}

export function cellOf({ caller, below, complete }: Column, rule: Rule): Cell {
  if (!caller) return rule.admitsAnonymous ? "ok" : "401";
  const cell = admission(rule, caller);
  if (cell !== "403") return below && admission(rule, below) === "403" ? "step-up" : cell;
  const mayDepend = !complete && admission(rule, caller.with(permissionsOf(rule))) !== "403";
  return mayDepend ? "?" : "403";
}

/** The lines of `access.lock` that explain it. */
export const LEGEND = {
  head: `# Who may call what, derived from the rules of the routes.
# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role
`,
  own: "# own = let in with a token for the tenant that the path names, 403 with any other\n",
  any: "# any = let in with a token for any tenant, 403 with one for none\n",
  stepUp: "# step-up = let in with a session that reaches the assurance of the role, 401 with any other\n",
  fresh: "# signed in within = 401 with a token of an older sign-in\n",
  tail: `# Written by the tests: \`ROLECALL_BLESS=1 npm test\` writes it again, and a review reads the difference.

`,
};

/** Which role may call which route of an application. */
export class AccessMatrix {
  readonly routes: readonly RouteAccess[];
  readonly roles: readonly string[];

  constructor(routes: RouteAccess[], roles: readonly string[] = [], readonly policy?: Policy) {
    this.routes = sortRoutes(routes);
    this.roles = [...new Set([...roles, ...(policy?.roleNames ?? [])])];
  }

  /** Returns the columns: no token, any token, and each role. */
  columns(): Column[] {
    const { policy } = this;
    const ofRoles = this.roles.map((role): Column => {
      const caller = this.#callerWith(role);
      return { title: role, caller, below: policy && caller.atLowest(policy), complete: policy !== undefined };
    });
    return [{ title: "anonymous", complete: true }, { title: "any token", caller: new Caller(), complete: true }, ...ofRoles];
  }

  #callerWith(role: string): Caller {
    const { policy } = this;
    const alone = new Caller({ roles: [role], assigned: role });
    if (!policy?.role(role)) return alone;
    const roles = [...policy.closureAt([role], "phr")];
    return alone.change({ roles, permissions: [...policy.ownPermissionsOf(roles)], acr: "phr" });
  }

  toString(): string {
    const rules = this.routes.map(({ rule }) => rule);
    const columns = this.columns();
    let text = LEGEND.head;
    if (rules.some((rule) => rule.needsTenant)) text += LEGEND.own;
    if (rules.some((rule) => rule.node.kind === "in_tenant")) text += LEGEND.any;
    if (columns.some(({ below }) => below)) text += LEGEND.stepUp;
    if (rules.some((rule) => rule.maxAge !== undefined)) text += LEGEND.fresh;
    text += `${LEGEND.tail}${columns.map(({ title }) => `${title}  `).join("")}| route\n`;
    for (const { method, path, rule, handler } of this.routes) {
      // widths depend only on the titles, so that a new route does not change other lines
      const cells = columns.map((column) => {
        const cell = cellOf(column, rule);
        return (cell === "step-up" ? "step-up  " : cell).padEnd([...column.title].length + 2);
      });
      const audience = rule.node.kind === "public" ? "unguarded" : `for ${audienceOf(rule.node, this.policy === undefined)}`;
      const everything = `everything that \`${handler}\` has under ${path}${rule.node.kind === "public" ? ", " : " "}${audience}`;
      text += `${cells.join("")}| ${method === undefined ? everything : `${method} ${path} for ${audienceOf(rule.node, this.policy === undefined)}`}\n`;
    }
    return text;
  }
}

/** Describes in words who is admitted. */
function audienceOf(node: RuleNode, namesPermissions: boolean): string {
  switch (node.kind) {
    case "public":
      return "everyone";
    case "optional":
      return "everyone, with or without a token";
    case "authenticated":
      return "any token";
    case "for_tenant":
      return `${audienceOf(node.rule, namesPermissions)} in the path's tenant`;
    case "in_tenant":
      return `${audienceOf(node.rule, namesPermissions)} in the token's tenant`;
    case "fresh":
      return `${audienceOf(node.rule, namesPermissions)}, signed in within ${node.seconds} s`;
    case "permission":
      return namesPermissions ? `holders of ${node.name}` : node.name;
    default:
      return textOf(node);
  }
}
