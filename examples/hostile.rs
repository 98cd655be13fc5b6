//! What each hostile mail costs: `cargo run --example hostile [NAME…]` prints seconds, the reader's peak memory, and what
//! staff are told. No network; a few minutes in a debug build.

#[path = "../tests/shapes/mod.rs"]
mod shapes;

use anyhow::{Context, Result};
use baosong::reader::Reader;
use std::fs::read_to_string;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(25);

fn main() -> Result<ExitCode> {
    if let Some(code) = baosong::reader::run_if_asked() {
        return Ok(code);
    }
    let names: Vec<String> = std::env::args().skip(1).collect();
    let spool = tempfile::tempdir()?;
    println!("| mail | bytes | seconds | peak MiB | told |\n| --- | --- | --- | --- | --- |");
    for shape in shapes::all() {
        if !names.is_empty() && !names.iter().any(|name| shape.name.contains(name.as_str())) {
            continue;
        }
        let mut reader = Reader::new(std::env::current_exe()?, spool.path(), LIMIT);
        let begin = Instant::now();
        let content = reader.read(&shape.raw, &mut |bytes| {
            let mut file = tempfile::tempfile()?;
            std::io::copy(bytes, &mut file)?;
            Ok((String::new(), file))
        })?;
        let seconds = begin.elapsed().as_secs_f32();
        let told: String = content.incomplete.join("；").chars().take(60).collect();
        let (name, bytes, peak) = (shape.name, shape.raw.len(), peak()?);
        println!("| {name} | {bytes} | {seconds:.2} | {peak} | {told} |");
    }
    Ok(ExitCode::SUCCESS)
}

/// Peak resident MiB of the one child that lives: the reader, or the one after it where it was lost.
fn peak() -> Result<u64> {
    let children = read_to_string("/proc/thread-self/children")?;
    let status = read_to_string(format!("/proc/{}/status", children.trim()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line
        .context("no VmHWM")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?;
    Ok(kib / 1024)
}
