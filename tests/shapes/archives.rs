//! Archives that grow, nest, lie, or lead elsewhere.

use std::io::{Cursor, Write};

use rars::{ArchiveVersion, Builder};
use sevenz_rust2::{ArchiveEntry, ArchiveWriter};
use zip::write::SimpleFileOptions;

use super::{Shape, attached, crc32, find};

const MEGABYTE: usize = 1 << 20;
const LEADING_ELSEWHERE: [&str; 5] = [
    "../../../etc/passwd",
    "/etc/shadow",
    "C:\\Windows\\System32\\a.txt",
    "a/../../b.txt",
    "名\n称\u{202E}txt.exe",
];

/// Every attack by an archive.
pub fn all() -> Vec<Shape> {
    [zips(), rars(), seven_zips(), tnefs(), others()]
        .into_iter()
        .flatten()
        .collect()
}

fn zips() -> Vec<Shape> {
    vec![
        attached(
            "zip-by-ratio",
            "a.zip",
            &zipped(&[("a.txt", &zeros(30))]),
            "解压后过大",
        ),
        attached("zip-by-count", "a.zip", &many_in_zip(3000), "文件过多"),
        attached(
            "zip-by-depth",
            "a.zip",
            &nested(6, |inner| zipped(&[("a.zip", inner)])),
            "压缩包嵌套过深",
        ),
        attached("zip-like-42", "a.zip", &forty_two(), "压缩包嵌套过深"),
        attached("zip-overlapping", "a.zip", &overlapping(), "解压后过大"),
        attached("zip-of-itself", "a.zip", &of_itself(), "损坏"),
        attached(
            "zip-of-a-million-names",
            "a.zip",
            &million_names(),
            "文件过多",
        ),
        attached("zip-lying-small", "a.zip", &lying(30, 10), "损坏"),
        attached("zip-lying-large", "a.zip", &lying(1, u32::MAX - 1), None),
        attached(
            "zip-leading-elsewhere",
            "a.zip",
            &zipped(&LEADING_ELSEWHERE.map(|name| (name, &b"x"[..]))),
            None,
        ),
        attached(
            "zip-with-a-long-name",
            "a.zip",
            &zipped(&[(&"长".repeat(20_000), b"x")]),
            None,
        ),
        attached("zip-symlink", "a.zip", &symlinked(), None),
    ]
}

fn rars() -> Vec<Shape> {
    let many: Vec<(String, Vec<u8>)> = (0..3000)
        .map(|n| (format!("{n}.txt"), vec![b'x']))
        .collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    vec![
        attached(
            "rar-by-ratio",
            "a.rar",
            &rar(&[("a.txt", &zeros(12))]),
            "解压后过大",
        ),
        attached("rar-by-count", "a.rar", &rar(&many), "文件过多"),
        attached(
            "rar-by-depth",
            "a.rar",
            &nested(6, |inner| rar(&[("a.rar", inner)])),
            "压缩包嵌套过深",
        ),
        attached(
            "rar-leading-elsewhere",
            "a.rar",
            &rar_leading_elsewhere(),
            None,
        ),
        attached("rar-symlink", "a.rar", &rar_symlink(), "压缩方式不支持"),
        attached("rar-lying-large", "a.rar", &rar_lying(), "损坏"),
    ]
}

fn seven_zips() -> Vec<Shape> {
    let many: Vec<(String, Vec<u8>)> = (0..3000)
        .map(|n| (format!("{n}.txt"), vec![b'x']))
        .collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let hidden: [(&str, &[u8]); 2] = [("~$a.txt", &zeros(30)), ("b.txt", b"x")];
    vec![
        attached(
            "7z-by-ratio",
            "a.7z",
            &seven_zip(&[("a.txt", &zeros(30))]),
            "解压后过大",
        ),
        attached(
            "7z-by-ratio-in-what-is-passed-over",
            "a.7z",
            &seven_zip(&hidden),
            "解压后过大",
        ),
        attached("7z-by-count", "a.7z", &seven_zip(&many), "文件过多"),
        attached(
            "7z-by-depth",
            "a.7z",
            &nested(6, |inner| seven_zip(&[("a.7z", inner)])),
            "压缩包嵌套过深",
        ),
        attached(
            "7z-leading-elsewhere",
            "a.7z",
            &seven_zip(&LEADING_ELSEWHERE.map(|name| (name, &b"x"[..]))),
            None,
        ),
        attached("7z-lying-header", "a.7z", &seven_zip_lying(), "损坏"),
    ]
}

