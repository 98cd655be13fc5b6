//! The true format of a file: by its bytes, then by a second look inside of containers, last by its name.

use std::io::Cursor;

use super::archive;
use super::content::Media;

/// What a file is, as far as this stage treats it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Photo,
    Video,
    Docx,
    Doc,
    Sheet,
    Slides,
    Rtf,
    Pdf,
    Text,
    Page,
    Zip,
    Rar,
    SevenZip,
    OtherArchive,
    /// Outlook's winmail.dat, a container of its own.
    Tnef,
    /// An Office file behind a password: OLE2 around the encrypted zip.
    Locked,
    Mail,
    Other,
}

impl Format {
    /// Looks at the bytes; the name decides only where they do not.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let by_name = Self::by_name(name);
        match Self::by_magic(bytes) {
            Some(Self::Zip) => inside_zip(bytes).unwrap_or(if by_name.is_office() {
                by_name
            } else {
                Self::Zip
            }),
            Some(Self::Doc) => inside_ole(bytes).unwrap_or(if by_name.is_office() {
                by_name
            } else {
                Self::Other
            }),
            Some(format) => format,
            None => by_name.without_magic(bytes),
        }
    }

    /// The same without the second look inside of containers.
    pub fn at_a_glance(name: &str, bytes: &[u8]) -> Self {
        let by_name = Self::by_name(name);
        match Self::by_magic(bytes) {
            Some(Self::Zip | Self::Doc) if by_name.is_office() => by_name,
            Some(format) => format,
            None => by_name.without_magic(bytes),
        }
    }

    /// The kind of thing that it is to a reader of reports.
    pub fn media(self) -> Media {
        match self {
            Self::Photo => Media::Photo,
            Self::Video => Media::Video,
            Self::Docx
            | Self::Doc
            | Self::Sheet
            | Self::Slides
            | Self::Rtf
            | Self::Pdf
            | Self::Text
            | Self::Locked
            | Self::Page => Media::Document,
            Self::Zip | Self::Rar | Self::SevenZip | Self::OtherArchive | Self::Tnef => {
                Media::Archive
            }
            Self::Mail | Self::Other => Media::Other,
        }
    }

    fn by_magic(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Self::Doc,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            [b'%', b'P', b'D', b'F', ..] => Self::Pdf,
            [b'{', b'\\', b'r', b't', b'f', ..] => Self::Rtf,
            [b'R', b'a', b'r', b'!', ..] => Self::Rar,
            [b'7', b'z', 0xBC, 0xAF, ..] => Self::SevenZip,
            [b'M', b'Z', ..] => Self::Other,
            [0x78, 0x9F, 0x3E, 0x22, ..] => Self::Tnef,
            [_, _, _, _, b'f', b't', b'y', b'p', b'3', b'g', ..] => Self::Video,
            _ => {
                let kind = infer::get(bytes)?;
                match (kind.matcher_type(), kind.mime_type()) {
                    (
                        infer::MatcherType::Image,
                        "image/vnd.dwg"
                        | "image/vnd.adobe.photoshop"
                        | "image/vnd.microsoft.icon"
                        | "image/vnd.djvu",
                    ) => Self::Other,
                    (infer::MatcherType::Image, _) => Self::Photo,
                    (infer::MatcherType::Video, _) => Self::Video,
                    (
                        infer::MatcherType::Archive,
                        "application/gzip"
                        | "application/x-tar"
                        | "application/x-bzip2"
                        | "application/x-xz",
                    ) => Self::OtherArchive,
                    (infer::MatcherType::App, _) => Self::Other,
                    _ => return None,
                }
            }
        })
    }

    fn by_name(name: &str) -> Self {
        let ending = name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase())
            .unwrap_or_default();
        match ending.as_str() {
            "docx" | "docm" | "dotx" => Self::Docx,
            "doc" | "wps" | "dot" | "wpt" => Self::Doc,
            "xlsx" | "xlsm" | "xls" | "et" | "xlsb" => Self::Sheet,
            "pptx" | "ppt" | "dps" => Self::Slides,
            "rtf" => Self::Rtf,
            "pdf" => Self::Pdf,
            "txt" | "csv" | "md" | "text" => Self::Text,
            "htm" | "html" | "mht" => Self::Page,
            "eml" => Self::Mail,
            "zip" => Self::Zip,
            "rar" => Self::Rar,
            "7z" => Self::SevenZip,
            _ => Self::Other,
        }
    }

    /// Content without a signature: text under a name that promises more is often a page saved as .doc.
    fn without_magic(self, bytes: &[u8]) -> Self {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(512)])
            .trim_start()
            .to_ascii_lowercase();
        match self {
            Self::Doc | Self::Sheet | Self::Text if is_page(&start) => Self::Page,
            Self::Doc if !bytes.is_empty() && is_text(bytes) => Self::Text,
            own => own,
        }
    }

    fn is_office(self) -> bool {
        matches!(self, Self::Docx | Self::Doc | Self::Sheet | Self::Slides)
    }
}

