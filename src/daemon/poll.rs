//! One look into the mailbox: one connection, every watched folder, everything new taken in.

use super::progress;
use super::{Daemon, intake::Incoming};
use crate::campaign::Moment;
use crate::config;
use crate::mailbox::{Error, Examined, Fetched, Listed, SIZES, Session, batches, watched};
use crate::store::Place;
use anyhow::{Result, bail};
use chrono::TimeDelta;
use secrecy::SecretString;
use std::collections::{HashSet, VecDeque};
use tracing::{info, warn};

/// All UIDs are compared at least this often, and whenever the counts disagree.
const COMPARE_EVERY: TimeDelta = TimeDelta::hours(24);
/// Connections made anew within one poll before it is given up.
const RECONNECTS: u32 = 20;

/// The connection of a poll; it is made anew where one mail breaks it.
struct Line<'a> {
    settings: &'a config::Mailbox,
    password: &'a SecretString,
    session: Session,
    reconnects: u32,
}

impl<'a> Line<'a> {
    async fn open(
        settings: &'a config::Mailbox,
        password: &'a SecretString,
    ) -> Result<Self, Error> {
        let session = Session::open(settings, password).await?;
        Ok(Self {
            settings,
            password,
            session,
            reconnects: RECONNECTS,
        })
    }

    /// Makes the connection good again after a fault, and gives the fault in words.
    async fn recover(&mut self, folder: &str, error: Error, mails: usize) -> Result<String, Error> {
        warn!(folder, mails, %error, "fetch failed");
        let why = error.to_string();
        if !error.leaves_session() {
            self.reopen(folder, error).await?;
        }
        Ok(why)
    }

    async fn reopen(&mut self, folder: &str, cause: Error) -> Result<(), Error> {
        self.reconnects = self.reconnects.checked_sub(1).ok_or(cause)?;
        self.session = Session::open(self.settings, self.password).await?;
        self.session.examine(folder).await.map(|_| ())
    }
}

impl Daemon {
    /// Looks into every watched folder. What was fetched before a fault stays kept; the next poll goes on from there.
    ///
    /// # Errors
    /// A [`Error`] of the mailbox (downcast to tell refused credentials apart), or a fault of store and disk.
    pub async fn poll(&mut self, now: Moment) -> Result<usize> {
        let result = self.poll_all(now).await;
        let what = result.as_ref().err().map(|error| format!("{error:#}"));
        self.store.trouble("", what.as_deref(), now)?;
        result
    }

    async fn poll_all(&mut self, now: Moment) -> Result<usize> {
        let settings = self.config.mailbox.clone();
        let password = config::secret(&settings.password_file)?;
        if let Some(megabytes) = self.short_of_space()? {
            bail!("磁盘空间不足，仅余{megabytes} MB，腾出空间之前不再收信");
        }
        let mut line = Line::open(&settings, &password).await?;
        let listed = line.session.folders().await?;
        let mut new = 0;
        for folder in watched(settings.folders.as_deref(), &listed) {
            if self.stopping() {
                break;
            }
            let name = folder.as_deref().unwrap_or_default().to_owned();
            let result = match folder {
                Ok(folder) => self.poll_folder(&mut line, &folder, now).await,
                Err(error) => Err(error.into()),
            };
            new += self.settle(&name, result, now)?;
        }
        line.session.close().await;
        Ok(new)
    }