fn tnefs() -> Vec<Shape> {
    let bomb = [
        tnef_attribute(0x0006_9002, &[0; 14]),
        tnef_attribute(0x0001_8010, b"a.zip\0"),
        tnef_attribute(0x0006_800F, &zipped(&[("a.txt", &zeros(30))])),
    ]
    .concat();
    let begin = tnef_attribute(0x0006_9002, &[0; 14]);
    let mut lying = tnef_attribute(0x0006_800F, b"x");
    lying[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
    let properties = [
        &u32::MAX.to_le_bytes()[..],
        &[0x1F, 0, 7, 0x37],
        &u32::MAX.to_le_bytes(),
    ]
    .concat();
    let counted = tnef_attribute(0x0006_9003, &properties);
    vec![
        attached(
            "tnef-with-a-bomb",
            "winmail.dat",
            &tnef(&bomb),
            "解压后过大",
        ),
        attached(
            "tnef-by-count",
            "winmail.dat",
            &tnef(&begin.repeat(3000)),
            "文件过多",
        ),
        attached(
            "tnef-by-depth",
            "winmail.dat",
            &nested(6, tnef_around),
            "压缩包嵌套过深",
        ),
        attached(
            "tnef-lying-length",
            "winmail.dat",
            &tnef(&[begin, lying].concat()),
            "损坏",
        ),
        attached("tnef-lying-count", "winmail.dat", &tnef(&counted), None),
    ]
}

/// Formats that are not unpacked at all.
fn others() -> Vec<Shape> {
    let gz = [
        &b"\x1F\x8B\x08\0\0\0\0\0\0\x03"[..],
        &zipped(&[("a", &zeros(30))])[31..],
    ]
    .concat();
    let mut tar = b"../../etc/passwd".to_vec();
    tar.resize(257, 0);
    tar.extend(b"ustar\x0000");
    tar.resize(10_240, 0);
    vec![
        attached("gz-by-ratio", "a.tar.gz", &gz, "格式暂不支持"),
        attached("tar-leading-elsewhere", "a.tar", &tar, "格式暂不支持"),
    ]
}

fn zeros(megabytes: usize) -> Vec<u8> {
    vec![0; megabytes * MEGABYTE]
}

/// An archive around an archive around … an archive of nothing much.
fn nested(levels: usize, around: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    (0..levels).fold(around(b"x"), |inner, _| around(&inner))
}

/// A zip of these members.
pub fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A zip of one member under many names: the central directory leads to the same bytes again and again.
pub fn shared(name: &str, bytes: &[u8], names: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(name, SimpleFileOptions::default())
        .unwrap();
    writer.write_all(bytes).unwrap();
    for other in names {
        writer.shallow_copy_file(name, &other).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn many_in_zip(count: usize) -> Vec<u8> {
    shared("0.bin", b"x", (1..count).map(|n| format!("{n}.bin")))
}

/// 16 in 16 in 16 in 16 archives, and 4 MB in each of the last: 256 GB, had they an end.
fn forty_two() -> Vec<u8> {
    let sixteen = |inner: &[u8]| shared("0.zip", inner, (1..16).map(|n| format!("{n}.zip")));
    (0..4).fold(zipped(&[("0.dll", &zeros(4))]), |inner, _| sixteen(&inner))
}

/// Fifield's bomb, in its plainest dress: each name is 9 MB, all of them are the same few bytes.
fn overlapping() -> Vec<u8> {
    shared("0.bin", &zeros(9), (1..1000).map(|n| format!("{n}.bin")))
}

/// The member is stored from the archive's first byte on, so that it holds the archive.
fn of_itself() -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a.zip", options).unwrap();
    writer.write_all(&[b'x'; 100]).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let length = (bytes.len() as u32).to_le_bytes();
    let directory = find(&bytes, b"PK\x01\x02");
    for (head, sizes) in [(0, 18), (directory, 20)] {
        bytes[head + sizes..head + sizes + 4].copy_from_slice(&length);
        bytes[head + sizes + 4..head + sizes + 8].copy_from_slice(&length);
    }
    bytes
}

/// 50 bytes of directory each for names of the same member.
fn million_names() -> Vec<u8> {
    let mut bytes = zipped(&[("abcd", b"x")]);
    let directory = find(&bytes, b"PK\x01\x02");
    let entry = bytes[directory..directory + 50].to_vec();
    bytes.truncate(directory);
    let count = 300_000u64;
    for n in 0..count {
        bytes.extend(&entry[..46]);
        bytes.extend(format!("{n:04x}").bytes().rev().take(4));
    }
    let end = bytes.len() as u64;
    let (start, length) = (directory as u64, end - directory as u64);
    // The directory's end of zip64, its locator, and the old end that points to neither.
    bytes.extend(b"PK\x06\x06");
    for number in [44, 45 | 45 << 16, 0, count, count, length, start] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(
        [
            &b"PK\x06\x07\0\0\0\0"[..],
            &end.to_le_bytes(),
            &[1, 0, 0, 0],
        ]
        .concat(),
    );
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xFF; 12], &[0, 0]].concat());
    bytes
}

