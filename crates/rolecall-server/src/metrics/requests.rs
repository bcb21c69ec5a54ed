//! Counts requests by route, method and status class, their durations, and refusals by reason.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use http::{Method, StatusCode};
use rolecall::Denial;

use super::{
    series::{Counter, Family, Histogram},
    text::{Kind, Text},
};
use crate::web::problem::Refused;

/// Upper bounds of the buckets in microseconds: a guarded read takes tens of microseconds, a log-in tens of
/// milliseconds.
const BOUNDS: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// The label of requests that match no route.
const NO_ROUTE: &str = "none";

const METHODS: [(&str, Option<Method>); 8] = [
    ("GET", Some(Method::GET)),
    ("HEAD", Some(Method::HEAD)),
    ("POST", Some(Method::POST)),
    ("PUT", Some(Method::PUT)),
    ("PATCH", Some(Method::PATCH)),
    ("DELETE", Some(Method::DELETE)),
    ("OPTIONS", Some(Method::OPTIONS)),
    ("other", None),
];

/// The status classes; `none` is for a request whose client disconnected, or that timed out.
const STATUSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The reasons of refusals: the error codes of answers with status 401, 403, 429 and 503.
const REASONS: &[&str] = &[
    "not_authenticated",
    "invalid_token",
    "ended_token",
    "two_credentials",
    "cross_site",
    "forbidden",
    "insufficient_scope",
    "delegation_limit",
    "invalid_grant",
    "invalid_client",
    "too_many_tries",
    "too_busy",
    "unavailable",
];

/// The counters of all mounted routes.
pub(crate) struct Requests {
    routes: HashMap<Box<str>, Route>,
    elsewhere: Route,
    in_flight: AtomicI64,
    refusals: Family,
}

struct Route {
    methods: [Series; METHODS.len()],
}

struct Series {
    statuses: [Counter; STATUSES.len()],
    durations: Histogram,
}

impl Route {
    fn new() -> Self {
        Self {
            methods: std::array::from_fn(|_| Series {
                statuses: std::array::from_fn(|_| Counter::default()),
                durations: Histogram::new(BOUNDS),
            }),
        }
    }
}

impl Requests {
    pub(crate) fn for_routes<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        Self {
            routes: paths.map(|path| (path.into(), Route::new())).collect(),
            elsewhere: Route::new(),
            in_flight: AtomicI64::new(0),
            refusals: Family::new(REASONS),
        }
    }

    fn count(&self, path: Option<&MatchedPath>, method: usize, status: usize, began: Instant) {
        let route = path.and_then(|path| self.routes.get(path.as_str()));
        let route = route.unwrap_or(&self.elsewhere);
        let Some(series) = route.methods.get(method) else {
            return;
        };
        if let Some(counter) = series.statuses.get(status) {
            counter.add_one();
        }
        series.durations.observe(began.elapsed());
    }

    pub(super) fn write(&self, text: &mut Text) {
        text.begin(
            "rolecall_http_requests_total",
            Kind::Counter,
            "Requests by route, method and status class; status none: the client disconnected, or the request timed out.",
        );
        self.for_each(|route, method, series| {
            for (status, counter) in STATUSES.iter().zip(&series.statuses) {
                let count = counter.get();
                if count > 0 {
                    let labels = [("route", route), ("method", method), ("status", *status)];
                    text.sample(&labels, count);
                }
            }
        });
        text.begin(
            "rolecall_http_request_duration_seconds",
            Kind::Histogram,
            "Time from the head of a request to the head of its answer.",
        );
        self.for_each(|route, method, series| {
            let read = series.durations.read();
            if read.count > 0 {
                text.distribution(&[("route", route), ("method", method)], &read);
            }
        });
        text.gauge(
            "rolecall_http_requests_in_flight",
            "Requests being answered.",
            self.in_flight.load(Ordering::Relaxed),
        );
        text.family(
            "rolecall_refusals_total",
            "Requests refused with 401, 403, 429 or 503, by the code of the answer.",
            "reason",
            &self.refusals,
        );
    }

    fn for_each(&self, mut each: impl FnMut(&str, &str, &Series)) {
        let mut routes: Vec<(&str, &Route)> = self
            .routes
            .iter()
            .map(|(path, route)| (&**path, route))
            .collect();
        routes.sort_unstable_by_key(|(path, _)| *path);
        routes.push((NO_ROUTE, &self.elsewhere));
        for (path, route) in routes {
            for ((method, _), series) in METHODS.iter().zip(&route.methods) {
                each(path, method, series);
            }
        }
    }
}

/// Adds a layer to `app` that counts every request.
pub(crate) fn count_requests(app: Router, requests: Arc<Requests>) -> Router {
    app.layer(from_fn_with_state(requests, count_request))
}

async fn count_request(
    State(requests): State<Arc<Requests>>,
    request: Request,
    next: Next,
) -> Response {
    let mut in_flight = InFlight {
        path: request.extensions().get::<MatchedPath>().cloned(),
        method: index_of(request.method()),
        status: 0,
        began: Instant::now(),
        requests,
    };
    in_flight.requests.in_flight.fetch_add(1, Ordering::Relaxed);
    let response = next.run(request).await;
    in_flight.status = usize::from(response.status().as_u16() / 100).min(STATUSES.len() - 1);
    if let Some(reason) = reason_of(&response) {
        in_flight.requests.refusals.add_one(reason);
    }
    response
}

/// A request being answered. It is counted on drop, since a handler is dropped when the client disconnects.
struct InFlight {
    requests: Arc<Requests>,
    path: Option<MatchedPath>,
    method: usize,
    status: usize,
    began: Instant,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.requests.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.requests
            .count(self.path.as_ref(), self.method, self.status, self.began);
    }
}

fn index_of(method: &Method) -> usize {
    let known = METHODS
        .iter()
        .position(|(_, known)| known.as_ref() == Some(method));
    known.unwrap_or(METHODS.len() - 1)
}

fn reason_of(response: &Response) -> Option<&'static str> {
    let is_refusal = matches!(
        response.status(),
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
    );
    let extensions = response.extensions();
    let reason = || {
        let denial = extensions.get::<Denial>().map(Denial::code);
        denial.or_else(|| extensions.get::<Refused>().map(|Refused(code)| *code))
    };
    is_refusal.then(|| reason().unwrap_or_default())
}
