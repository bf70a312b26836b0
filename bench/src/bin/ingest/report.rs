//! The table.

/// What one run came to.
pub(crate) struct Figures {
    pub(crate) events_per_second: f64,
    /// Seconds of the server's CPU for a million events.
    pub(crate) cpu_per_million: f64,
    /// Seconds, of each batch.
    pub(crate) latencies: Vec<f64>,
    pub(crate) bytes_per_event: f64,
    /// The most memory that was resident, in bytes.
    pub(crate) peak: u64,
}

/// The bars: events/s for each core, as CPU seconds of a million events, and bytes of an event.
const CPU_BAR: f64 = 10.0;
const BYTES_BAR: f64 = 120.0;

pub(crate) fn head() {
    println!(
        "| | events/s | CPU s per million | bar {CPU_BAR} | batch p50 ms | p99 ms | worst ms | bytes per event | \
         bar {BYTES_BAR} | peak MB |\n|---|---:|---:|---|---:|---:|---:|---:|---|---:|"
    );
}

pub(crate) fn row(name: &str, runs: &[Figures]) {
    let of = |figure: &dyn Fn(&Figures) -> f64| quantile(runs.iter().map(figure).collect(), 0.5);
    let latency = |part| of(&|run| quantile(run.latencies.clone(), part) * 1e3);
    let worst = runs
        .iter()
        .flat_map(|run| &run.latencies)
        .copied()
        .fold(0.0, f64::max)
        * 1e3;
    let (cpu, bytes) = (
        of(&|run| run.cpu_per_million),
        of(&|run| run.bytes_per_event),
    );
    println!(
        "| {name} | {:.0} | {cpu:.2} | {} | {:.1} | {:.1} | {worst:.0} | {bytes:.1} | {} | {:.0} |",
        of(&|run| run.events_per_second),
        met(cpu <= CPU_BAR),
        latency(0.5),
        latency(0.99),
        met(bytes <= BYTES_BAR),
        of(&|run| run.peak as f64) / 1e6,
    );
}

pub(crate) fn foot(events: usize, runs: usize, connections: usize) {
    println!(
        "\nMedians of {runs} runs of {events} events by {connections} connections; the worst batch is that of all runs."
    );
}

pub(crate) fn met(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

pub(crate) fn median(samples: Vec<f64>) -> f64 {
    quantile(samples, 0.5)
}

/// The sample below or at which this part of all samples lies.
fn quantile(mut samples: Vec<f64>, part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() as f64 * part).ceil() as usize;
    let at = rank.saturating_sub(1).min(samples.len().saturating_sub(1));
    samples.get(at).copied().unwrap_or(f64::NAN)
}
