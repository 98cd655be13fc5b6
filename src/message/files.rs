//! The files of a mail, each decoded, named, hashed, handed on and dropped before the next.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::archive::{self, Budget, Member};
use super::content::{File, Media, Reading};
use super::format::Format;
use super::host::{Host, Tool};
use super::{document, media, picture, text};

const ARCHIVE_DEPTH: usize = 3;
/// Texts of all files of a mail, in bytes; a clerk's whole year is shorter.
const TEXTS: usize = 16 << 20;

/// What may be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Every file.
    Files,
    /// No file: a reader was lost over one of them.
    Nothing,
}

/// What has been read of a mail's files so far.
pub struct Files<'a> {
    /// In order; an archive is followed by its members.
    pub list: Vec<File>,
    /// Keeps them.
    pub host: &'a mut dyn Host,
    open: Open,
    budget: Budget,
    /// Bytes of text that files may still have.
    texts: usize,
    /// Whether the mail has no text of its own, so that a winmail.dat may hold it.
    pub bodiless: bool,
    /// Mails that lay in archives, still to be read.
    pub mails: Vec<Vec<u8>>,
}

/// Where a file lies inside of archives.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    folder: &'a str,
    archive: Option<usize>,
    depth: usize,
}

impl<'a> Files<'a> {
    /// None yet.
    pub fn new(host: &'a mut dyn Host, open: Open) -> Self {
        Self {
            list: Vec::new(),
            host,
            open,
            budget: Budget::default(),
            texts: TEXTS,
            bodiless: false,
            mails: Vec::new(),
        }
    }

    /// Adds an attached file; `inline` says that it stands in the text.
    pub fn add(&mut self, name: &str, bytes: Cow<[u8]>, inline: bool, repaired: bool) {
        let index = self.list.len();
        self.add_at(name, bytes, inline, Place::default());
        self.list[index].repaired = repaired;
    }

    fn add_at(&mut self, name: &str, whole: Cow<[u8]>, inline: bool, place: Place) {
        let bytes = whole.as_ref();
        let sha256 = self.host.keep(bytes);
        let late = self.host.is_late();
        let unread = self.open == Open::Nothing || late;
        let format = if unread {
            Format::at_a_glance(name, bytes)
        } else {
            Format::of(name, bytes)
        };
        let media = format.media();
        let (details, taken_at) = match media {
            Media::Photo | Media::Video if !unread => {
                let (details, taken_at) = media::inspect(media, bytes);
                (Some(details), taken_at)
            }
            _ => (None, None),
        };
        self.list.push(File {
            name: text::file_name(name),
            folder: place.folder.to_string(),
            archive: place.archive,
            media,
            sha256,
            bytes: bytes.len() as u64,
            taken_at,
            details,
            repaired: false,
            decoration: inline && media == Media::Photo && media::is_decoration(name, bytes),
            reading: match media {
                Media::Document | Media::Archive if unread => {
                    Reading::Failed(if late { super::LATE } else { "未打开" }.to_string())
                }
                _ => within(&mut self.texts, document::read(format, bytes, self.host)),
            },
        });
        if matches!(media, Media::Photo | Media::Video) {
            if !unread {
                self.look_at(whole);
            }
            return;
        }
        if format == Format::Mail && place.archive.is_some() {
            self.mails.push(bytes.to_vec());
        }
        let index = self.list.len() - 1;
        if media == Media::Archive && !unread {
            self.open(index, format, bytes, place);
        } else if media == Media::Document && !unread && bytes.starts_with(b"PK") {
            self.pictures(index, format, bytes, place);
        }
    }

    /// Lists the pictures in an Office document; one that is damaged was told of by its text.
    fn pictures(&mut self, index: usize, format: Format, bytes: &[u8], place: Place) {
        if place.depth < ARCHIVE_DEPTH {
            let _ = self.unpack(index, format, bytes, place.depth + 1);
        }
    }

    /// Adds what the last file looks like. Without the tool for its format it has no thumbnail, and that is all.
    fn look_at(&mut self, bytes: Cow<[u8]>) {
        let Some(file) = self.list.last_mut().filter(|file| !file.decoration) else {
            return;
        };
        let Some(details) = &mut file.details else {
            return;
        };
        let look = match file.media {
            Media::Photo if infer::image::is_heif(&bytes) => {
                let jpeg = self.host.run(Tool::HeicPicture);
                jpeg.ok().and_then(|jpeg| picture::look(&jpeg, true))
            }
            Media::Photo => {
                let look = picture::look(&bytes, false);
                details.damaged |= look.is_none();
                look
            }
            _ => {
                // The longest files; the tool has its own look at them.
                drop(bytes);
                let frame = self.host.run(Tool::VideoFrame);
                frame.ok().and_then(|jpeg| picture::look(&jpeg, true))
            }
        };
        let Some(look) = look else { return };
        if file.media == Media::Photo {
            (details.width, details.height) = (look.width, look.height);
            details.fingerprint = Some(look.fingerprint);
        }
        details.thumbnail = Some(self.host.keep(&look.thumbnail));
    }

    fn open(&mut self, index: usize, format: Format, bytes: &[u8], place: Place) {
        let outcome = if bytes.is_empty() {
            Err("空文件".to_string())
        } else if place.depth >= ARCHIVE_DEPTH {
            Err("压缩包嵌套过深".to_string())
        } else {
            self.unpack(index, format, bytes, place.depth + 1)
        };
        if let Err(why) = outcome {
            self.list[index].reading = Reading::Failed(why);
        }
    }

    fn unpack(
        &mut self,
        index: usize,
        format: Format,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), String> {
        if depth == 1 {
            self.budget.grow(bytes.len());
        }
        let mut budget = std::mem::take(&mut self.budget);
        let body = self.bodiless;
        let outcome = archive::unpack(format, bytes, body, &mut budget, &mut |left, member| {
            std::mem::swap(&mut self.budget, left);
            let pasted = format.media() == Media::Document;
            self.add_member(index, &member, depth, pasted);
            if self.host.is_late() {
                self.budget.end();
            }
            std::mem::swap(&mut self.budget, left);
        });
        self.budget = budget;
        outcome
    }

    fn add_member(&mut self, archive: usize, member: &Member, depth: usize, pasted: bool) {
        let (folder, name) = member.path.rsplit_once('/').unwrap_or(("", &member.path));
        let parts = folder
            .split('/')
            .filter(|part| !part.trim_matches(['.', ' ']).is_empty());
        let folder = parts.map(text::file_name).collect::<Vec<_>>().join("/");
        self.add_at(
            name,
            Cow::Borrowed(&member.bytes),
            pasted,
            Place {
                folder: &folder,
                archive: Some(archive),
                depth,
            },
        );
    }
}

/// The reading, unless its text is longer than what is left for texts.
fn within(left: &mut usize, reading: Reading) -> Reading {
    if let Reading::Text(text) = &reading {
        match left.checked_sub(text.len()) {
            Some(less) => *left = less,
            None => return Reading::Failed("文字过多".to_string()),
        }
    }
    reading
}

/// Sha256 in lower case hex: the name by which bytes are kept.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    let two = |byte: &u8| [digit(byte >> 4), digit(byte & 0xf)];
    bytes.iter().flat_map(two).collect()
}
