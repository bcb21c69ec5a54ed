/**
 * Guards applications with rolecall's access tokens (RFC 9068): strict verification, revocation within a second, and
 * routes that cannot be left unguarded. The adapters are in `rolecall/express`, `rolecall/fastify`, `rolecall/hono` and
 * `rolecall/next`, the test kit in `rolecall/testing`.
 */
export { systemClock, type Clock } from "./clock.js";
export { Denial, type Answer, type DenialReason } from "./denial.js";
export { type Floor, type FloorKind } from "./floors.js";
export { Guard, type GuardOptions, type GuardStatus } from "./guard.js";
export { LiveState } from "./live.js";
export { type Log, type LogEntry } from "./log.js";
export { secureDocument } from "./openapi.js";
export { guardUpgrade, type UpgradeListener } from "./upgrade.js";
export { Policy, type PolicyDocument, type RoleDocument } from "./policy.js";
export { type Principal } from "./principal.js";
export { type HttpAnswer, type HttpRequest, type Transport } from "./remote/http.js";
export {
  allOf, anyOf, authenticated, forTenant, fresh, inTenant, open, optional, permission, role, Rule, type Authenticated,
} from "./rule.js";
export { type RouteAccess } from "./routes.js";
export { type Algorithm } from "./token/algorithm.js";
export { type Acr, type Revision } from "./token/claims.js";
export { KeyError } from "./token/errors.js";
export { type JsonValue } from "./token/json.js";
export { KeySet } from "./token/keys.js";
