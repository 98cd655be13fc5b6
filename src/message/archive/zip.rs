//! Zip, with the names of Chinese Windows.

use std::io::{self, Cursor, Read};

use zip::ZipArchive;

use super::{Budget, Member, Take, damaged, encrypted, too_large, too_many};
use crate::message::charset;

/// Hands on the members whose path is wanted.
pub fn unpack(
    bytes: &[u8],
    wanted: fn(&str) -> bool,
    budget: &mut Budget,
    take: &mut Take,
) -> Result<(), String> {
    if has_too_many(bytes) {
        return Err(too_many());
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    for index in 0..archive.len() {
        if let Some(member) = member(&mut archive, index, wanted, budget)? {
            take(budget, member);
        }
    }
    Ok(())
}

/// More than all parts of an Office document come to.
const DOCUMENT_BYTES: u64 = 64 << 20;
/// Names in a directory; each takes hundreds of bytes of memory once it is read.
const NAMES: usize = 20_000;

/// Ok, or why no parser may see this Office document. Sizes in its headers may lie, so all of it is unpacked once.
pub fn fits(bytes: &[u8]) -> Result<(), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    let mut left = DOCUMENT_BYTES;
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else {
            continue;
        };
        // What is damaged its parser will tell.
        let length = io::copy(&mut entry.take(left + 1), &mut io::sink()).unwrap_or(0);
        left = left.checked_sub(length).ok_or_else(too_large)?;
    }
    Ok(())
}

/// Whether the directory names more members than anyone packs, seen without reading it.
pub fn has_too_many(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"PK\x01\x02")
        .nth(NAMES)
        .is_some()
}

fn member(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    wanted: fn(&str) -> bool,
    budget: &mut Budget,
) -> Result<Option<Member>, String> {
    let raw = archive.by_index_raw(index).map_err(|_| damaged())?;
    let (path, packed, is_encrypted) =
        (path(raw.name_raw()), raw.compressed_size(), raw.encrypted());
    if raw.is_dir() || path.ends_with('/') || !wanted(&path) {
        return Ok(None);
    }
    drop(raw);
    if is_encrypted {
        return Err(encrypted());
    }
    budget.enter()?;
    let mut entry = archive
        .by_index(index)
        .map_err(|_| "压缩方式不支持".to_string())?;
    let bytes = budget.read(&mut entry, packed)?;
    Ok(Some(Member { path, bytes }))
}

/// The flag for UTF-8 names is set wrongly often enough to look at the bytes instead.
fn path(raw: &[u8]) -> String {
    charset::decode(raw, Some("gbk")).replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::archive::is_junk;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpacked(bytes: &[u8]) -> (Vec<String>, Result<(), String>) {
        let mut paths = Vec::new();
        let outcome = unpack(
            bytes,
            |path| !is_junk(path),
            &mut Budget::default(),
            &mut |_, member| paths.push(member.path),
        );
        (paths, outcome)
    }

    #[test]
    fn junk_of_other_systems_is_dropped() {
        let bytes = zipped(&[
            ("照片/1.jpg", b"a"),
            ("__MACOSX/照片/._1.jpg", b"a"),
            ("照片/Thumbs.db", b"a"),
            ("~$日报.docx", b"a"),
        ]);
        assert_eq!(unpacked(&bytes), (vec!["照片/1.jpg".to_string()], Ok(())));
    }

    #[test]
    fn gbk_names_are_read_with_a_backslash_byte_among_them() {
        let gbk = encoding_rs::GBK.encode("照片/誠信日报.txt").0.into_owned();
        let mut bytes = zipped(&[(&"x".repeat(gbk.len()), b"a")]);
        let places: Vec<usize> = bytes
            .windows(gbk.len())
            .enumerate()
            .filter(|(_, w)| w.iter().all(|&b| b == b'x'))
            .map(|(at, _)| at)
            .collect();
        for at in places {
            bytes[at..at + gbk.len()].copy_from_slice(&gbk);
        }
        assert_eq!(unpacked(&bytes).0, ["照片/誠信日报.txt"]);
    }

    #[test]
    fn a_bomb_is_stopped() {
        let (paths, outcome) = unpacked(&zipped(&[("a.txt", b"a"), ("bomb", &vec![0; 30 << 20])]));
        assert_eq!((paths.len(), outcome), (1, Err(too_large())));
    }

    #[test]
    fn rubbish_is_damaged() {
        assert_eq!(unpacked(b"PK\x03\x04 nothing").1, Err(damaged()));
    }
}
