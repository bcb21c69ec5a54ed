//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::series::{Distribution, Family};

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The type of a metric.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Writes metrics as text: each metric is begun once, and its samples follow.
#[derive(Default)]
pub(crate) struct Text {
    written: String,
    name: &'static str,
}

impl Text {
    pub(crate) fn begin(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.name = name;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        self
    }

    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.suffixed("", labels, value)
    }

    pub(crate) fn counter(&mut self, name: &'static str, help: &str, value: u64) {
        self.begin(name, Kind::Counter, help).sample(&[], value);
    }

    pub(crate) fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.begin(name, Kind::Gauge, help).sample(&[], value);
    }

    pub(crate) fn family(&mut self, name: &'static str, help: &str, label: &str, counts: &Family) {
        self.begin(name, Kind::Counter, help);
        for (value, count) in counts.counts() {
            self.sample(&[(label, value)], count);
        }
    }

    /// Writes the samples of a histogram, in seconds.
    pub(crate) fn distribution(&mut self, labels: &[(&str, &str)], read: &Distribution) {
        let with = |bound: &'_ str| {
            let mut all: Vec<(String, String)> = labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            all.push(("le".to_owned(), bound.to_owned()));
            all
        };
        for (bound, count) in &read.cumulative {
            self.bucket(&with(&seconds(*bound)), *count);
        }
        self.bucket(&with("+Inf"), read.count);
        self.suffixed("_sum", labels, seconds(read.sum_micros));
        self.suffixed("_count", labels, read.count);
    }

    fn bucket(&mut self, labels: &[(String, String)], count: u64) {
        let labels: Vec<(&str, &str)> = labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.suffixed("_bucket", &labels, count);
    }

    fn suffixed(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl Display,
    ) -> &mut Self {
        let name = self.name;
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        if labels.is_empty() {
            self.line(format_args!("{name}{suffix} {value}"));
        } else {
            let labels = labels.join(",");
            self.line(format_args!("{name}{suffix}{{{labels}}} {value}"));
        }
        self
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // writing to a `String` cannot fail
        let _ = writeln!(self.written, "{line}");
    }

    pub(crate) fn finish(self) -> String {
        self.written
    }
}

/// Formats microseconds as seconds, without rounding.
pub(crate) fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::series::Histogram;
    use std::time::Duration;

    #[test]
    fn quotes_backslashes_and_line_breaks_in_labels_are_escaped() {
        let mut text = Text::default();
        let labels = [("route", "a\"b\\c\nd")];
        text.begin("x_total", Kind::Counter, "help")
            .sample(&labels, 1);
        assert_eq!(
            text.finish(),
            "# HELP x_total help\n# TYPE x_total counter\nx_total{route=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
    }

    #[test]
    fn a_histogram_is_written_in_seconds() {
        let histogram = Histogram::new(&[2_500, 1_000_000]);
        histogram.observe(Duration::from_micros(2_500));
        histogram.observe(Duration::from_secs(2));
        let mut text = Text::default();
        text.begin("x_seconds", Kind::Histogram, "help");
        text.distribution(&[("route", "/")], &histogram.read());
        let written = text.finish();
        let samples: Vec<&str> = written.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                "x_seconds_bucket{route=\"/\",le=\"0.0025\"} 1",
                "x_seconds_bucket{route=\"/\",le=\"1\"} 1",
                "x_seconds_bucket{route=\"/\",le=\"+Inf\"} 2",
                "x_seconds_sum{route=\"/\"} 2.0025",
                "x_seconds_count{route=\"/\"} 2",
            ]
        );
    }
}
