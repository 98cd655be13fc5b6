//! The parameters of header fields such as Content-Type (RFC 2045, RFC 2231).

use super::{charset, encoded_word, transfer};

/// The `; name=value` list of a field, in order.
#[derive(Default)]
pub struct Parameters {
    list: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the list of a field, whose charset is settled already.
    pub fn read(field: &str) -> Self {
        let list = split_unquoted(field)
            .into_iter()
            .skip(1)
            .filter_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquote(value)))
            });
        Self {
            list: list.collect(),
        }
    }

    /// A plain parameter, its quotes taken off.
    pub fn simple(&self, name: &str) -> Option<String> {
        self.list
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
    }

    /// RFC 2231: the pieces are joined as bytes first, since senders cut inside characters, and then decoded
    /// with the charset that only the first one names.
    pub fn extended(&self, name: &str) -> Option<String> {
        let mut pieces: Vec<(u32, bool, &str)> = self
            .list
            .iter()
            .filter_map(|(own, value)| piece(own, name, value))
            .collect();
        pieces.sort_by_key(|&(number, ..)| number);
        let &(_, encoded, first) = pieces.first()?;
        let mut marks = first.splitn(3, '\'');
        let (label, value) = match (encoded, marks.next(), marks.next(), marks.next()) {
            (true, Some(label), Some(_), Some(value)) => (Some(label), value),
            _ => (None, first),
        };
        let rest = pieces[1..]
            .iter()
            .map(|&(_, encoded, value)| (encoded, value));
        let bytes: Vec<u8> = std::iter::once((encoded, value))
            .chain(rest)
            .flat_map(piece_bytes)
            .collect();
        Some(encoded_word::decode_str(&charset::decode(&bytes, label)))
    }
}

/// Number, whether it is percent-encoded, and value of a piece such as `filename*1*`.
fn piece<'a>(own: &str, name: &str, value: &'a str) -> Option<(u32, bool, &'a str)> {
    let mark = own.strip_prefix(name)?.strip_prefix('*')?;
    match mark.strip_suffix('*') {
        _ if mark.is_empty() => Some((0, true, value)),
        Some(number) => Some((number.parse().ok()?, true, value)),
        None => Some((mark.parse().ok()?, false, value)),
    }
}

fn piece_bytes((encoded, value): (bool, &str)) -> Vec<u8> {
    if encoded {
        transfer::percent(value.as_bytes())
    } else {
        value.as_bytes().to_vec()
    }
}

fn split_unquoted(field: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    field
        .split(move |c| {
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped && quoted;
            c == ';' && !quoted
        })
        .collect()
}

/// Takes quotes off; a backslash escapes only a quote or itself, as Windows paths arrive unescaped.
pub fn unquote(value: &str) -> String {
    let value: String = value
        .trim()
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let Some(inner) = value.strip_prefix('"') else {
        return value;
    };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    inner.replace("\\\"", "\"").replace("\\\\", "\\")
}
