//! What the figures were measured on, as far as it tells anything about them and nothing about whose machine it is.

use std::fs;
use std::thread;

use crate::Fault;

/// Cores, processor, memory and kernel, in one phrase.
pub(crate) fn description() -> Result<String, Fault> {
    let cores = thread::available_parallelism()?;
    let processor = field("/proc/cpuinfo", "model name")?;
    let memory = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = memory.trim_end_matches("kB").trim().parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let gibibytes = kibibytes.div_ceil(1_024 * 1_024);
    Ok(format!("{cores} cores ({processor}) with {gibibytes} GiB of memory, Linux {}", kernel.trim()))
}

fn field(file: &str, name: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(file)?;
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(field, _)| field.trim() == name);
    Ok(value.ok_or_else(|| format!("{file} has no {name}"))?.1.trim().to_owned())
}
