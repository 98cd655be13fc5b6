//! `baosong digest`.

use super::Common;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Digest {
    /// Directory for digest.html and digest.txt
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Digest {
    pub fn run(self, common: &Common) -> Result<()> {
        let letter = common.look()?.digest("office@example.cn", common.now())?;
        let dir = &self.out;
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        for (name, text) in [("digest.html", &letter.html), ("digest.txt", &letter.text)] {
            let path = dir.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("{}", letter.subject);
        Ok(())
    }
}
