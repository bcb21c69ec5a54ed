//! The limits on connections.

use std::time::Duration;

use super::bounds;
use crate::config::{Config, values::show_duration};

/// The shortest time for which idle connections can be kept: the load balancer must be able to close them first.
const SHORTEST_IDLE: Duration = Duration::from_secs(5);
const LONGEST_IDLE: Duration = Duration::from_hours(1);
const LONGEST_DRAIN: Duration = Duration::from_mins(5);

pub(super) fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let connections = &config.connections;
    for (key, number) in [
        ("connections.max", connections.max),
        ("connections.per_address", connections.per_address),
    ] {
        faults.extend(bounds::number(key, number, 1..=1_000_000));
    }
    let idle = connections.idle_timeout;
    let times = SHORTEST_IDLE..=LONGEST_IDLE;
    faults.extend(bounds::duration(
        "connections.idle_timeout",
        idle,
        times,
        "5s and 1h",
    ));
    if connections.drain_delay > LONGEST_DRAIN {
        faults.push(format!(
            "`connections.drain_delay`: {} is longer than 5m",
            show_duration(connections.drain_delay)
        ));
    }
    faults
}
