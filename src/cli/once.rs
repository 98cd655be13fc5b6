//! `baosong once`.

use super::Common;
use anyhow::Result;

pub async fn run(common: &Common) -> Result<()> {
    common.daemon()?.pass(common.now()).await
}
