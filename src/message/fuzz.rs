//! The parsers of ours, one by one, for property tests and for the targets in `fuzz/`: any bytes in, no panic.

use super::archive::{Budget, unpack};
use super::format::Format;
use super::links::Anchors;
use super::*;

/// A parser under a name.
pub type Parser = (&'static str, fn(&[u8]));

/// Every parser that we wrote.
pub const PARSERS: [Parser; 17] = [
    ("header", |bytes| {
        let headers = header::Headers::read(bytes);
        headers.file_name();
        headers.address("from");
        headers.doubled();
    }),
    ("rfc2231", |bytes| {
        let field = [b"Content-Disposition: attachment; ", bytes].concat();
        header::Headers::read(&field).file_name();
    }),
    ("encoded_word", |bytes| drop(encoded_word::decode(bytes))),
    ("date", |bytes| {
        date::parse_header(bytes);
        date::of_received(bytes);
    }),
    ("hz", |bytes| {
        drop(charset::decode(bytes, Some("hz-gb-2312")))
    }),
    ("charset", |bytes| drop(charset::decode(bytes, None))),
    ("uu", |bytes| drop(transfer::decode(bytes, "x-uuencode"))),
    ("base64", |bytes| drop(transfer::decode(bytes, "base64"))),
    ("html", |bytes| {
        let page = String::from_utf8_lossy(bytes);
        html::to_text(&page, &mut Anchors::default());
    }),
    ("quote", |bytes| {
        quote::split(&String::from_utf8_lossy(bytes), "转发");
    }),
    ("links", |bytes| {
        let mut links = Vec::new();
        Anchors::default().collect(&String::from_utf8_lossy(bytes), &mut links);
    }),
    ("ole_text", |bytes| document::fuzz_ole_text(bytes)),
    ("rtf", |bytes| document::fuzz(Format::Rtf, bytes)),
    ("pdf_layout", |bytes| document::fuzz_layout(bytes)),
    ("tnef", |bytes| {
        archive(Format::Tnef, &[&[0x78, 0x9F, 0x3E, 0x22], bytes].concat())
    }),
    ("zip", |bytes| archive(Format::Zip, bytes)),
    ("container", |bytes| {
        container::read(bytes);
        container::is_whole_picture(bytes);
    }),
];

fn archive(format: Format, bytes: &[u8]) {
    let _ = unpack(format, bytes, true, &mut Budget::default(), &mut |_, _| {});
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces on which these parsers branch, so that chance comes further than their first byte.
    const PIECES: [&[u8]; 24] = [
        b"\r\n",
        b"=?gbk?B?",
        b"?=",
        b"filename*0*=gbk''",
        b"%C4",
        b"\"",
        b";",
        b"<a href=http://pan.baidu.com/s/1>",
        b"<td>",
        b"~{",
        b"~}",
        b"begin 644 a\n",
        b"#0V%T\n",
        b"{\\rtf1",
        b"\\'c4",
        b"\\u26085",
        b"2022-05-24",
        "5月24日".as_bytes(),
        "发件人：".as_bytes(),
        b"> ",
        b"https://mp.weixin.qq.com/s/a",
        b"\xFF\xFF\xFF\x7F",
        b"PK\x03\x04",
        b"\0\0\0\x01",
    ];

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            (0..PIECES.len()).prop_map(|n| PIECES[n].to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_parser_panics(bytes in any_bytes()) {
            for (_, parse) in PARSERS {
                parse(&bytes);
            }
        }

        #[test]
        fn what_was_encoded_comes_back(text in "[ -~一-龥]{0,40}", cut in 1usize..30) {
            let bytes = text.as_bytes();
            let percent = |piece: &[u8]| piece.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let pieces: Vec<String> = bytes.chunks(cut).enumerate()
                .map(|(n, piece)| match n {
                    0 => format!("filename*0*=utf-8''{}", percent(piece)),
                    n => format!("filename*{n}*={}", percent(piece)),
                }).collect();
            let field = format!("Content-Disposition: attachment; {}", pieces.join("; "));
            let name = header::Headers::read(field.as_bytes()).file_name();
            let clean = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(clean(&name.unwrap_or_default()), clean(&text));
        }
    }
}
