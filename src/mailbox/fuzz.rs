//! What fuzzing is let in by: any bytes in, no panic. Each function is one target of `fuzz/`.

use super::connection::{Boxed, greeted};
use super::{Error, Session, batches, decode, watched};
use crate::config::Mailbox;
use secrecy::SecretString;
use std::io::Cursor;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without threads needs nothing")
});

/// All that a server says in one connection, from its greeting to its end, whatever we ask. Our tags are A0001 and on:
/// LOGIN, ID, LIST, then EXAMINE with SEARCH, and FETCH for each folder.
pub fn server(bytes: &[u8]) {
    let stream: Boxed = Box::new(tokio::io::join(
        Cursor::new(bytes.to_vec()),
        tokio::io::sink(),
    ));
    let _ = RUNTIME.block_on(poll(stream));
}

/// A poll as the daemon makes it, up to four batches.
async fn poll(stream: Boxed) -> Result<(), Error> {
    let settings = Mailbox::default();
    let password = SecretString::from("a");
    let mut session = Session::login(greeted(stream), &settings, &password).await?;
    let folders = session.folders().await?;
    let named = ["INBOX".to_owned(), "订阅邮件".to_owned()];
    watched(Some(&named), &folders);
    folders.iter().for_each(|folder| drop(decode(&folder.name)));
    for folder in watched(None, &folders).into_iter().flatten().take(3) {
        let (opened, found) = session.examine_and_search(&folder, 1).await?;
        let uids = session.all_uids(found?, opened.exists).await?;
        let listed = session.list(&uids).await?;
        for mail in &listed {
            mail.received_at.map(|at| at.to_rfc3339());
        }
        for batch in batches(listed).into_iter().take(4) {
            session.fetch(&batch, &std::env::temp_dir(), &|| ()).await?;
        }
        session.holds("a\"@b").await?;
    }
    session.close().await;
    Ok(())
}
