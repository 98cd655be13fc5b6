//! `baosong reprocess`.

use super::Common;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Reprocess {
    /// This mail only, by its number or Message-ID; later mails are judged again too, as they may rest on it
    #[arg(long, value_name = "ID")]
    mail: Option<String>,
}

impl Reprocess {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.daemon()?;
        let only = self.mail.map(|name| daemon.target(&name)).transpose()?;
        let count = daemon.reprocess(only.map(|target| target.mail))?;
        eprintln!("{count} mails read again");
        Ok(())
    }
}
