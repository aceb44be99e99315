//! How long a world takes to start, and what it weighs: `cargo bench -p world`.

use std::{error::Error, fs, time::Instant};
use world::World;

fn main() -> Result<(), Box<dyn Error>> {
    println!("nodes   start ms   stop ms   resident MiB");
    let runtime = tokio::runtime::Runtime::new()?;
    for nodes in [5, 60, 1_000, 5_000] {
        let before = resident()?;
        let begin = Instant::now();
        let world = runtime.block_on(World::builder().nodes(nodes).seed(7).start())?;
        let (start, memory) = (begin.elapsed(), resident()?.saturating_sub(before));
        let begin = Instant::now();
        runtime.block_on(world.stop());
        println!("{nodes:5} {:10} {:9} {memory:14}", start.as_millis(), begin.elapsed().as_millis());
    }
    Ok(())
}

/// What this process holds in memory, in MiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