/// A member of zeros whose headers state another length.
fn lying(megabytes: usize, stated: u32) -> Vec<u8> {
    let mut bytes = zipped(&[("a.bin", &zeros(megabytes))]);
    let directory = find(&bytes, b"PK\x01\x02");
    for at in [22, directory + 24] {
        bytes[at..at + 4].copy_from_slice(&stated.to_le_bytes());
    }
    bytes
}

fn symlinked() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_symlink("link", "/etc/passwd", options).unwrap();
    writer.finish().unwrap().into_inner()
}

fn rar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(ArchiveVersion::Rar50).allow_duplicate_names(true);
    for (name, bytes) in members {
        builder
            .add_bytes(name.as_bytes().to_vec(), bytes.to_vec(), None, None)
            .unwrap();
    }
    builder.to_bytes().unwrap()
}

fn rar_symlink() -> Vec<u8> {
    let mut builder = Builder::new(ArchiveVersion::Rar50);
    builder
        .add_unix_symlink(b"link".to_vec(), b"/etc/passwd".to_vec(), false, None, None)
        .unwrap();
    builder.to_bytes().unwrap()
}

/// The file header states more bytes than the member has; its checksum is right.
fn rar_lying() -> Vec<u8> {
    let bytes = rar(&[("a.txt", &[b'x'; 100])]);
    rar_patched(bytes, b"a.txt", |header, name| header[name - 12] = 0x7F)
}

/// A writer refuses names that lead elsewhere, so they are put in afterwards.
fn rar_leading_elsewhere() -> Vec<u8> {
    let harmless: Vec<String> = (0..)
        .zip(LEADING_ELSEWHERE)
        .map(|(n, name)| format!("{n}{}", "_".repeat(name.len() - 1)))
        .collect();
    let members: Vec<(&str, &[u8])> = harmless
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    let pairs = harmless.iter().zip(LEADING_ELSEWHERE);
    pairs.fold(rar(&members), |bytes, (harmless, name)| {
        rar_patched(bytes, harmless.as_bytes(), |header, at| {
            header[at..at + name.len()].copy_from_slice(name.as_bytes());
        })
    })
}

/// Changes the header that holds a name, and puts its checksum right: four bytes, before a size and what it counts.
fn rar_patched(mut bytes: Vec<u8>, name: &[u8], change: impl Fn(&mut [u8], usize)) -> Vec<u8> {
    let name = find(&bytes, name);
    let end_of = |bytes: &[u8], head: usize| head + 5 + usize::from(bytes[head + 4]);
    let sum =
        |bytes: &[u8], head: usize| crc32(&bytes[head + 4..end_of(bytes, head)]).to_le_bytes();
    let head = (8..name - 4).rev().find(|&head| {
        let end = end_of(&bytes, head);
        end > name && end < bytes.len() && sum(&bytes, head) == bytes[head..head + 4]
    });
    let head = head.expect("a header");
    change(&mut bytes, name);
    let sum = sum(&bytes, head);
    bytes[head..head + 4].copy_from_slice(&sum);
    bytes
}

fn seven_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let entries = members
        .iter()
        .map(|(name, _)| ArchiveEntry::new_file(name))
        .collect();
    let sources = members.iter().map(|(_, bytes)| Cursor::new(*bytes).into());
    writer
        .push_archive_entries(
            entries,
            sources.collect::<Vec<sevenz_rust2::SourceReader<_>>>(),
        )
        .unwrap();
    writer.finish().unwrap().into_inner()
}

/// The start header says that the next one has exabytes; its checksum is right.
fn seven_zip_lying() -> Vec<u8> {
    let mut bytes = seven_zip(&[("a.txt", b"x")]);
    bytes[20..28].copy_from_slice(&(u64::MAX >> 4).to_le_bytes());
    let sum = crc32(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn tnef(attributes: &[u8]) -> Vec<u8> {
    [&0x223E_9F78u32.to_le_bytes()[..], &[1, 0], attributes].concat()
}

fn tnef_attribute(id: u32, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u32).to_le_bytes();
    [&[2][..], &id.to_le_bytes(), &length, data, &[0, 0]].concat()
}

fn tnef_around(inner: &[u8]) -> Vec<u8> {
    let parts = [
        tnef_attribute(0x0006_9002, &[0; 14]),
        tnef_attribute(0x0001_8010, b"winmail.dat\0"),
        tnef_attribute(0x0006_800F, inner),
    ];
    tnef(&parts.concat())
}
