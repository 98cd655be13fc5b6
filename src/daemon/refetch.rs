//! Mails and files whose bytes are missing, made good from the mailbox: after a restore whose database is newer than the
//! blobs beside it.

use super::Daemon;
use crate::config::{self, Mailbox, mailbox_and_folder};
use crate::mailbox::{Raw, SIZES, Session, batches};
use crate::store::{Place, hash, hash_file};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refetched {
    /// Mails whose bytes were fetched again.
    pub mails: usize,
    /// Mails that were read again for their files, those among them.
    pub read_again: usize,
    /// Numbers of mails whose bytes no mailbox holds any more.
    pub missing: Vec<i64>,
}

/// UIDs of one folder under one UIDVALIDITY.
type Wanted = BTreeMap<(String, u32), BTreeSet<u32>>;

impl Daemon {
    /// Fetches again the mails that are named and missing, and takes missing files out of their mails anew. What a mail
    /// was taken for stays as it is, but for what reading it again shows.
    ///
    /// # Errors
    /// When a mailbox cannot be reached; what was fetched before stays.
    pub async fn refetch(&mut self) -> Result<Refetched> {
        let lost = self.lost(true)?;
        let places = self.store.places_of(&lost)?;
        let mails = self.store.raw_mails(None)?.into_iter();
        let mails = mails.filter(|mail| lost.contains(&mail.id));
        let hashes: BTreeSet<String> = mails.map(|mail| mail.sha256).collect();
        for mailbox in self.config.mailboxes() {
            let mut wanted = Wanted::new();
            for place in places.iter().filter(|place| is_of(mailbox, place)) {
                let (_, folder) = mailbox_and_folder(&place.folder);
                let key = (folder.to_owned(), place.uidvalidity);
                wanted.entry(key).or_default().insert(place.uid);
            }
            if !wanted.is_empty() {
                let fetched = self.refetch_from(mailbox, wanted, &hashes).await;
                fetched.with_context(|| format!("mailbox of {}", mailbox.user))?;
            }
        }
        let missing = self.lost(true)?;
        let torn: BTreeSet<i64> = lost.union(&self.lost(false)?).copied().collect();
        let whole: Vec<i64> = torn.difference(&missing).copied().collect();
        for mail in &whole {
            self.reprocess(Some(*mail))?;
        }
        Ok(Refetched {
            mails: lost.difference(&missing).count(),
            read_again: whole.len(),
            missing: missing.into_iter().collect(),
        })
    }

    /// Numbers of mails of which a blob lies neither on the disk nor in the storage: the mail itself, or a file out of it.
    fn lost(&self, raw: bool) -> Result<BTreeSet<i64>> {
        let stored = self.store.stored()?;
        let named = self.store.named_blobs()?.into_iter();
        let lost = named.filter(|named| {
            named.raw == raw
                && !stored.contains(&named.blob)
                && !self.blobs.path(&named.blob).exists()
        });
        Ok(lost.map(|named| named.mail).collect())
    }

    async fn refetch_from(
        &self,
        mailbox: &Mailbox,
        wanted: Wanted,
        hashes: &BTreeSet<String>,
    ) -> Result<()> {
        let password = config::secret(&mailbox.password_file)?;
        let mut session = Session::open(mailbox, &password).await?;
        for ((folder, uidvalidity), uids) in wanted {
            if session.examine(&folder).await?.uidvalidity != uidvalidity {
                warn!(
                    folder,
                    "UIDVALIDITY changed: its mails cannot be found by UID"
                );
                continue;
            }
            let uids: Vec<u32> = uids.into_iter().collect();
            for some in uids.chunks(SIZES) {
                let listed = session.list(some).await?;
                for batch in batches(listed) {
                    for mail in session.fetch(&batch, self.blobs.spool(), &|| ()).await? {
                        self.keep_again(mail.raw, hashes)?;
                    }
                }
            }
        }
        session.close().await;
        Ok(())
    }

    fn keep_again(&self, raw: Raw, hashes: &BTreeSet<String>) -> Result<()> {
        let sha256 = match &raw {
            Raw::Memory(bytes) => hash(bytes),
            Raw::File(file) => hash_file(file.path())?,
        };
        if !hashes.contains(&sha256) {
            return Ok(());
        }
        let staged = match raw {
            Raw::Memory(bytes) => self.blobs.stage(&sha256, &bytes)?,
            Raw::File(file) => self.blobs.stage_file(&sha256, file)?,
        };
        self.blobs.keep(staged.into_iter().collect())?;
        self.store.lies_whole(&sha256)
    }
}

fn is_of(mailbox: &Mailbox, place: &Place) -> bool {
    mailbox_and_folder(&place.folder).0 == mailbox.name
}
