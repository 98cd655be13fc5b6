//! Zip archives: their members under the names that Chinese Windows gave them, within limits.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::charset;

const ENTRIES: usize = 2000;
const ENTRY_BYTES: u64 = 200 << 20;
const TOTAL_BYTES: u64 = 500 << 20;
/// No document or photo shrinks further; a bomb does. Small members are spared the question.
const RATIO: u64 = 200;
const RATIO_FREE: u64 = 10 << 20;

/// What may still be unpacked from one mail, over all of its archives.
pub struct Budget {
    entries: usize,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            entries: ENTRIES,
            bytes: TOTAL_BYTES,
        }
    }
}

/// One file of an archive.
pub struct Member {
    /// Folder and name as stored, decoded, with `/` between levels.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Hands each member to `take`; says in Chinese why some or all could not be read.
pub fn unzip(
    bytes: &[u8],
    budget: &mut Budget,
    take: &mut dyn FnMut(&mut Budget, Member),
) -> Result<(), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "损坏".to_string())?;
    for index in 0..archive.len() {
        if budget.entries == 0 {
            return Err(format!("文件过多，只读前 {ENTRIES} 个"));
        }
        budget.entries -= 1;
        if let Some(member) = member(&mut archive, index, budget)? {
            take(budget, member);
        }
    }
    Ok(())
}

fn member(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    budget: &mut Budget,
) -> Result<Option<Member>, String> {
    let raw = archive
        .by_index_raw(index)
        .map_err(|_| "损坏".to_string())?;
    let (path, packed, encrypted) = (path(raw.name_raw()), raw.compressed_size(), raw.encrypted());
    if raw.is_dir() || path.ends_with('/') || is_junk(&path) {
        return Ok(None);
    }
    drop(raw);
    if encrypted {
        return Err("加密".to_string());
    }
    let entry = archive
        .by_index(index)
        .map_err(|_| "压缩方式不支持".to_string())?;
    // The size that the header states may lie, so the bytes are counted as they come.
    let allowed = ENTRY_BYTES
        .min(budget.bytes)
        .min((packed * RATIO).max(RATIO_FREE));
    let mut bytes = Vec::new();
    let read = entry.take(allowed + 1).read_to_end(&mut bytes);
    budget.bytes -= budget.bytes.min(bytes.len() as u64);
    match read {
        Ok(length) if length as u64 > allowed => Err("解压后过大".to_string()),
        Ok(_) => Ok(Some(Member { path, bytes })),
        Err(_) => Err("损坏".to_string()),
    }
}

/// The flag for UTF-8 names is set wrongly often enough to look at the bytes instead.
fn path(raw: &[u8]) -> String {
    charset::decode(raw, Some("gbk")).replace('\\', "/")
}

fn is_junk(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| part == "__MACOSX")
        || name.starts_with("~$")
        || name.starts_with("._")
        || ["thumbs.db", ".ds_store", "desktop.ini"].contains(&name.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let outcome = unzip(bytes, &mut Budget::default(), &mut |_, member| {
            paths.push(member.path)
        });
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
        assert_eq!((paths.len(), outcome), (1, Err("解压后过大".to_string())));
    }

    #[test]
    fn rubbish_is_damaged() {
        assert_eq!(unpacked(b"PK\x03\x04 nothing").1, Err("损坏".to_string()));
    }
}
