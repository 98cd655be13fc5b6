//! Packs: what is left of mails that came together lies in one blob, a tar (POSIX ustar) in which each is named by its
//! SHA-256: a small mail whole, a larger one as its shell. A file for each would cost the file system more than all else
//! that is done with the mail.

use super::blobs::{Hashed, PIECE};
use super::intake::is_of;
use super::shell::Shell;
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

/// What is longer, in bytes, lies in a blob of its own.
pub const SMALL: usize = 64 << 10;
/// A header is one block long, and what follows it is filled up to whole ones.
const BLOCK: u64 = 512;
/// How the name of a shell ends.
const SHELL: &str = ".shell";

/// A mail, or its shell, that is still to be written.
#[derive(Debug)]
pub struct Loose {
    /// Of the mail.
    pub sha256: String,
    /// At most [`SMALL`].
    pub bytes: Vec<u8>,
    /// Whether they are those of its shell.
    pub shell: bool,
}

/// Where a mail lies that is no blob of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The pack's hash.
    pub pack: String,
    /// At which of its bytes the mail or its shell begins.
    pub offset: u64,
}

impl Blobs {
    /// Writes what came together into the spool: as a pack, or a whole mail that is alone as its own blob. Gives by hash
    /// where each lies in the pack.
    pub fn pack(&self, all: &[Loose], staged: &mut Vec<Staged>) -> Result<HashMap<String, Packed>> {
        match all {
            [] => return Ok(HashMap::new()),
            [one] if !one.shell => {
                staged.extend(self.stage(&one.sha256, &one.bytes)?);
                return Ok(HashMap::new());
            }
            _ => {}
        }
        let mut offsets = HashMap::new();
        let file = BufWriter::with_capacity(PIECE, Hashed::new(self.spool())?);
        let mut tar = Builder::new(file);
        let mut end = 0;
        for loose in all {
            if offsets.insert(&loose.sha256, end + BLOCK).is_none() {
                tar.append(&header(loose)?, loose.bytes.as_slice())
                    .context("cannot write into the spool")?;
                end += BLOCK + (loose.bytes.len() as u64).next_multiple_of(BLOCK);
            }
        }
        let mut written = tar.into_inner()?;
        written.flush().context("cannot write into the spool")?;
        let (pack, file) = written
            .into_inner()
            .map_err(|error| error.into_error())?
            .finish();
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
        let pack = self.bring(&packed.pack)?;
        let mail_and_parts = self.unpacked(&pack, packed.offset, &mail.sha256);
        Ok(mail_and_parts
            .with_context(|| format!("mail {}", mail.id))?
            .0)
    }

    /// The same by the pack's file, with the blobs that stand in the mail.
    pub fn unpacked(
        &self,
        pack: &Path,
        offset: u64,
        sha256: &str,
    ) -> Result<(Vec<u8>, Vec<String>)> {
        let read = || -> Result<(Vec<u8>, Vec<String>)> {
            let file = File::open(pack)?;
            let header = header_before(&file, offset)?;
            let mut bytes = vec![0; header.size()?.min(file.metadata()?.len()) as usize];
            file.read_exact_at(&mut bytes, offset)?;
            if !header.path_bytes().ends_with(SHELL.as_bytes()) {
                return Ok((bytes, vec![]));
            }
            let shell = Shell::from_bytes(&bytes)?;
            let raw = shell.fill(|part| self.bytes_of(part))?;
            let parts = shell.parts.into_iter().map(|part| part.sha256);
            Ok((raw, parts.collect()))
        };
        let (raw, parts) = read().with_context(|| format!("cannot read {}", pack.display()))?;
        ensure!(
            hash(&raw) == sha256,
            "{sha256} in {} is damaged, its hash differs",
            pack.display()
        );
        Ok((raw, parts))
    }
}

/// Whether it is this mail that begins there in a pack; with the hashes of the pack and of what stands in it besides, that
/// says that the mail is whole.
pub fn is_mail_at(pack: &Path, offset: u64, sha256: &str) -> Result<bool> {
    let header = header_before(&File::open(pack)?, offset)?;
    let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
    Ok(name.strip_suffix(SHELL).unwrap_or(&name) == sha256)
}

fn header_before(file: &File, offset: u64) -> Result<Header> {
    let mut header = Header::new_ustar();
    file.read_exact_at(header.as_mut_bytes(), offset.saturating_sub(BLOCK))?;
    Ok(header)
}

