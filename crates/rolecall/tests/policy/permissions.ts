// Written by `rolecall policy typescript`: change the policy and write it again.

export const permissions = {
  /** see items */
  readItems: 'items:read',
  /** change items */
  writeItems: 'items:write',
} as const;
export type Permission = (typeof permissions)[keyof typeof permissions];

export const roles = {
  /** looks after everything */
  admin: 'admin',
  user: 'user',
} as const;
export type Role = (typeof roles)[keyof typeof roles];

/** Somebody who is logged in: the answer of `/api/me`, or the claims of a token. */
export interface Holder {
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly scope?: string;
}

/** Whether to show what needs a permission. The API decides: this only spares people a refusal. */
export function can(user: Holder | null | undefined, permission: Permission): boolean {
  const held = user?.permissions ?? user?.scope?.split(' ') ?? [];
  return held.includes(permission);
}

/** Whether somebody has a role, or one that inherits it. */
export function is(user: Holder | null | undefined, role: Role): boolean {
  return user?.roles?.includes(role) ?? false;
}
