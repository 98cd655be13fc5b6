//! The tokens of HTML: tags, attributes, character references.

use std::borrow::Cow;

/// The inside of a tag and what follows it; quoted attributes may hold `>`.
pub fn split_tag(rest: &str) -> (&str, &str) {
    let mut quote = None;
    let end = rest.char_indices().take(65_536).find(|&(at, c)| {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') && rest[..at].trim_end().ends_with('=') => {
                quote = Some(c)
            }
            _ => {}
        }
        c == '>' && quote.is_none()
    });
    let end = end
        .map(|(at, _)| at)
        .or_else(|| rest.find('>'))
        .unwrap_or(rest.len());
    (&rest[..end], rest.get(end + 1..).unwrap_or_default())
}

/// What follows the end of an element whose content is no text; none where it is never closed.
pub fn after_element<'t>(name: &str, rest: &'t str) -> Option<&'t str> {
    rest.match_indices("</").find_map(|(at, _)| {
        let own = rest[at + 2..].get(..name.len())?.eq_ignore_ascii_case(name);
        own.then(|| split_tag(&rest[at + 1..]).1)
    })
}

/// Whether a style hides the element.
pub fn is_hidden(attributes: &str) -> bool {
    let Some(style) = attribute(attributes, "style") else {
        return false;
    };
    let style: String = style.to_ascii_lowercase().split_whitespace().collect();
    style.contains("display:none")
        || style.contains("visibility:hidden")
        || style.contains("mso-hide:all")
}

/// The value of an attribute, entities decoded.
pub fn attribute(attributes: &str, name: &str) -> Option<String> {
    let lower = attributes.to_ascii_lowercase();
    let at = lower.match_indices(name).map(|(at, _)| at).find(|&at| {
        let whole = lower[..at].ends_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        whole && lower[at + name.len()..].trim_start().starts_with('=')
    })?;
    let value = attributes[at + name.len()..]
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
        _ => value.split(|c: char| c.is_whitespace()).next(),
    };
    value.map(|value| entities(value).into_owned())
}

/// Character references decoded; what is none stays.
pub fn entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split('&');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let end = piece
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '#'))
            .unwrap_or(piece.len());
        match entity(&piece[..end]) {
            Some(c) => {
                out.push(c);
                out.push_str(piece[end..].strip_prefix(';').unwrap_or(&piece[end..]));
            }
            None => {
                out.push('&');
                out.push_str(piece);
            }
        }
    }
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    const NAMES: [(&str, char); 32] = [
        ("nbsp", '\u{A0}'),
        ("lt", '<'),
        ("gt", '>'),
        ("amp", '&'),
        ("quot", '"'),
        ("apos", '\''),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("mdash", '—'),
        ("ndash", '–'),
        ("hellip", '…'),
        ("middot", '·'),
        ("times", '×'),
        ("divide", '÷'),
        ("deg", '°'),
        ("plusmn", '±'),
        ("bull", '•'),
        ("ensp", ' '),
        ("emsp", '　'),
        ("thinsp", ' '),
        ("laquo", '«'),
        ("raquo", '»'),
        ("copy", '©'),
        ("reg", '®'),
        ("trade", '™'),
        ("permil", '‰'),
        ("rarr", '→'),
        ("larr", '←'),
        ("yen", '¥'),
        ("sect", '§'),
    ];
    NAMES.iter().find(|(own, _)| *own == name).map(|&(_, c)| c)
}
