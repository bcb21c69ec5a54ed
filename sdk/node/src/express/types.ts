// The types of a guarded application: a route without a rule does not compile.
import type {
  Application, ErrorRequestHandler, Express, NextFunction, Request, RequestHandler, RequestParamHandler, Response,
} from "express";
import type { RouteParameters } from "express-serve-static-core";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Principal } from "../principal.js";
import type { Rule } from "../rule.js";

declare global {
  namespace Express {
    interface Request {
      /** The verified caller of a guarded route; `undefined` where the rule needs none. */
      caller: Principal | undefined;
    }
  }
}

/** The handler of a guarded route; `C` is what its rule gives as the caller. */
export type GuardedHandler<P, C> = (req: Omit<Request<P>, "caller"> & { caller: C }, res: Response, next: NextFunction) => unknown;

type Path = string | RegExp | (string | RegExp)[];

interface GuardedMatcher<Self> {
  <Route extends string, C>(path: Route, rule: Rule<C>, ...handlers: [GuardedHandler<RouteParameters<Route>, C>, ...GuardedHandler<RouteParameters<Route>, C>[]]): Self;
  <C>(path: Path, rule: Rule<C>, ...handlers: [GuardedHandler<Request["params"], C>, ...GuardedHandler<Request["params"], C>[]]): Self;
}

interface GuardedRoute {
  <C>(rule: Rule<C>, ...handlers: [GuardedHandler<Request["params"], C>, ...GuardedHandler<Request["params"], C>[]]): GuardedRouteMethods;
}

type Method = "get" | "post" | "put" | "patch" | "delete" | "options" | "head" | "all";

/** The methods of one path, each of which needs a rule. */
export type GuardedRouteMethods = { [method in Method]: GuardedRoute };

interface GuardedUse<Self> {
  /** Middleware that runs after the rule of the route, and error handlers. */
  (...middleware: (RequestHandler | ErrorRequestHandler | GuardedRouter)[]): Self;
  (path: Path, ...middleware: (RequestHandler | ErrorRequestHandler | GuardedRouter)[]): Self;
  /**
   * With `open`: middleware that runs before the rules, for every request. With another rule: guards everything that the
   * middleware answers.
   */
  (rule: Rule, ...middleware: RequestHandler[]): Self;
  (path: Path, rule: Rule, ...middleware: (RequestHandler | Application)[]): Self;
}

interface GuardedMethods<Self> {
  get: GuardedMatcher<Self>;
  post: GuardedMatcher<Self>;
  put: GuardedMatcher<Self>;
  patch: GuardedMatcher<Self>;
  delete: GuardedMatcher<Self>;
  options: GuardedMatcher<Self>;
  head: GuardedMatcher<Self>;
  all: GuardedMatcher<Self>;
  use: GuardedUse<Self>;
  route(path: Path): GuardedRouteMethods;
}

/** A router whose routes have rules; mount it in a guarded application. */
export interface GuardedRouter extends GuardedMethods<GuardedRouter> {
  (req: Request, res: Response, next: NextFunction): void;
  param(name: string, handler: RequestParamHandler): this;
}

type PlainExpress = Omit<Express, Method | "use" | "route" | "router">;

/** An Express application whose routes have rules. */
export interface GuardedExpress extends PlainExpress, GuardedMethods<GuardedExpress> {
  (req: IncomingMessage, res: ServerResponse): unknown;
  get: GuardedMatcher<GuardedExpress> & ((setting: string) => unknown);
}
