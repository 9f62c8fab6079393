//! Counters, gauges and histograms as Prometheus text (exposition format 0.0.4).
//!
//! Every label has a closed list of values that is known when the metric is made: no request can add a time series,
//! and a scrape shows zeros from the first moment, so that an alarm on a rate does not miss the first event.

use std::fmt::{self, Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The content type of [`Registry::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A closed set of label values.
pub trait Labels: Copy + PartialEq + Debug + Send + Sync + 'static {
    /// The labels' names.
    const NAMES: &'static [&'static str];

    /// Every combination that can occur.
    fn all() -> Vec<Self>;

    /// The values, in the order of the names: words of `a-z0-9_`.
    fn values(&self) -> Vec<&'static str>;
}

/// No labels: one time series.
impl Labels for () {
    const NAMES: &'static [&'static str] = &[];

    fn all() -> Vec<Self> {
        vec![()]
    }

    fn values(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// All metrics of a process. Clones share them.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    render: Render,
}

type Render = Box<dyn Fn(&'static str, &mut String) + Send + Sync>;

impl Registry {
    /// A counter per combination of labels. Its name ends in `_total`.
    #[must_use]
    pub fn counter<L: Labels>(&self, name: &'static str, help: &'static str) -> Counter<L> {
        let counter = Counter(Cells::new());
        let cells = counter.0.clone();
        self.add(name, help, "counter", move |name, out| cells.render(name, out));
        counter
    }

    /// A gauge per combination of labels: a whole number that goes up and down, such as seconds or items.
    #[must_use]
    pub fn gauge<L: Labels>(&self, name: &'static str, help: &'static str) -> Gauge<L> {
        let gauge = Gauge(Cells::new());
        let cells = gauge.0.clone();
        self.add(name, help, "gauge", move |name, out| cells.render(name, out));
        gauge
    }

    /// A histogram of durations per combination of labels. Its name ends in `_seconds`.
    #[must_use]
    pub fn histogram<L: Labels>(&self, name: &'static str, help: &'static str) -> Histogram<L> {
        let series = L::all().into_iter().map(|labels| (labels, Buckets::default())).collect();
        let histogram = Histogram(Arc::new(series));
        let shared = histogram.clone();
        self.add(name, help, "histogram", move |name, out| shared.render(name, out));
        histogram
    }

    /// The text of a scrape.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for Entry { name, help, kind, render } in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Writing to a String cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            render(name, &mut out);
        }
        out
    }

    fn add(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        render: impl Fn(&'static str, &mut String) + Send + Sync + 'static,
    ) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.partition_point(|entry| entry.name < name);
        debug_assert!(entries.get(at).is_none_or(|entry| entry.name != name), "{name} is registered twice");
        entries.insert(at, Entry { name, help, kind, render: Box::new(render) });
    }
}

impl Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}

/// Counts events.
#[derive(Clone, Debug)]
pub struct Counter<L: Labels>(Cells<L>);

impl<L: Labels> Counter<L> {
    /// Counts one event.
    pub fn add_one(&self, labels: L) {
        if let Some(cell) = self.0.of(labels) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self, labels: L) -> u64 {
        self.0.of(labels).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

/// Shows a level.
#[derive(Clone, Debug)]
pub struct Gauge<L: Labels>(Cells<L>);

impl<L: Labels> Gauge<L> {
    /// Sets the level.
    pub fn set(&self, labels: L, value: u64) {
        if let Some(cell) = self.0.of(labels) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Debug)]
struct Cells<L>(Arc<Vec<(L, AtomicU64)>>);

impl<L: Labels> Cells<L> {
    fn new() -> Self {
        Self(Arc::new(L::all().into_iter().map(|labels| (labels, AtomicU64::new(0))).collect()))
    }

    /// The list is closed and short, so it is searched from the start.
    fn of(&self, labels: L) -> Option<&AtomicU64> {
        self.0.iter().find(|(of, _)| *of == labels).map(|(_, cell)| cell)
    }

    fn render(&self, name: &str, out: &mut String) {
        for (labels, cell) in self.0.iter() {
            line(out, name, *labels, None, cell.load(Ordering::Relaxed));
        }
    }
}

/// Upper bounds of the buckets in microseconds: from a local fsync to the patience of a sender.
const BOUNDS_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000];

/// Counts durations in buckets.
#[derive(Clone, Debug)]
pub struct Histogram<L: Labels>(Arc<Vec<(L, Buckets)>>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl<L: Labels> Histogram<L> {
    /// Counts one duration.
    pub fn observe(&self, labels: L, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some((_, buckets)) = self.0.iter().find(|(of, _)| *of == labels) {
            buckets.counts[BOUNDS_US.partition_point(|bound| *bound < us)].fetch_add(1, Ordering::Relaxed);
            buckets.sum_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    fn render(&self, name: &str, out: &mut String) {
        for (labels, buckets) in self.0.iter() {
            let mut below = 0;
            for (n, count) in buckets.counts.iter().enumerate() {
                below += count.load(Ordering::Relaxed);
                let bound = BOUNDS_US.get(n).map_or("+Inf".to_owned(), |us| seconds(*us));
                line(out, &format!("{name}_bucket"), *labels, Some(&bound), below);
            }
            line(out, &format!("{name}_sum"), *labels, None, seconds(buckets.sum_us.load(Ordering::Relaxed)));
            line(out, &format!("{name}_count"), *labels, None, below);
        }
    }
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn line<L: Labels>(out: &mut String, name: &str, labels: L, bound: Option<&str>, value: impl fmt::Display) {
    let values = labels.values();
    let mut pairs: Vec<String> =
        L::NAMES.iter().zip(values).map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    pairs.extend(bound.map(|bound| format!("le=\"{bound}\"")));
    // Writing to a String cannot fail.
    let _ = if pairs.is_empty() {
        writeln!(out, "{name} {value}")
    } else {
        writeln!(out, "{name}{{{}}} {value}", pairs.join(","))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Light {
        Red,
        Green,
    }

    impl Labels for Light {
        const NAMES: &'static [&'static str] = &["light"];

        fn all() -> Vec<Self> {
            vec![Self::Red, Self::Green]
        }

        fn values(&self) -> Vec<&'static str> {
            vec![match self {
                Self::Red => "red",
                Self::Green => "green",
            }]
        }
    }

    #[test]
    fn renders_every_series_from_the_first_moment() {
        let registry = Registry::default();
        let seen = registry.counter::<Light>("clyra_seen_total", "Lights seen.");
        let age = registry.gauge::<()>("clyra_age_seconds", "Age of the oldest light.");
        seen.add_one(Light::Green);
        seen.add_one(Light::Green);
        age.set((), 7);
        assert_eq!(
            registry.render(),
            "# HELP clyra_age_seconds Age of the oldest light.\n# TYPE clyra_age_seconds gauge\nclyra_age_seconds 7\n\
             # HELP clyra_seen_total Lights seen.\n# TYPE clyra_seen_total counter\n\
             clyra_seen_total{light=\"red\"} 0\nclyra_seen_total{light=\"green\"} 2\n"
        );
        assert_eq!(seen.count(Light::Green), 2);
    }

    #[test]
    fn buckets_hold_what_is_at_most_their_bound() {
        let registry = Registry::default();
        let took = registry.histogram::<()>("clyra_took_seconds", "How long it took.");
        for us in [500, 501, 20_000_000] {
            took.observe((), Duration::from_micros(us));
        }
        let text = registry.render();
        for expected in [
            "clyra_took_seconds_bucket{le=\"0.0005\"} 1\n",
            "clyra_took_seconds_bucket{le=\"0.001\"} 2\n",
            "clyra_took_seconds_bucket{le=\"10\"} 2\n",
            "clyra_took_seconds_bucket{le=\"+Inf\"} 3\n",
            "clyra_took_seconds_sum 20.001001\n",
            "clyra_took_seconds_count 3\n",
        ] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
    }
}
