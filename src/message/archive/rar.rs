//! RAR 1.5 to 7.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use rars::{
    ArchiveMember, ArchiveReadOptions, ArchiveReader, Error, ErrorKind, ExtractionDecision,
};

use super::{Budget, Member, Take, damaged, encrypted, is_junk, too_large};
use crate::message::charset;

/// Dictionaries of RAR 7 may be larger than a reader's memory.
const DICTIONARY: u64 = 128 << 20;

pub fn unpack(bytes: &[u8], budget: &mut Budget, take: &mut Take) -> Result<(), String> {
    let options = ArchiveReadOptions::new()
        .with_max_header_count(10_000)
        .with_max_header_bytes(16 << 20)
        .with_max_member_output_bytes(budget.allows(bytes.len() as u64))
        .with_max_total_output_bytes(budget.bytes)
        .with_rar50_dictionary_size_limit(DICTIONARY);
    let archive =
        ArchiveReader::read_with_options(bytes, options).map_err(|error| reason(&error))?;
    let open: Rc<RefCell<Vec<u8>>> = Rc::default();
    let mut path: Option<String> = None;
    let mut refused = None;
    let outcome = archive.extract_with_control(options, |member| {
        close(&mut path, &open, budget, take);
        match begin(member, budget) {
            Ok(None) => return Ok(ExtractionDecision::Extract(Box::new(io::sink()))),
            Ok(Some(name)) => path = Some(name),
            Err(why) => {
                refused = Some(why);
                return Ok(ExtractionDecision::Stop);
            }
        }
        Ok(ExtractionDecision::Extract(Box::new(Sink(Rc::clone(
            &open,
        )))))
    });
    match (outcome, refused) {
        (_, Some(why)) => Err(why),
        (Err(error), None) => Err(reason(&error)),
        (Ok(_), None) => {
            close(&mut path, &open, budget, take);
            Ok(())
        }
    }
}

/// The path of a member to keep; none for folders, links and junk.
fn begin(member: &ArchiveMember, budget: &mut Budget) -> Result<Option<String>, String> {
    let meta = &member.meta;
    if meta.is_split_before || meta.is_split_after {
        return Err("分卷压缩包，不完整".to_string());
    }
    if meta.is_encrypted {
        return Err(encrypted());
    }
    let path = match member.name_is_unicode() {
        true => String::from_utf8_lossy(&meta.name).into_owned(),
        false => charset::decode(&meta.name, Some("gbk")),
    };
    let path = path.replace('\\', "/");
    if meta.is_directory || meta.is_redirection || is_junk(&path) {
        return Ok(None);
    }
    budget.enter()?;
    Ok(Some(path))
}

/// A member is whole when the next one begins, or the archive ends well.
fn close(path: &mut Option<String>, open: &RefCell<Vec<u8>>, budget: &mut Budget, take: &mut Take) {
    let bytes = std::mem::take(&mut *open.borrow_mut());
    if let Some(path) = path.take() {
        budget.spend(bytes.len());
        take(budget, Member { path, bytes });
    }
}

struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::PasswordRequired | ErrorKind::BadPassword => encrypted(),
        ErrorKind::ResourceLimit => too_large(),
        ErrorKind::UnsupportedFeature => "压缩方式不支持".to_string(),
        _ => damaged(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rars::{ArchiveVersion, Builder};

    fn rar(version: ArchiveVersion, files: &[(&[u8], &[u8])], password: Option<&[u8]>) -> Vec<u8> {
        let mut builder = Builder::new(version).password(password.map(<[u8]>::to_vec));
        for (name, bytes) in files {
            builder
                .add_bytes(name.to_vec(), bytes.to_vec(), None, None)
                .unwrap();
        }
        builder.to_bytes().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> (Vec<(String, usize)>, Result<(), String>) {
        let mut members = Vec::new();
        let outcome = unpack(bytes, &mut Budget::default(), &mut |_, member| {
            members.push((member.path, member.bytes.len()));
        });
        (members, outcome)
    }

    #[test]
    fn chinese_names_of_both_generations_are_read() {
        let gbk = encoding_rs::GBK.encode("照片\\誠信.txt").0.into_owned();
        let old = rar(
            ArchiveVersion::Rar40,
            &[(&gbk, b"abc"), (b"~$a.docx", b"x"), (b"b.txt", b"")],
            None,
        );
        let both = vec![("照片/誠信.txt".to_string(), 3), ("b.txt".to_string(), 0)];
        assert_eq!(unpacked(&old), (both, Ok(())));
        let new = rar(
            ArchiveVersion::Rar50,
            &[("照片/合影.jpg".as_bytes(), &[7; 5000])],
            None,
        );
        assert_eq!(
            unpacked(&new),
            (vec![("照片/合影.jpg".to_string(), 5000)], Ok(()))
        );
    }

    #[test]
    fn a_password_is_named() {
        for version in [ArchiveVersion::Rar40, ArchiveVersion::Rar50] {
            let (members, outcome) =
                unpacked(&rar(version, &[(b"a.txt", b"abc")], Some(b"secret")));
            assert_eq!((members.len(), outcome), (0, Err(encrypted())));
        }
    }

    #[test]
    fn a_bomb_and_a_broken_archive_are_stopped() {
        let bomb = rar(
            ArchiveVersion::Rar50,
            &[(b"a.txt", b"a"), (b"bomb", &vec![0; 11 << 20])],
            None,
        );
        assert_eq!(unpacked(&bomb).1, Err(too_large()));
        let whole = rar(ArchiveVersion::Rar50, &[(b"a.txt", &[9; 3000])], None);
        assert!(unpacked(&whole[..whole.len() - 40]).0.len() <= 1);
        assert_eq!(unpacked(b"Rar!\x1A\x07\x01\0 rubbish").1, Err(damaged()));
    }
}
