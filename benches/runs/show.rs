//! How figures are shown.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::Outcome;

/// Says what the figures were measured on.
pub fn machine() -> Outcome {
    let processors = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    println!(
        "howdah {} on {processors} processors, load {load} before the start; disk: {}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_TARGET_TMPDIR")
    );
    Ok(())
}

/// Prints a table under a title; all columns but the first are numbers.
pub fn table<const N: usize>(title: &str, header: [&str; N], rows: &[[String; N]]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{title}\n{table}");
}

/// A rate: whole.
pub fn rate(rate: f64) -> String {
    format!("{rate:.0}")
}

/// A share of a control, like `0.62`.
pub fn share(of: f64, control: f64) -> String {
    format!("{:.2}", of / control)
}

/// A time in milliseconds.
pub fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// A size in megabytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
