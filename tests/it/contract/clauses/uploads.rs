//! Files: whole, compared on both ends, and not sent again.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use holdpoint::model::procedure::UploadSpec;
use holdpoint::model::reply::Claim;
use holdpoint::transport::{Errand, Order};

use crate::contract::bench::Bench;

const MIB: usize = 1 << 20;
const DONE: Claim = Claim::Exited { code: 0 };

/// Bytes that are all there and differ from block to block.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

fn uploading(bench: &Bench, from: &Path, to: &Path) -> Order {
    let spec = UploadSpec {
        from: from.display().to_string(),
        to: to.display().to_string(),
        sha256: None,
        mode: Some(0o640),
    };
    Order {
        errand: Errand::Upload(Box::new(spec)),
        ..bench.order("upload", "", &[])
    }
}

fn says(lines: &[String], word: &str) -> usize {
    lines.iter().filter(|line| line.contains(word)).count()
}

pub async fn arrives_once(bench: &mut Bench) -> Result<()> {
    let bytes = noise(3 * MIB + 12_345);
    let (from, to) = bench.package(&bytes)?;
    bench.connect().await?;
    let order = uploading(bench, &from, &to);
    bench.start(&order);
    let claim = bench.end(&order).await?;
    ensure!(claim == DONE, "it {claim}: {:?}", bench.lines(&order));
    ensure!(fs::read(&to)? == bytes, "what lies there differs");
    bench.start(&order);
    let claim = bench.end(&order).await?;
    ensure!(claim == DONE, "it {claim}: {:?}", bench.lines(&order));
    let lines = bench.lines(&order);
    ensure!(says(&lines, "on both ends") == 1, "{lines:?}");
    ensure!(says(&lines, "there already") == 1, "{lines:?}");
    Ok(())
}

/// What goes through the shell goes in one piece up to 16 MiB: only SFTP tells how far it is within that.
pub async fn goes_by_sftp(bench: &mut Bench) -> Result<()> {
    let bytes = noise(8 * MIB);
    let (from, to) = bench.package(&bytes)?;
    bench.connect().await?;
    let order = uploading(bench, &from, &to);
    bench.start(&order);
    let claim = bench.end(&order).await?;
    let lines = bench.lines(&order);
    ensure!(claim == DONE, "it {claim}: {lines:?}");
    ensure!(
        says(&lines, "50 %") == 1,
        "it went through the shell: {lines:?}"
    );
    ensure!(fs::read(&to)? == bytes, "what lies there differs");
    Ok(())
}
