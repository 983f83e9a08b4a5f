//! How many bounces are read in a second on one core: `bounce_speed [--json] FILE-OR-FOLDER…`.

#![expect(clippy::print_stdout, reason = "an example shows what it measures")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn files(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        files(&entry?.path(), found)?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let (options, paths): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--json");
    let mut found = Vec::new();
    for path in &paths {
        files(Path::new(path), &mut found)?;
    }
    found.sort();
    let mails = found.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    if !options.is_empty() {
        for (path, mail) in found.iter().zip(&mails) {
            let reading = owabi_core::bounce::read(mail);
            println!("{}", serde_json::json!({ "file": path, "reading": reading }));
        }
        return Ok(());
    }
    let started = Instant::now();
    let (mut read, mut reports) = (0_u32, 0);
    while !mails.is_empty() && started.elapsed() < Duration::from_secs(3) {
        for mail in &mails {
            reports += owabi_core::bounce::read(mail).reports.len();
            read += 1;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{read} messages, {reports} reports, {seconds:.2} s: {:.0} messages a second", f64::from(read) / seconds);
    Ok(())
}
