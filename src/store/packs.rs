//! Packs: small mails that came together lie in one blob, a tar (POSIX ustar) in which each is named by its SHA-256. A file
//! for each would cost the file system more than all else that is done with the mail.

use super::blobs::Hashed;
use super::{Blobs, RawMail, Staged, Store, hash};
use crate::campaign::Moment;
use anyhow::{Context, Result, ensure};
use rusqlite::params;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tar::{Archive, Builder, EntryType, Header};

/// Longer mails, in bytes, are blobs of their own.
pub const SMALL: usize = 64 << 10;
/// A header is one block long, and what follows it is filled up to whole ones.
const BLOCK: u64 = 512;

/// Where a mail lies that is no blob of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The pack's hash.
    pub pack: String,
    /// At which of its bytes the mail begins.
    pub offset: u64,
}

impl Blobs {
    /// Writes small mails, each with its hash, into the spool: several as a pack, one alone as a blob of its own. Gives by
    /// hash where each lies in the pack.
    pub fn pack(
        &self,
        mails: &[(String, Vec<u8>)],
        staged: &mut Vec<Staged>,
    ) -> Result<HashMap<String, Packed>> {
        if let [(sha256, raw)] = mails {
            staged.extend(self.stage(sha256, raw)?);
        }
        if mails.len() < 2 {
            return Ok(HashMap::new());
        }
        let mut offsets = HashMap::new();
        let mut tar = Builder::new(BufWriter::new(Hashed::new(self.spool())?));
        let mut end = 0;
        for (sha256, raw) in mails {
            if offsets.contains_key(sha256) {
                continue;
            }
            tar.append(&header(sha256, raw.len())?, raw.as_slice())
                .context("cannot write into the spool")?;
            offsets.insert(sha256, end + BLOCK);
            end += BLOCK + (raw.len() as u64).next_multiple_of(BLOCK);
        }
        let mut written = tar.into_inner()?;
        written.flush().context("cannot write into the spool")?;
        let written = written
            .into_inner()
            .map_err(|error| error.into_error())
            .context("cannot write into the spool")?;
        let (pack, file) = written.finish();
        staged.extend(self.stage_file(&pack, file)?);
        let place = |(sha256, offset): (&String, u64)| {
            let pack = pack.clone();
            (sha256.clone(), Packed { pack, offset })
        };
        Ok(offsets.into_iter().map(place).collect())
    }

    /// The bytes of a mail that lies in a pack.
    ///
    /// # Errors
    /// Also where they are not those of its hash.
    pub fn unpack(&self, mail: &RawMail, packed: &Packed) -> Result<Vec<u8>> {
        let path = self.bring(&packed.pack)?;
        let read = || {
            let mut raw = vec![0; mail.bytes as usize];
            File::open(&path)?.read_exact_at(&mut raw, packed.offset)?;
            anyhow::Ok(raw)
        };
        let raw = read().with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            hash(&raw) == mail.sha256,
            "mail {} in {} is damaged, its hash differs",
            mail.id,
            path.display()
        );
        Ok(raw)
    }
}

fn header(sha256: &str, bytes: usize) -> Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(sha256)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes as u64);
    header.set_mode(0o400);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// Hashes of the mails in the pack at `path`; of any other file none.
pub fn mails_in(path: &Path) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in Archive::new(File::open(path)?).entries_with_seek()? {
        // Whatever is no tar ends with its first block.
        let Ok(entry) = entry else { return Ok(vec![]) };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !is_hash(&name) {
            return Ok(vec![]);
        }
        all.push(name);
    }
    Ok(all)
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Store {
    /// Packs out of which a mail was removed, whose bytes lie there still.
    pub fn packs_to_take_apart(&self) -> Result<BTreeSet<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT pack FROM mails
             WHERE pack IS NOT NULL AND sha256 IN (SELECT sha256 FROM removed)",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the mails of a pack are blobs of their own from now on, as far as they were not removed, and that the
    /// pack is removed.
    pub fn taken_apart(&mut self, pack: &str, now: Moment) -> Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE mails SET pack = NULL, offset = NULL WHERE pack = ?1",
            [pack],
        )?;
        transaction.execute(
            "INSERT INTO removed VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![pack, now.timestamp()],
        )?;
        Ok(transaction.commit()?)
    }

    /// Notes that mails are to lie in blobs of their own: their pack is lost.
    pub fn unpacked(&mut self, mails: &BTreeSet<i64>) -> Result<()> {
        let transaction = self.connection.transaction()?;
        for mail in mails {
            transaction
                .prepare_cached("UPDATE mails SET pack = NULL, offset = NULL WHERE id = ?1")?
                .execute([mail])?;
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mail(sha256: &str, bytes: usize) -> RawMail {
        RawMail {
            id: 1,
            sha256: sha256.to_owned(),
            bytes: bytes as u64,
            packed: None,
        }
    }

    fn hashed(mails: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
        let hashed = mails.iter().map(|raw| (hash(raw), raw.clone()));
        hashed.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_mail_of_a_pack_comes_out_as_it_went_in(
            mails in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 2..8),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let blobs = Blobs::open(dir.path()).unwrap();
            let (mails, mut staged) = (hashed(&mails), Vec::new());
            let places = blobs.pack(&mails, &mut staged).unwrap();
            blobs.keep(staged).unwrap();
            for (sha256, raw) in &mails {
                let found = blobs.unpack(&mail(sha256, raw.len()), &places[sha256]).unwrap();
                prop_assert_eq!(&found, raw);
            }
            let names: BTreeSet<String> = mails.iter().map(|(sha256, _)| sha256.clone()).collect();
            let path = blobs.path(&places[&mails[0].0].pack);
            prop_assert_eq!(mails_in(&path).unwrap().into_iter().collect::<BTreeSet<_>>(), names);
        }
    }

    #[test]
    fn any_tar_gives_the_mails_of_a_pack_under_their_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let mails = hashed(&[b"Subject: 1\n\nx\n".to_vec(), vec![b'y'; 512]]);
        let mut staged = Vec::new();
        let places = blobs.pack(&mails, &mut staged).unwrap();
        blobs.keep(staged).unwrap();
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let unpacked = std::process::Command::new("tar")
            .arg("-xf")
            .arg(blobs.path(&places[&mails[0].0].pack))
            .arg("-C")
            .arg(&out)
            .status()
            .unwrap();
        assert!(unpacked.success());
        for (sha256, raw) in &mails {
            assert_eq!(&std::fs::read(out.join(sha256)).unwrap(), raw);
        }
    }

    #[test]
    fn a_mail_alone_is_a_blob_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let (mails, mut staged) = (hashed(&[b"one".to_vec()]), Vec::new());
        assert!(blobs.pack(&mails, &mut staged).unwrap().is_empty());
        blobs.keep(staged).unwrap();
        assert_eq!(std::fs::read(blobs.path(&mails[0].0)).unwrap(), b"one");
        assert!(mails_in(&blobs.path(&mails[0].0)).unwrap().is_empty());
    }
}