fn is_page(start: &str) -> bool {
    [
        "<html",
        "<!doctype html",
        "<table",
        "<meta",
        "<head",
        "<body",
    ]
    .iter()
    .any(|tag| start.starts_with(tag))
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes[..bytes.len().min(4096)].iter().any(|&b| b < 9)
}

fn inside_zip(bytes: &[u8]) -> Option<Format> {
    if archive::has_too_many(bytes) {
        return Some(Format::Zip);
    }
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let holds = |name: &str| archive.index_for_name(name).is_some();
    [
        ("word/document.xml", Format::Docx),
        ("xl/workbook.xml", Format::Sheet),
        ("xl/workbook.bin", Format::Sheet),
        ("ppt/presentation.xml", Format::Slides),
    ]
    .into_iter()
    .find(|(name, _)| holds(name))
    .map_or(Some(Format::Zip), |(_, format)| Some(format))
}

fn inside_ole(bytes: &[u8]) -> Option<Format> {
    let file = cfb::CompoundFile::open(Cursor::new(bytes)).ok()?;
    [
        ("/WordDocument", Format::Doc),
        ("/Workbook", Format::Sheet),
        ("/Book", Format::Sheet),
        ("/PowerPoint Document", Format::Slides),
        ("/EncryptedPackage", Format::Locked),
    ]
    .into_iter()
    .find(|(name, _)| file.is_stream(name))
    .map(|(_, format)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beat_the_name() {
        assert_eq!(
            Format::of("a.docx", b"\xFF\xD8\xFF\xE0 JFIF"),
            Format::Photo
        );
        assert_eq!(Format::of("合影exe.jpg", b"MZ\x90\0"), Format::Other);
        assert_eq!(Format::of("a.jpg", b"%PDF-1.4"), Format::Pdf);
        assert_eq!(Format::of("日报", b"{\\rtf1"), Format::Rtf);
    }

    fn ole(stream: &str) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_stream(stream).unwrap();
        file.into_inner().into_inner()
    }

    #[test]
    fn a_second_look_tells_ole_files_apart() {
        assert_eq!(
            Format::of("a.docx", &ole("/EncryptedPackage")),
            Format::Locked
        );
        assert_eq!(Format::of("a.wps", &ole("/WordDocument")), Format::Doc);
        assert_eq!(Format::of("a.doc", &ole("/Workbook")), Format::Sheet);
        assert_eq!(Format::of("a.et", &ole("/Unknown")), Format::Sheet);
        assert_eq!(Format::of("Thumbs.db", &ole("/Catalog")), Format::Other);
    }

    #[test]
    fn the_name_decides_where_the_bytes_do_not() {
        assert_eq!(Format::of("日报.docx", b""), Format::Docx);
        assert_eq!(Format::of("日报.docx", b"PK\x03\x04 cut off"), Format::Docx);
        assert_eq!(Format::of("日报.doc", b"<html><p>"), Format::Page);
        assert_eq!(Format::of("日报.doc", "日报".as_bytes()), Format::Text);
        assert_eq!(Format::of("日报.jpg", b""), Format::Other);
        assert_eq!(Format::of("日报.exe", b""), Format::Other);
        assert_eq!(Format::of("转发.EML", b"From: a@b\r\n"), Format::Mail);
    }
}
