//! `baosong prune`.

use super::Common;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Prune {
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl Prune {
    pub fn run(self, common: &Common) -> Result<()> {
        let now = common.now();
        let (done, prunable) = if self.dry_run {
            ("would be removed", common.look()?.prunable(now)?)
        } else {
            ("removed", common.daemon()?.prune(now)?)
        };
        if self.dry_run {
            for sha256 in &prunable.blobs {
                println!("{sha256}");
            }
        }
        println!(
            "{} blobs of {} bytes and {} letters {done}",
            prunable.blobs.len(),
            prunable.bytes,
            prunable.letters
        );
        Ok(())
    }
}