    /// A folder that the server refuses is reported and does not stop the others.
    fn settle(&mut self, folder: &str, result: Result<usize>, now: Moment) -> Result<usize> {
        match result {
            Ok(new) => {
                self.store.trouble(folder, None, now)?;
                Ok(new)
            }
            Err(error)
                if error
                    .downcast_ref::<Error>()
                    .is_some_and(Error::leaves_session) =>
            {
                warn!(folder, "{error:#}");
                let name = if folder.is_empty() {
                    "settings"
                } else {
                    folder
                };
                self.store.trouble(name, Some(&format!("{error:#}")), now)?;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    async fn poll_folder(
        &mut self,
        line: &mut Line<'_>,
        folder: &str,
        now: Moment,
    ) -> Result<usize> {
        let opened = line.session.examine(folder).await?;
        self.store
            .opened(folder, opened.uidvalidity, opened.exists, now)?;
        let wanted = self.find_new(line, folder, opened, now).await?;
        if wanted.is_empty() {
            return Ok(0);
        }
        let place = |uid| Place {
            folder: folder.into(),
            uidvalidity: opened.uidvalidity,
            uid,
        };
        let listed = self.list(line, folder, &wanted, &place, now).await?;
        self.fetch(line, folder, listed, &place, now).await
    }

    /// Sizes and arrivals. A command that fails is halved until the mail that breaks it stands alone.
    async fn list(
        &mut self,
        line: &mut Line<'_>,
        folder: &str,
        wanted: &[u32],
        place: &impl Fn(u32) -> Place,
        now: Moment,
    ) -> Result<Vec<Listed>> {
        let mut queue: VecDeque<Vec<u32>> = wanted.chunks(SIZES).map(<[u32]>::to_vec).collect();
        let mut all = Vec::new();
        while let Some(uids) = queue.pop_front() {
            match line.session.list(&uids).await {
                Ok(listed) => {
                    let shown: HashSet<u32> = listed.iter().map(|mail| mail.uid).collect();
                    for uid in uids.iter().filter(|uid| !shown.contains(uid)) {
                        self.store.failed(&place(*uid), "服务器列出而未给出", now)?;
                    }
                    all.extend(listed);
                }
                Err(error) => {
                    let why = line.recover(folder, error, uids.len()).await?;
                    match uids.as_slice() {
                        [one] => self.store.failed(&place(*one), &why, now)?,
                        many => many
                            .chunks(many.len().div_ceil(2))
                            .rev()
                            .for_each(|half| queue.push_front(half.to_vec())),
                    }
                }
            }
        }
        Ok(all)
    }

    /// What UID SEARCH lists and the database lacks.
    async fn find_new(
        &mut self,
        line: &mut Line<'_>,
        folder: &str,
        opened: Examined,
        now: Moment,
    ) -> Result<Vec<u32>> {
        let validity = opened.uidvalidity;
        if let Some(cursor) = self
            .store
            .cursor(folder)?
            .filter(|c| now - c.compared_at < COMPARE_EVERY)
        {
            let listed = line
                .session
                .search(cursor.last_uid.saturating_add(1))
                .await?;
            let mut wanted = self.store.wanted(folder, validity, &listed)?;
            if self.store.present(folder, validity)? as usize + wanted.len()
                == opened.exists as usize
            {
                wanted.extend(self.store.unfetched(folder, validity)?);
                wanted.sort_unstable();
                wanted.dedup();
                return Ok(wanted);
            }
        }
        let listed = line.session.uids(opened.exists).await?;
        self.store.compared(folder, validity, &listed, now)?;
        let count = opened.exists.max(listed.len() as u32);
        self.store.opened(folder, validity, count, now)?;
        self.store.wanted(folder, validity, &listed)
    }

    /// Fetches batch by batch. One that fails is tried mail by mail; a mail that fails alone is noted and passed over.
    async fn fetch(
        &mut self,
        line: &mut Line<'_>,
        folder: &str,
        listed: Vec<Listed>,
        place: &impl Fn(u32) -> Place,
        now: Moment,
    ) -> Result<usize> {
        let bar = progress::of_mails(listed.len());
        let mut queue: VecDeque<Vec<Listed>> = batches(listed).into();
        let mut new = 0;
        while let Some(batch) = queue.pop_front() {
            if self.stopping() {
                break;
            }
            match line.session.fetch(&batch, self.blobs.spool()).await {
                Ok(fetched) => {
                    new += self.accept(&batch, fetched, place, now)?;
                    bar.inc(batch.len() as u64);
                }
                Err(error @ Error::Local(_)) => return Err(error.into()),
                Err(error) => {
                    let why = line.recover(folder, error, batch.len()).await?;
                    match batch.as_slice() {
                        [one] => self.store.failed(&place(one.uid), &why, now)?,
                        many => many
                            .iter()
                            .rev()
                            .for_each(|one| queue.push_front(vec![one.clone()])),
                    }
                }
            }
        }
        Ok(new)
    }

    fn accept(
        &mut self,
        asked: &[Listed],
        fetched: Vec<Fetched>,
        place: &impl Fn(u32) -> Place,
        now: Moment,
    ) -> Result<usize> {
        let got: HashSet<u32> = fetched.iter().map(|mail| mail.listed.uid).collect();
        let incoming = fetched.into_iter().map(|mail| {
            let place = place(mail.listed.uid);
            Incoming {
                source: format!("{}/{}", place.folder, place.uid),
                received_at: mail.listed.received_at.unwrap_or(now),
                place: Some(place),
                raw: mail.raw,
            }
        });
        let new = self.take_in(incoming.collect())?;
        for mail in asked.iter().filter(|mail| !got.contains(&mail.uid)) {
            self.store
                .failed(&place(mail.uid), "服务器未给出内容", now)?;
        }
        info!(mails = got.len(), new, "batch kept");
        Ok(new)
    }
}
