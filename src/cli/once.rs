//! `baosong once`.

use super::Common;
use anyhow::Result;

pub async fn run(common: &Common) -> Result<()> {
    common.keeper()?.pass(common.now()).await
}
