// Adds the access rules of an application to an OpenAPI document, of whatever generator.
import { routesOf, type RouteAccess } from "./routes.js";
import type { Rule, RuleNode } from "./rule.js";

type JsonObject = Record<string, unknown>;

const METHODS = ["get", "put", "post", "delete", "head", "patch"];
/** Methods that a document can have and a guarded route never has in it. */
const OTHER_METHODS = ["options", "trace"];
/** The names of the two answers in `components.responses`. */
export const [NOT_AUTHENTICATED, NOT_PERMITTED] = ["NotAuthenticated", "NotPermitted"] as const;

/**
 * Returns a copy of an OpenAPI document with the security requirement, the 401 and the 403 of each route of `app`.
 *
 * Document and application must have the same routes, each path with its parameters as `{name}`; otherwise this throws an
 * error that names the difference. `scheme` is the security scheme of rolecall in the document.
 */
export function secureDocument<D extends object>(document: D, app: object, scheme = "rolecall"): D {
  const routes = routesOf(app).routes().filter(({ method }) => method !== undefined);
  const secured = structuredClone(document) as JsonObject;
  compare(secured, routes);
  for (const route of routes) {
    const method = memberOf(route);
    if (method === undefined) continue;
    const item = objectIn(objectIn(secured, "paths"), documentPath(route.path));
    secureOperation(objectIn(item, method), route.rule, scheme);
  }
  const components = objectIn(secured, "components");
  objectIn(components, "securitySchemes")[scheme] ??= { type: "http", scheme: "bearer", bearerFormat: "JWT" };
  addComponents(components);
  return secured as D;
}

function memberOf({ method }: RouteAccess): string | undefined {
  return METHODS.find((one) => one === method?.toLowerCase());
}

function documentPath(path: string): string {
  return path.replaceAll("{*", "{");
}

function compare(document: JsonObject, routes: RouteAccess[]): void {
  const mounted = new Set(routes.filter(memberOf).map((route) => `${route.method} ${documentPath(route.path)}`));
  const documented = new Set<string>();
  for (const [path, item] of Object.entries(objectIn(document, "paths"))) {
    const methods = Object.keys(item as object).filter((one) => [...METHODS, ...OTHER_METHODS].includes(one));
    // generators describe the HEAD that comes with each GET, or do not
    for (const method of methods) if (method !== "head") documented.add(`${method.toUpperCase()} ${path}`);
  }
  const unrouted = [...documented].filter((one) => !mounted.has(one));
  const undocumented = [...mounted].filter((one) => !documented.has(one) && !one.startsWith("HEAD "));
  const parts = [];
  if (unrouted.length > 0) parts.push(`documented but not routed: ${unrouted.join(", ")} (are path and method the same as in the application?)`);
  if (undocumented.length > 0) parts.push(`routed but not documented: ${undocumented.join(", ")}`);
  if (parts.length > 0) throw new TypeError(parts.join("; "));
}

function secureOperation(operation: JsonObject, rule: Rule, scheme: string): void {
  const { node } = rule;
  operation["security"] = securityOf(node, scheme);
  operation["x-rolecall-rule"] = String(rule);
  const responses = objectIn(operation, "responses");
  const refer = (name: string) => ({ $ref: `#/components/responses/${name}` });
  if (node.kind !== "public") responses["401"] = refer(NOT_AUTHENTICATED);
  const canBeRefused = rule.scope !== undefined || rule.maxAge !== undefined || rule.needsTenant || node.kind === "in_tenant";
  if (canBeRefused) responses["403"] = refer(NOT_PERMITTED);
}

function securityOf(node: RuleNode, scheme: string): object[] {
  if (node.kind === "public") return [];
  if (node.kind === "optional") return [{}, { [scheme]: [] }];
  return alternatives(node).map((scopes) => ({ [scheme]: scopes }));
}

/** Returns the lists of scopes of which each satisfies the rule. */
function alternatives(node: RuleNode): string[][] {
  switch (node.kind) {
    case "any":
      return node.rules.flatMap(alternatives);
    case "all":
      return node.rules.reduce<string[][]>(
        (lists, rule) => lists.flatMap((list) => alternatives(rule).map((other) => [...new Set([...list, ...other])])),
        [[]],
      );
    case "for_tenant":
    case "in_tenant":
    case "fresh":
      return alternatives(node.rule);
    case "role":
      return [[`role:${node.name}`]];
    case "permission":
      return [[node.name]];
    default:
      return [[]];
  }
}

function addComponents(components: JsonObject): void {
  const schemas = objectIn(components, "schemas");
  const known = schemas["Problem"] as { properties?: object } | undefined;
  const isOther = known !== undefined && !["type", "title", "status", "detail"].every((member) => member in (known.properties ?? {}));
  const name = isOther ? "RolecallProblem" : "Problem";
  schemas[name] ??= PROBLEM;
  const responses = objectIn(components, "responses");
  const described = (description: string, challenge: string) => ({
    description,
    headers: { "WWW-Authenticate": { description: challenge, schema: { type: "string" } } },
    content: { "application/problem+json": { schema: { $ref: `#/components/schemas/${name}` } } },
  });
  responses[NOT_AUTHENTICATED] ??= described(
    "The access token is missing, not valid, or has ended, or its user has to sign in again",
    "The challenge (RFC 6750 section 3, RFC 9470)",
  );
  responses[NOT_PERMITTED] ??= described(
    "The caller does not satisfy the access rule, which `x-rolecall-rule` names",
    'The challenge: `error="insufficient_scope"` and the `scope` that is needed',
  );
}

const member = (type: string, description: string) => ({ type, description });
const PROBLEM = {
  type: "object",
  description: "An error (RFC 9457)",
  required: ["type", "title", "status", "detail"],
  properties: {
    type: member("string", "The type of problem: `urn:rolecall:problem:` and a code"),
    title: member("string", "The type of problem in words"),
    status: member("integer", "The HTTP status"),
    detail: member("string", "An explanation of this occurrence"),
  },
};

function objectIn(value: JsonObject, name: string): JsonObject {
  const found = (value[name] ??= {});
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new TypeError(`not an OpenAPI document: \`${name}\` is not an object`);
  return found as JsonObject;
}
