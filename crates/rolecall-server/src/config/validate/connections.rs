//! The limits on connections.

use std::time::Duration;

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
        if !(1..=1_000_000).contains(&number) {
            faults.push(format!("`{key}`: {number} is not between 1 and 1000000"));
        }
    }
    let idle = connections.idle_timeout;
    if !(SHORTEST_IDLE..=LONGEST_IDLE).contains(&idle) {
        faults.push(format!(
            "`connections.idle_timeout`: {} is not between 5s and 1h",
            show_duration(idle)
        ));
    }
    if connections.drain_delay > LONGEST_DRAIN {
        faults.push(format!(
            "`connections.drain_delay`: {} is longer than 5m",
            show_duration(connections.drain_delay)
        ));
    }
    faults
}
