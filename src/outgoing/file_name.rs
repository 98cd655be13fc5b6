//! Names of files and folders that Windows takes, whatever a mail called them.

use std::collections::HashSet;

/// Characters of one name: a path of three levels stays under Windows' 260.
const LONGEST: usize = 48;

/// Free of `<>:"/\|?*`, control and direction characters, of the ends and device names that Windows refuses, and not too long.
pub fn safe(name: &str) -> String {
    let replaced: String = name
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'))
        .map(|c| if r#"<>:"/\|?*"#.contains(c) { '_' } else { c })
        .collect();
    let name = short(&replaced);
    if name.is_empty() {
        return "未命名".into();
    }
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device)
            .is_some_and(|n| n.len() == 1 && n != "0" && n.chars().all(|c| c.is_ascii_digit()))
    };
    let device =
        ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT");
    if device {
        short(&format!("_{name}"))
    } else {
        name
    }
}

/// Without dots and blanks at its ends, which Windows drops or hides, also where it had to be cut.
fn short(name: &str) -> String {
    let at_an_end = |c: char| c == '.' || c.is_whitespace();
    let cut: String = name.trim_matches(at_an_end).chars().take(LONGEST).collect();
    cut.trim_end_matches(at_an_end).to_owned()
}

/// `safe`, and unlike all names that `taken` holds; Windows does not tell cases apart.
pub fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let name = safe(name);
    let mut candidate = name.clone();
    let mut n = 1;
    while !taken.insert(candidate.to_lowercase()) {
        n += 1;
        candidate = format!("{name}（{n}）");
    }
    candidate
}

/// The ending of a file's name with its dot, in lower case; empty where it has none that is safe.
pub fn ending(name: &str) -> String {
    let ending = name
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    let usable =
        (1..=5).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_alphanumeric());
    if usable {
        format!(".{ending}")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_refuses_is_replaced() {
        for (name, is) in [
            ("a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"),
            ("CON", "_CON"),
            ("com1.txt", "_com1.txt"),
            ("Computer", "Computer"),
            ("标题. ", "标题"),
            ("..", "未命名"),
            (".\u{2000}A", "A"),
            ("图\u{202E}gpj.exe", "图gpj.exe"),
            ("一\n二", "一二"),
        ] {
            assert_eq!(safe(name), is, "{name:?}");
        }
        let device = safe(&format!("CON.{}", "长".repeat(60)));
        assert!(device.starts_with("_CON.") && safe(&device) == device);
        let mut taken = HashSet::new();
        assert_eq!(
            [unique("A", &mut taken), unique("a", &mut taken)],
            ["A", "a（2）"]
        );
        assert_eq!(
            [ending("a.JPG"), ending("a"), ending("a.b/c")],
            [".jpg", "", ""]
        );
    }

    proptest::proptest! {
        #[test]
        fn every_name_is_safe_and_stays_so(name: String) {
            let once = safe(&name);
            proptest::prop_assert_eq!(safe(&once), once.clone());
            proptest::prop_assert!(!once.is_empty() && once.chars().count() <= LONGEST);
            proptest::prop_assert!(!once.contains(['/', '\\', ':', '\n', '\0']));
        }
    }
}
