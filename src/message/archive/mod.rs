//! Archives: their members under the names that Chinese Windows gave them, within limits.

mod lzfu;
mod rar;
mod seven_zip;
mod tnef;
mod zip;

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::format::Format;
pub use zip::{fits, has_too_many};

const ENTRIES: usize = 2000;
const ENTRY_BYTES: u64 = 200 << 20;
const TOTAL_BYTES: u64 = 500 << 20;
/// Of the total, what any mail may unpack, and how often over each of its archives: a small mail fills no disk.
const TOTAL_FREE: u64 = 64 << 20;
const TOTAL_RATIO: u64 = 20;
/// No document or photo shrinks further; a bomb does. Small members are spared the question.
const RATIO: u64 = 200;
const RATIO_FREE: u64 = 10 << 20;

/// What may still be unpacked from one mail, over all of its archives.
pub struct Budget {
    entries: usize,
    bytes: u64,
    late: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            entries: ENTRIES,
            bytes: TOTAL_FREE,
            late: false,
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

/// Takes members as they come, with what is left for archives inside of them.
pub type Take<'a> = dyn FnMut(&mut Budget, Member) + 'a;

/// Hands each member to `take`; says in Chinese why some or all could not be read. Of an Office document the members
/// are its pictures.
/// `body` asks a winmail.dat for the mail's text too.
pub fn unpack(
    format: Format,
    bytes: &[u8],
    body: bool,
    budget: &mut Budget,
    take: &mut Take,
) -> Result<(), String> {
    // Parsers of foreign formats may panic on hostile bytes; that costs one archive its rest.
    let unpack = || match format {
        Format::Zip => zip::unpack(bytes, |path| !is_junk(path), budget, take),
        // Pictures that were pasted into an Office document.
        Format::Docx | Format::Slides | Format::Sheet => {
            zip::unpack(bytes, |path| path.contains("/media/"), budget, take)
        }
        Format::Rar => rar::unpack(bytes, budget, take),
        Format::SevenZip => seven_zip::unpack(bytes, budget, take),
        Format::Tnef => tnef::unpack(bytes, body, budget, take),
        _ => Err("格式暂不支持".to_string()),
    };
    catch_unwind(AssertUnwindSafe(unpack)).unwrap_or_else(|_| Err(damaged()))
}

impl Budget {
    /// Nothing more is unpacked: the mail had its time.
    pub fn end(&mut self) {
        self.late = true;
    }

    /// Allows for one more archive of so many bytes, that lies in no other.
    pub fn grow(&mut self, packed: usize) {
        let more = (packed as u64).saturating_mul(TOTAL_RATIO);
        self.bytes = self.bytes.saturating_add(more).min(TOTAL_BYTES);
    }

    /// Counts one more entry.
    fn enter(&mut self) -> Result<(), String> {
        if self.late {
            return Err(super::LATE.to_string());
        }
        self.entries = self.entries.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }

    /// How long a member may be that was packed into so many bytes.
    fn allows(&self, packed: u64) -> u64 {
        let by_ratio = packed.saturating_mul(RATIO).max(RATIO_FREE);
        ENTRY_BYTES.min(self.bytes).min(by_ratio)
    }

    fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }

    /// Unpacks a member that nobody wants, where the next one cannot be had without it.
    fn pass_over(&mut self, from: &mut dyn Read, packed: u64) -> Result<(), String> {
        let allowed = self.allows(packed);
        match std::io::copy(&mut from.take(allowed + 1), &mut std::io::sink()) {
            Ok(length) if length > allowed => Err(too_large()),
            Ok(_) => Ok(()),
            Err(_) => Err(damaged()),
        }
    }

    /// Reads a member to its end. The size that a header states may lie, so bytes are counted as they come.
    fn read(&mut self, from: &mut dyn Read, packed: u64) -> Result<Vec<u8>, String> {
        let allowed = self.allows(packed);
        let mut bytes = Vec::new();
        let read = from.take(allowed + 1).read_to_end(&mut bytes);
        self.spend(bytes.len());
        match read {
            Ok(length) if length as u64 > allowed => Err(too_large()),
            Ok(_) => Ok(bytes),
            Err(_) => Err(damaged()),
        }
    }
}

fn damaged() -> String {
    "损坏".to_string()
}

fn encrypted() -> String {
    "加密".to_string()
}

fn too_many() -> String {
    format!("文件过多，只读前 {ENTRIES} 个")
}

fn too_large() -> String {
    "解压后过大".to_string()
}

/// What systems and programs leave beside the files that people put in.
fn is_junk(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| part == "__MACOSX")
        || name.starts_with("~$")
        || name.starts_with("._")
        || ["thumbs.db", ".ds_store", "desktop.ini"].contains(&name.to_lowercase().as_str())
}
