//! The upper limit of logins: only the password hash, on all cores.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The server's default costs.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

pub(crate) fn run(time: Duration) -> anyhow::Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores)
        .map(|_| thread::spawn(move || hash_for(time)))
        .collect();
    let (mut rate, mut hashes) = (0.0, 0.0);
    for thread in threads {
        let (thread_rate, count) = thread
            .join()
            .map_err(|_| anyhow!("a hashing thread panicked"))??;
        rate += thread_rate;
        hashes += count;
    }
    // each thread hashed once more, to touch its memory
    let each = cpu_ticks()? / (hashes + f64::from(u32::try_from(cores)?));
    println!("hash\t{rate:.2}\t{each:.6}");
    Ok(())
}

/// The user and system time of this process so far (proc(5)), in clock ticks.
fn cpu_ticks() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("no name in `/proc`")?;
    let fields = rest.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = fields.map(str::parse).collect();
    Ok(ticks?.into_iter().sum())
}

/// Hashes in reused memory, as the server does; returns hashes per second and their number.
fn hash_for(time: Duration) -> anyhow::Result<(f64, f64)> {
    let describe = |error| anyhow!("argon2: {error}");
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(describe)?;
    let mut blocks = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    let mut hash = || {
        let password = super::serve::PASSWORD.as_bytes();
        argon2
            .hash_password_into_with_memory(password, b"sixteen bytes it", &mut output, &mut blocks)
            .map_err(describe)
    };
    hash()?; // touches the memory
    let (start, mut hashes) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        hash()?;
        hashes += 1;
    }
    let hashes = f64::from(hashes);
    Ok((hashes / start.elapsed().as_secs_f64(), hashes))
}
