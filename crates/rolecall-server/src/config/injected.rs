//! Variables that Kubernetes sets in every container beside a service whose name begins with `rolecall`: they have our
//! prefix and are no configuration.

/// Returns true if a cluster sets this variable. `rest` is its name without the prefix.
pub(super) fn is_injected(rest: &str, value: &str) -> bool {
    let words: Vec<&str> = rest.split('_').collect();
    // two underscores nest, so that it was meant as a key
    if words.contains(&"") {
        return false;
    }
    (0..words.len()).any(|at| {
        let behind = words.get(at..).unwrap_or_default();
        is_service_variable(behind, value)
    })
}

/// Checks the words after the name of the service.
fn is_service_variable(words: &[&str], value: &str) -> bool {
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let is_address = value.contains("://");
    match words {
        ["SERVICE", "HOST"] => true,
        // the name of a port may follow
        ["SERVICE", "PORT", ..] => is_number(value),
        ["PORT"] => is_address,
        ["PORT", port, "TCP" | "UDP" | "SCTP"] => is_number(port) && is_address,
        [
            "PORT",
            port,
            "TCP" | "UDP" | "SCTP",
            "PROTO" | "PORT" | "ADDR",
        ] => is_number(port),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_injected;

    #[test]
    fn variables_of_a_service_by_table() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_PORT", "8000"),
            ("SERVICE_PORT_HTTP", "8000"),
            ("PORT", "tcp://10.0.0.7:8000"),
            ("PORT_8000_TCP", "tcp://10.0.0.7:8000"),
            ("PORT_8000_TCP_PROTO", "tcp"),
            ("PORT_8000_TCP_PORT", "8000"),
            ("PORT_8000_TCP_ADDR", "10.0.0.7"),
            ("METRICS_SERVICE_HOST", "10.0.0.8"),
            ("METRICS_PORT", "tcp://10.0.0.8:9464"),
            ("METRICS_PORT_9464_UDP_ADDR", "10.0.0.8"),
        ] {
            assert!(is_injected(name, value), "{name}");
        }
        for (name, value) in [
            ("PORT", "8000"),
            ("SERVICE_PORT", "high"),
            ("PORT_HTTP_TCP", "tcp://10.0.0.7:80"),
            ("LISTEN", "tcp://10.0.0.7:8000"),
            ("METRICS__LISTEN_PORT", "tcp://10.0.0.7:8000"),
            ("SERVICE", "rolecall"),
            ("", ""),
        ] {
            assert!(!is_injected(name, value), "{name}");
        }
    }
}
