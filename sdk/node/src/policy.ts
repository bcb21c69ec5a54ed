// The roles of a policy, for tokens without a `scope` and for step-up.
import { compareNames, isName, isPermission } from "./names.js";
import { ACRS, type Acr } from "./token/claims.js";

/** A role of a policy document. */
export interface RoleDocument {
  juniors?: readonly string[];
  /** Permissions, or `object:*` for all operations on an object. */
  permissions?: readonly string[];
  acr?: Acr;
}

/** The part of a policy document that a guard needs; other members are ignored. */
export interface PolicyDocument {
  permissions?: Readonly<Record<string, unknown>> | readonly string[];
  roles: Readonly<Record<string, RoleDocument>>;
}

interface RoleRules {
  juniors: readonly string[];
  permissions: readonly string[];
  acr: Acr;
}

export function isAtMost(acr: Acr, limit: Acr): boolean {
  return ACRS.indexOf(acr) <= ACRS.indexOf(limit);
}

/** The permissions and juniors of each role. */
export class Policy {
  readonly #roles = new Map<string, RoleRules>();
  readonly #permissions = new Set<string>();

  constructor(document: PolicyDocument) {
    const { permissions = [] } = document;
    const defined = Array.isArray(permissions) ? (permissions as readonly string[]) : Object.keys(permissions);
    for (const name of defined) this.#permissions.add(checked(name, isPermission, "a permission"));
    for (const [name, role] of Object.entries(document.roles)) {
      const { juniors = [], permissions: held = [], acr = "aal1" } = role;
      if (!ACRS.includes(acr)) throw new TypeError(`\`acr\` of role \`${name}\` must be "aal1", "aal2" or "phr"`);
      for (const pattern of held) {
        checked(pattern.replace(/:\*$/, ":all"), isPermission, "a permission");
        if (!pattern.endsWith(":*")) this.#permissions.add(pattern);
      }
      this.#roles.set(checked(name, isName, "a name"), { juniors, permissions: held, acr });
    }
    for (const [name, { juniors }] of this.#roles) {
      const unknown = juniors.find((junior) => !this.#roles.has(junior));
      if (unknown !== undefined) throw new TypeError(`role \`${unknown}\`, a junior of \`${name}\`, does not exist; define it`);
    }
  }

  get roleNames(): string[] {
    return [...this.#roles.keys()].sort(compareNames);
  }

  role(name: string): RoleRules | undefined {
    return this.#roles.get(name);
  }

  /** Returns the roles and all that they inherit, as far as a session with `acr` reaches them. */
  closureAt(roles: Iterable<string>, acr: Acr): Set<string> {
    const found = new Set<string>();
    const left = [...roles];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const rules = this.#roles.get(name);
      if (!rules || !isAtMost(rules.acr, acr) || found.has(name)) continue;
      found.add(name);
      left.push(...rules.juniors);
    }
    return found;
  }

  /** Returns what the roles themselves give, without what they inherit. */
  ownPermissionsOf(roles: Iterable<string>): Set<string> {
    const permissions = new Set<string>();
    for (const role of roles) {
      for (const pattern of this.#roles.get(role)?.permissions ?? []) {
        for (const name of this.#permissions) if (matches(pattern, name)) permissions.add(name);
      }
    }
    return permissions;
  }

  /** Returns the permissions of a token with these roles. */
  permissionsInToken(roles: Iterable<string>, acr: Acr): Set<string> {
    const named = new Set(roles);
    const reached = [...this.closureAt(named, acr)].filter((role) => !role.startsWith("rolecall.") || named.has(role));
    return this.ownPermissionsOf(reached);
  }
}

/** Returns true if a pattern, such as `items:*`, has the permission. */
export function matches(pattern: string, permission: string): boolean {
  if (!pattern.endsWith(":*")) return pattern === permission;
  return permission.startsWith(pattern.slice(0, -1));
}

function checked(text: string, isValid: (text: string) => boolean, what: string): string {
  if (!isValid(text)) throw new TypeError(`\`${text}\` is not ${what}`);
  return text;
}
