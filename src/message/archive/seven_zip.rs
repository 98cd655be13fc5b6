//! 7z.

use std::io::Cursor;

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::{Budget, Member, Take, damaged, encrypted, is_junk, too_large};

/// For headers and for dictionaries, each.
const MEMORY_KIB: usize = 256 << 10;

pub fn unpack(bytes: &[u8], budget: &mut Budget, take: &mut Take) -> Result<(), String> {
    let mut archive =
        ArchiveReader::new_with_memory_limit(Cursor::new(bytes), Password::empty(), MEMORY_KIB)
            .map_err(|error| reason(&error))?;
    archive.set_thread_count(1);
    let mut refused = None;
    let outcome = archive.for_each_entries(|entry, from| {
        let path = entry.name().replace('\\', "/");
        let packed = bytes.len() as u64;
        let unwanted = entry.is_directory() || entry.is_anti_item() || is_junk(&path);
        let member = match unwanted {
            true => budget.pass_over(from, packed).map(|()| None),
            false => budget
                .enter()
                .and_then(|()| budget.read(from, packed).map(Some)),
        };
        match member {
            Ok(None) => {}
            Ok(Some(bytes)) => take(budget, Member { path, bytes }),
            Err(why) => {
                refused = Some(why);
                return Err(Error::Other("refused".into()));
            }
        }
        Ok(true)
    });
    match (outcome, refused) {
        // A password shows first as bytes that make no sense.
        (Err(error), _) if is_encrypted(&error) => Err(encrypted()),
        (_, Some(why)) => Err(why),
        (outcome, None) => outcome.map_err(|error| reason(&error)),
    }
}

fn is_encrypted(error: &Error) -> bool {
    matches!(error, Error::PasswordRequired | Error::MaybeBadPassword(_))
}

fn reason(error: &Error) -> String {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => encrypted(),
        Error::MaxMemLimited { .. } => too_large(),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) => {
            "压缩方式不支持".to_string()
        }
        _ => damaged(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By py7zr, whose source is the peer that most often writes 7z on servers: see tests/files/README.md.
    const CHINESE: &[u8] = include_bytes!("../../../tests/files/chinese-names.7z");
    const PASSWORD: &[u8] = include_bytes!("../../../tests/files/password.7z");

    fn unpacked(bytes: &[u8]) -> (Vec<(String, usize)>, Result<(), String>) {
        let mut members = Vec::new();
        let outcome = unpack(bytes, &mut Budget::default(), &mut |_, member| {
            members.push((member.path, member.bytes.len()));
        });
        (members, outcome)
    }

    #[test]
    fn chinese_names_are_read() {
        let (mut members, outcome) = unpacked(CHINESE);
        members.sort();
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            members,
            [
                ("日报.txt".to_string(), 12),
                ("照片/合影.jpg".to_string(), 5000)
            ]
        );
    }

    #[test]
    fn a_password_is_named() {
        assert_eq!(unpacked(PASSWORD), (Vec::new(), Err(encrypted())));
    }

    #[test]
    fn a_broken_archive_is_survived() {
        for end in 0..CHINESE.len() {
            assert!(unpacked(&CHINESE[..end]).1.is_err(), "cut at {end}");
        }
    }
}