fn header(loose: &Loose) -> Result<Header> {
    let mut header = Header::new_ustar();
    let ending = if loose.shell { SHELL } else { "" };
    header.set_path(format!("{}{ending}", loose.sha256))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(loose.bytes.len() as u64);
    header.set_mode(0o400);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// Hashes of the mails in the pack at `path`, each with where it begins; of any other file none.
pub fn mails_in(path: &Path) -> Result<Vec<(String, u64)>> {
    let mut all = Vec::new();
    for entry in Archive::new(File::open(path)?).entries_with_seek()? {
        // Whatever is no tar ends with its first block.
        let Ok(entry) = entry else { return Ok(vec![]) };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let sha256 = name.strip_suffix(SHELL).unwrap_or(&name);
        if !is_hash(sha256) {
            return Ok(vec![]);
        }
        all.push((sha256.to_owned(), entry.raw_file_position()));
    }
    Ok(all)
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Store {
    /// Packs out of which a mail was removed, whose bytes lie there still.
    pub fn packs_to_take_apart(&self) -> Result<BTreeSet<String>> {
        // CROSS JOIN keeps the order of tables; SQLite would begin with all mails.
        let removed = is_of("m", "r.sha256");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT DISTINCT m.pack FROM removed r CROSS JOIN mails m ON {removed} WHERE m.pack IS NOT NULL",
        ))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the mails of a pack are blobs of their own from now on, as far as they were not removed, and that the
    /// pack is removed.
    pub fn taken_apart(&mut self, pack: &str, now: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        transaction.execute(
            "DELETE FROM mail_parts WHERE mail IN (SELECT id FROM mails WHERE pack = ?1)",
            [pack],
        )?;
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

    /// Notes that a mail lies in a blob of its own: what it lay in was lost.
    pub fn lies_whole(&self, sha256: &str) -> Result<()> {
        let it = is_of("mails", "?1");
        for lies in [
            format!("UPDATE mails SET pack = NULL, offset = NULL WHERE {it}"),
            format!("DELETE FROM mail_parts WHERE mail IN (SELECT id FROM mails WHERE {it})"),
        ] {
            self.connection.execute(&lies, [sha256])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Shelling;
    use proptest::prelude::*;

    fn loose(mails: &[Vec<u8>]) -> Vec<Loose> {
        let whole = |raw: &Vec<u8>| Loose {
            sha256: hash(raw),
            bytes: raw.clone(),
            shell: false,
        };
        mails.iter().map(whole).collect()
    }

    fn kept(mails: &[Loose]) -> (tempfile::TempDir, Blobs, HashMap<String, Packed>) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let mut staged = Vec::new();
        let places = blobs.pack(mails, &mut staged).unwrap();
        blobs.keep(staged).unwrap();
        (dir, blobs, places)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_mail_of_a_pack_comes_out_as_it_went_in(
            mails in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 2..8),
        ) {
            let mails = loose(&mails);
            let (_dir, blobs, places) = kept(&mails);
            let path = blobs.path(&places[&mails[0].sha256].pack);
            for mail in &mails {
                let found = blobs.unpacked(&path, places[&mail.sha256].offset, &mail.sha256);
                prop_assert_eq!(&found.unwrap().0, &mail.bytes);
            }
            let told: HashMap<String, u64> = mails_in(&path).unwrap().into_iter().collect();
            let offsets = places.into_iter().map(|(sha256, packed)| (sha256, packed.offset));
            prop_assert_eq!(told, offsets.collect());
        }
    }

    #[test]
    fn any_tar_gives_the_small_mails_of_a_pack_under_their_hashes() {
        let mails = loose(&[b"Subject: 1\n\nx\n".to_vec(), vec![b'y'; 512]]);
        let (dir, blobs, places) = kept(&mails);
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let unpacked = std::process::Command::new("tar")
            .arg("-xf")
            .arg(blobs.path(&places[&mails[0].sha256].pack))
            .arg("-C")
            .arg(&out)
            .status()
            .unwrap();
        assert!(unpacked.success());
        for mail in &mails {
            assert_eq!(std::fs::read(out.join(&mail.sha256)).unwrap(), mail.bytes);
        }
    }

    #[test]
    fn a_mail_alone_is_a_blob_of_its_own() {
        let mails = loose(&[b"one".to_vec()]);
        let (_dir, blobs, places) = kept(&mails);
        assert!(places.is_empty());
        let path = blobs.path(&mails[0].sha256);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert!(mails_in(&path).unwrap().is_empty());
    }

    #[test]
    fn a_shell_gives_its_mail_as_long_as_its_photo_is_kept() {
        use base64::Engine;
        let photo = vec![7; 5000];
        let letters = base64::engine::general_purpose::STANDARD.encode(&photo);
        let raw = format!(
            "Subject: x\n\n{}\n",
            letters
                .as_bytes()
                .chunks(76)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n")
        );
        let mut shelling = Shelling::of(raw.as_bytes());
        let mut attachment = shelling.attachment();
        attachment.write_all(&photo).unwrap();
        shelling.is_blob(attachment, &hash(&photo));
        let shell = Loose {
            sha256: hash(raw.as_bytes()),
            bytes: shelling.shell().to_bytes().unwrap(),
            shell: true,
        };
        assert!(shell.bytes.len() < 300);
        let (_dir, blobs, places) = kept(std::slice::from_ref(&shell));
        let packed = &places[&shell.sha256];
        let unpacked = || blobs.unpacked(&blobs.path(&packed.pack), packed.offset, &shell.sha256);
        assert!(unpacked().is_err(), "the photo lacks");
        let staged = blobs.stage(&hash(&photo), &photo).unwrap();
        blobs.keep(staged.into_iter().collect()).unwrap();
        assert_eq!(unpacked().unwrap(), (raw.into_bytes(), vec![hash(&photo)]));
        assert_eq!(
            mails_in(&blobs.path(&packed.pack)).unwrap(),
            [(shell.sha256.clone(), packed.offset)]
        );
    }
}
