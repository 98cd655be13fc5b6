//! `baosong digest`.

use super::Common;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Digest {
    /// Directory for digest.html with its pictures, digest.txt and the workbook
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Digest {
    pub fn run(self, common: &Common) -> Result<()> {
        let letter = common.look()?.digest("office@example.cn", common.now())?;
        let dir = &self.out;
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let html = letter.html.replace("src=\"cid:", "src=\"");
        let texts = [
            ("digest.html", html.into_bytes()),
            ("digest.txt", letter.text.into_bytes()),
        ];
        let files = letter.files.into_iter().map(|file| (file.name, file.bytes));
        for (name, bytes) in texts
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .into_iter()
            .chain(files)
        {
            let path = dir.join(name);
            std::fs::write(&path, bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("{}", letter.subject);
        Ok(())
    }
}
