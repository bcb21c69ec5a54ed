// Refusals that a stronger or newer sign-in would lift (RFC 9470).
import { Denial } from "./denial.js";
import { isAtMost, matches, type Policy } from "./policy.js";
import type { Holder } from "./rule.js";
import { ACRS, type Acr } from "./token/claims.js";

/** The holder after another sign-in, with the roles that it would add. */
class SignedInAgain implements Holder {
  constructor(
    readonly holder: Holder,
    readonly roles: ReadonlySet<string>,
    readonly policy: Policy | undefined,
    readonly hasSignedIn: boolean,
  ) {}

  get tenant(): string | undefined {
    return this.holder.tenant;
  }

  #gives(permission: string): boolean {
    return [...this.roles].some((role) => this.policy?.role(role)?.permissions.some((one) => matches(one, permission)));
  }

  hasRole(role: string): boolean {
    return this.roles.has(role) || this.holder.hasRole(role);
  }

  hasPermission(permission: string): boolean {
    return this.#gives(permission) || this.holder.hasPermission(permission);
  }

  // the token does not say in which tenant a role is held that it does not carry
  hasGlobalRole(role: string): boolean {
    return this.roles.has(role) || this.holder.hasGlobalRole(role);
  }

  hasGlobalPermission(permission: string): boolean {
    return this.#gives(permission) || this.holder.hasGlobalPermission(permission);
  }

  isFresh(seconds: number): boolean {
    return this.hasSignedIn || this.holder.isFresh(seconds);
  }
}

/** Returns the denial that asks for the sign-in with which `admits` would admit the holder, if it lacks nothing else. */
export function stepUp(
  maxAge: number | undefined,
  holder: Holder,
  [present, missed]: [Acr, readonly string[]],
  policy: Policy | undefined,
  admits: (holder: Holder) => boolean,
): Denial | undefined {
  // a role that the present assurance reaches by now comes with the next token, and not with another sign-in
  const above = missed.filter((role) => {
    const rules = policy?.role(role);
    return rules !== undefined && !(isAtMost(rules.acr, present) && isAtMost("aal2", present));
  });
  const signIn = (acr: Acr | undefined, isFresh: boolean) => {
    const roles = policy && acr ? policy.closureAt(above, acr) : new Set<string>();
    return new SignedInAgain(holder, roles, policy, isFresh);
  };
  if (maxAge !== undefined && admits(signIn(undefined, true))) {
    return new Denial({ kind: "step_up", acr: undefined, maxAge });
  }
  const acr = ACRS.filter((one) => !isAtMost(one, present)).find((one) => admits(signIn(one, true)));
  if (acr === undefined) return undefined;
  const isTooOld = !admits(signIn(acr, false));
  return new Denial({ kind: "step_up", acr, maxAge: isTooOld ? maxAge : undefined });
}
