//! Rows of figures, and tables of them.

/// Runs of each row.
pub(crate) const RUNS: usize = 41;

/// The cost of one operation.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) median_ns: f64,
    pub(crate) min_ns: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// A bar: `ours` costs at most `limit` times what `theirs` does.
struct Bar {
    ours: &'static str,
    theirs: &'static str,
    limit: f64,
}

pub(crate) struct Table {
    title: &'static str,
    rows: Vec<Row>,
    bars: Vec<Bar>,
    note: String,
}

impl Table {
    pub(crate) const fn new(title: &'static str, note: String) -> Self {
        Self {
            title,
            rows: Vec::new(),
            bars: Vec::new(),
            note,
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.note = note;
    }

    pub(crate) fn bar(&mut self, ours: &'static str, theirs: &'static str, limit: f64) {
        self.bars.push(Bar {
            ours,
            theirs,
            limit,
        });
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    pub(crate) fn print(&self) {
        println!("### {}\n", self.title);
        println!("| | median ns | min ns | allocations | bytes |\n|---|---:|---:|---:|---:|");
        for row in &self.rows {
            println!(
                "| {} | {:.0} | {:.0} | {:.1} | {:.0} |",
                row.name, row.median_ns, row.min_ns, row.allocations, row.bytes
            );
        }
        println!("\n{}\n", self.note);
        if self.bars.is_empty() {
            return;
        }
        println!("| bar | limit | by medians | by minima | |\n|---|---:|---:|---:|---|");
        for bar in &self.bars {
            let (Some(ours), Some(theirs)) = (self.row(bar.ours), self.row(bar.theirs)) else {
                continue;
            };
            let median = ours.median_ns / theirs.median_ns;
            let min = ours.min_ns / theirs.min_ns;
            let verdict = match (median <= bar.limit, min <= bar.limit) {
                (true, true) => "met",
                (false, false) => "missed",
                _ => "undecided",
            };
            println!(
                "| {} ÷ {} | {:.2} | {median:.2} | {min:.2} | {verdict} |",
                bar.ours, bar.theirs, bar.limit
            );
        }
        println!();
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn min(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
