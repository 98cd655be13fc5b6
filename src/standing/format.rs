//! The department's file formats, where the campaign states them: what a report breaks never costs it its count.

use crate::campaign::Format;
use crate::message::{File, Media};

/// What a report breaks of the stated formats, a line each in Chinese. `files` are its own.
pub fn breaks(format: &Format, text: &str, files: &[&File]) -> Vec<String> {
    let mut broken = Vec::new();
    let length = text.chars().filter(|c| !c.is_whitespace()).count();
    if length < format.text_least_characters {
        broken.push(format!(
            "文字{length}字，少于{}字",
            format.text_least_characters
        ));
    }
    for file in files.iter().filter(|file| !file.decoration) {
        broken.extend(
            of_file(format, file)
                .into_iter()
                .map(|what| format!("“{}”{what}", file.name)),
        );
    }
    broken
}

fn of_file(format: &Format, file: &File) -> Vec<String> {
    let mut broken = Vec::new();
    let details = file.details.clone().unwrap_or_default();
    let ending = file
        .name
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_lowercase();
    let mut one_of = |kinds: &[String]| {
        if !kinds.is_empty() && !kinds.iter().any(|kind| kind.eq_ignore_ascii_case(&ending)) {
            broken.push(format!("不是{}格式", kinds.join("、")));
        }
    };
    match file.media {
        Media::Document => one_of(&format.text_files),
        Media::Photo => one_of(&format.photo_types),
        Media::Video => one_of(&format.video_types),
        Media::Archive | Media::Other => return broken,
    }
    if file.archive.is_none()
        && format
            .file_name
            .as_ref()
            .is_some_and(|pattern| !pattern.is_match(&file.name))
    {
        broken.push("文件名不合要求".into());
    }
    let longer = details.width.max(details.height);
    if file.media == Media::Photo && longer > 0 && longer < format.photo_least_pixels {
        broken.push(format!(
            "长边{longer}像素，小于{}像素",
            format.photo_least_pixels
        ));
    }
    let megabytes = file.bytes as f64 / 1_048_576.0;
    let most = if file.media == Media::Photo {
        format.photo_most_megabytes
    } else {
        None
    };
    if let Some(most) = most.filter(|most| megabytes > f64::from(*most)) {
        broken.push(format!("为{megabytes:.1} MB，大于{most} MB"));
    }
    let seconds = details.duration.unwrap_or_default() / 1000;
    if let Some(most) = format.video_most_seconds.filter(|most| seconds > *most) {
        broken.push(format!("长{seconds}秒，超过{most}秒"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Campaign;
    use crate::message::{Details, Reading};

    fn file(name: &str, media: Media, bytes: u64, details: Details) -> File {
        File {
            name: name.into(),
            folder: String::new(),
            archive: None,
            media,
            sha256: String::new(),
            bytes,
            taken_at: None,
            details: Some(details),
            decoration: false,
            repaired: false,
            reading: Reading::None,
        }
    }

    #[test]
    fn nothing_is_broken_where_nothing_is_stated() {
        let photo = file(
            "a.bmp",
            Media::Photo,
            50 << 20,
            Details {
                width: 10,
                height: 10,
                ..Details::default()
            },
        );
        assert!(breaks(&Campaign::default().format, "", &[&photo]).is_empty());
    }

    #[test]
    fn what_a_report_breaks_is_named() {
        let stated = r#"
            text_files = ["docx", "pdf"]
            file_name = "^.+-.+"
            photo_types = ["jpg", "jpeg"]
            photo_least_pixels = 1200
            photo_most_megabytes = 5
            video_types = ["mp4"]
            video_most_seconds = 180
            text_least_characters = 10
        "#;
        let format: Format = toml::from_str(stated).unwrap();
        let pixels = |width| Details {
            width,
            height: 20,
            ..Details::default()
        };
        let files = [
            file("沈阳-信息.wps", Media::Document, 10, Details::default()),
            file("沈阳-1.JPG", Media::Photo, 6 << 20, pixels(640)),
            file("2.jpg", Media::Photo, 10, pixels(1200)),
            file(
                "沈阳-3.mov",
                Media::Video,
                10,
                Details {
                    duration: Some(200_000),
                    ..Details::default()
                },
            ),
            file("沈阳-好.docx", Media::Document, 10, Details::default()),
        ];
        let all: Vec<&File> = files.iter().collect();
        assert_eq!(
            breaks(&format, "今日 开幕。", &all),
            [
                "文字5字，少于10字",
                "“沈阳-信息.wps”不是docx、pdf格式",
                "“沈阳-1.JPG”长边640像素，小于1200像素",
                "“沈阳-1.JPG”为6.0 MB，大于5 MB",
                "“2.jpg”文件名不合要求",
                "“沈阳-3.mov”不是mp4格式",
                "“沈阳-3.mov”长200秒，超过180秒",
            ]
        );
    }
}
